#include "converter/probed_devices.h"

#include <algorithm>
#include <charconv>

namespace rehost {
namespace {

constexpr uint64_t kSector = 512;  // blkid(8): PART_ENTRY_SIZE counts these, whatever the disk says

using Tags = std::map<std::string, std::string>;

std::string value_of(const Tags& tags, const char* name) {
  const auto found = tags.find(name);
  return found == tags.end() ? std::string() : found->second;
}

template <typename T>
T number(const std::string& text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

bool holds(const ProbedDevices& devices, std::string_view type) {
  const auto is = [&](const ProbedDevice& p) { return p.filesystem.type == type; };
  return std::any_of(devices.disks.begin(), devices.disks.end(), is) ||
         std::any_of(devices.contents.begin(), devices.contents.end(), is);
}

ProbedDevice probed_device(const std::string& device, const Tags& tags) {
  ProbedDevice probed;
  probed.filesystem.device = DeviceName(device);
  probed.filesystem.type = value_of(tags, "TYPE");
  probed.filesystem.uuid = value_of(tags, "UUID");
  probed.filesystem.label = value_of(tags, "LABEL");
  probed.filesystem.partuuid = value_of(tags, "PART_ENTRY_UUID");
  probed.filesystem.partition = number<int>(value_of(tags, "PART_ENTRY_NUMBER"));
  probed.filesystem.size = number<uint64_t>(value_of(tags, "PART_ENTRY_SIZE")) * kSector;
  probed.partition_type = value_of(tags, "PART_ENTRY_TYPE");
  probed.partition_table = value_of(tags, "PTTYPE");
  return probed;
}

// Longest name first: sda1 is no partition of a disk sd.
std::optional<size_t> disk_of_partition(const std::string& partition,
                                        const std::vector<ProbedDevice>& disks) {
  std::optional<size_t> found;
  size_t longest = 0;
  for (size_t i = 0; i < disks.size(); ++i) {
    const std::string& disk = disks[i].filesystem.device.str();
    if (partition.starts_with(disk) && disk.size() > longest) {
      longest = disk.size();
      found = i;
    }
  }
  return found;
}

MdArray md_array(const std::string& device, const Tags& detail) {
  MdArray array;
  array.device = DeviceName(device);
  array.uuid = value_of(detail, "uuid");
  array.name = value_of(detail, "name");
  array.level = value_of(detail, "level");
  array.member_count = number<size_t>(value_of(detail, "devices"));
  return array;
}

// md(4), /proc/mdstat: F is faulty, S a spare.
bool is_active_member(std::string_view mdstat_flags) {
  return mdstat_flags.find_first_of("FS") == std::string_view::npos;
}

}  // namespace rehost
