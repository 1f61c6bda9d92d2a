// What the types of EBS volumes take: sizes, IOPS, throughput. And how many of them an instance has
// names for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rehost {

constexpr uint64_t kGib = uint64_t{1} << 30;
constexpr std::string_view kDefaultVolumeType = "gp3";
constexpr int64_t kLeastGp3Iops = 3000;  // what a gp3 volume has when nobody asks for more

struct NumberRange {
  int64_t least = 0;
  int64_t most = 0;
  bool has(int64_t number) const { return number >= least && number <= most; }
};

struct VolumeTypeRow {
  std::string_view name;
  NumberRange gib;
  std::optional<NumberRange> iops;  // nullopt: it takes none
  int64_t iops_per_gib = 0;
  std::optional<NumberRange> throughput;  // MiB/s
  bool needs_iops = false;
  bool can_boot = true;
};

std::span<const VolumeTypeRow> volume_types();
const VolumeTypeRow* find_volume_type(std::string_view name);  // null: no such type

// The size to ask of EC2 for a disk: whole GiB, and no less than the type has.
int64_t volume_gib(uint64_t bytes, const VolumeTypeRow& type);

// The name in a block device mapping for the n-th data volume, from 0: /dev/sdf and on. nullopt:
// EC2 has no more names.
std::optional<std::string> data_device_name(size_t number);
constexpr std::string_view kRootDeviceName = "/dev/sda1";
constexpr size_t kRecommendedDataVolumes = 11;  // /dev/sd[f-p]

}  // namespace rehost
