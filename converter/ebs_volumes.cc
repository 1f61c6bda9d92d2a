#include "converter/ebs_volumes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace rehost {
namespace {

// Members VolumeSize, Iops and Throughput of EbsBlockDevice in EC2's API reference (botocore
// 1.43.11). The rest from
// "Amazon EBS volume types" in the EBS guide: IOPS for each GiB, and that HDD volumes do not boot.
constexpr std::array<VolumeTypeRow, 7> kVolumeTypes{{
    {"gp3", {1, 65536}, NumberRange{kLeastGp3Iops, 80000}, 500, NumberRange{125, 2000}},
    {"gp2", {1, 16384}, std::nullopt, 0, std::nullopt},
    {"io1", {4, 16384}, NumberRange{100, 64000}, 50, std::nullopt, true},
    {"io2", {4, 65536}, NumberRange{100, 256000}, 1000, std::nullopt, true},
    {"st1", {125, 16384}, std::nullopt, 0, std::nullopt, false, false},
    {"sc1", {125, 16384}, std::nullopt, 0, std::nullopt, false, false},
    {"standard", {1, 1024}, std::nullopt, 0, std::nullopt},
}};

}  // namespace

std::span<const VolumeTypeRow> volume_types() {
  return kVolumeTypes;
}

const VolumeTypeRow* find_volume_type(std::string_view name) {
  const auto row = std::find_if(kVolumeTypes.begin(), kVolumeTypes.end(),
                                [&](const VolumeTypeRow& type) { return type.name == name; });
  return row == kVolumeTypes.end() ? nullptr : &*row;
}

int64_t volume_gib(uint64_t bytes, const VolumeTypeRow& type) {
  const auto whole = static_cast<int64_t>(bytes / kGib + (bytes % kGib == 0 ? 0 : 1));
  return std::max(whole, type.gib.least);
}

std::optional<std::string> data_device_name(size_t number) {
  // "Device names for volumes" in the EC2 user guide: /dev/sd[f-p] are recommended, /dev/sd[q-z]
  // and /dev/xvd[b-d][a-z] are there too. /dev/sd[b-e] are for instance stores.
  constexpr size_t kSd = 'z' - 'f' + 1;
  constexpr size_t kLetters = 26;
  if (number < kSd) {
    return fmt::format("/dev/sd{}", static_cast<char>('f' + number));
  }
  const size_t xvd = number - kSd;
  if (xvd < 3 * kLetters) {
    return fmt::format("/dev/xvd{}{}", static_cast<char>('b' + xvd / kLetters),
                       static_cast<char>('a' + xvd % kLetters));
  }
  return std::nullopt;
}

}  // namespace rehost
