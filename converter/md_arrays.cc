#include "converter/md_arrays.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace rehost {
namespace {

// "partition 3 of disk0", for people who know their disks and not the appliance's names for them.
std::string place_of(const Inspection& inspection, const DeviceName& device) {
  const Filesystem* member = find_filesystem(inspection, device);
  if (member == nullptr || !member->volume) {
    return device.str();
  }
  const std::string& disk = inspection.volumes.at(*member->volume).id;
  return member->partition == 0 ? disk : fmt::format("partition {} of {}", member->partition, disk);
}

std::string places_of(const Inspection& inspection, const std::vector<DeviceName>& devices) {
  std::vector<std::string> places;
  places.reserve(devices.size());
  for (const DeviceName& device : devices) {
    places.push_back(place_of(inspection, device));
  }
  return fmt::format("{}", fmt::join(places, ", "));
}

bool is_assembled(const Inspection& inspection, const DeviceName& member) {
  return std::any_of(inspection.arrays.begin(), inspection.arrays.end(), [&](const MdArray& array) {
    return std::find(array.members.begin(), array.members.end(), member) != array.members.end();
  });
}

}  // namespace

std::vector<Warning> degraded_arrays(const Inspection& inspection) {
  std::vector<Warning> warnings;
  for (const MdArray& array : inspection.arrays) {
    if (!array.degraded()) {
      continue;
    }
    const std::string name = array.names.empty() ? array.name : array.names.front();
    const size_t missing = array.member_count - array.members.size();
    warnings.push_back(
        {.code = "md-member-missing",
         .subject = name,
         .sentence = fmt::format(
             "{} ({}, UUID {}) lacks {} of its {} members: only {} is among the disks given. It "
             "starts degraded on EC2; give all disks of the machine to convert it whole",
             name, array.level, array.uuid, missing, array.member_count,
             places_of(inspection, array.members))});
  }
  return warnings;
}

std::vector<std::string> incomplete_arrays(const Inspection& inspection) {
  std::map<std::string, std::vector<const Filesystem*>> arrays;  // by UUID, the same in all members
  for (const Filesystem& filesystem : inspection.filesystems) {
    if (filesystem.type == "linux_raid_member" && !is_assembled(inspection, filesystem.device)) {
      arrays[filesystem.uuid].push_back(&filesystem);
    }
  }
  std::vector<std::string> texts;
  for (const auto& [uuid, members] : arrays) {
    std::vector<DeviceName> devices;
    for (const Filesystem* member : members) {
      devices.push_back(member->device);
    }
    const std::string& label = members.front()->label;  // with metadata 1.x, the array's name
    texts.push_back(
        fmt::format("{} ({})", label.empty() ? uuid : label, places_of(inspection, devices)));
  }
  return texts;
}

}  // namespace rehost
