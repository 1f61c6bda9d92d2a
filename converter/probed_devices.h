// What the block devices of a machine say about themselves, and how the answers of blkid(8) and
// mdadm(8) become values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/inspection.h"

namespace rehost {

// A device as blkid(8) sees it.
struct ProbedDevice {
  Filesystem filesystem;
  std::string partition_type;   // GPT type GUID in lower case, or "0x83"
  std::string partition_table;  // of a whole disk: "gpt", "dos", ""
};

struct VolumeGroup {
  std::string name;
  std::string uuid;  // 32 characters without dashes
};

struct ProbedDevices {
  std::vector<ProbedDevice> disks;     // in the order of the drives
  std::vector<ProbedDevice> contents;  // partitions, then md arrays, then logical volumes
  std::vector<MdArray> arrays;         // `names` is left empty: the disks do not tell
  std::vector<VolumeGroup> groups;     // as many as there are, even of one name
};

// Whether a disk or anything on it is of this type: "LVM2_member".
bool holds(const ProbedDevices& devices, std::string_view type);

// The tags of `blkid -p`; none for a device without any signature.
ProbedDevice probed_device(const std::string& device,
                           const std::map<std::string, std::string>& tags);

// /dev/sda1 lies on /dev/sda: the index of that disk.
std::optional<size_t> disk_of_partition(const std::string& partition,
                                        const std::vector<ProbedDevice>& disks);

// The lines of `mdadm -D --export` as guestfs_md_detail hands them out; without members.
MdArray md_array(const std::string& device, const std::map<std::string, std::string>& detail);

// Flags of a member in /proc/mdstat: neither faulty nor a spare.
bool is_active_member(std::string_view mdstat_flags);

}  // namespace rehost
