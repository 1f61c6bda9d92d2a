#include "bootfix/disk_name.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

std::string parsed(std::string_view path) {
  const std::optional<DiskName> name = parse_disk_name(path);
  return name ? name->stem + " " + std::to_string(name->partition) : "(none)";
}

TEST(DiskName, OfASanHasAPartitionAsEachReleaseWritesIt) {
  EXPECT_EQ(parsed("/dev/mapper/mpathb"), "/dev/mapper/mpathb 0");
  EXPECT_EQ(parsed("/dev/mapper/mpathb2"), "/dev/mapper/mpathb 2");
  EXPECT_EQ(parsed("/dev/mapper/mpathbp2"), "/dev/mapper/mpathb 2");
  EXPECT_EQ(parsed("/dev/mapper/mpathb-part2"), "/dev/mapper/mpathb 2");
  EXPECT_EQ(parsed("/dev/mapper/mpathp1"), "/dev/mapper/mpathp 1") << "the sixteenth";
  EXPECT_EQ(parsed("/dev/emcpowera1"), "/dev/emcpowera 1");
  EXPECT_EQ(parsed("/dev/mapper/vg0-root"), "(none)");
}

TEST(DiskName, OfAPartitionIsNotThatOfALongerNumber) {
  EXPECT_EQ(parsed("/dev/sda1"), "/dev/sda 1");
  EXPECT_EQ(parsed("/dev/sda10"), "/dev/sda 10");
  EXPECT_EQ(parsed("/dev/nvme0n1p3"), "/dev/nvme0n1 3");
  EXPECT_EQ(parsed("/dev/disk/by-id/scsi-36000c29-part1"), "/dev/disk/by-id/scsi-36000c29 1");
  EXPECT_EQ(parsed("/dev/disk/by-uuid/9a1a"), "(none)");
}

}  // namespace
}  // namespace rehost
