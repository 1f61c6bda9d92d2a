#include "converter/probed_devices.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

ProbedDevice disk(const char* name) {
  return probed_device(name, {});
}

TEST(ProbedDevices, APartitionHasWhatBlkidSays) {
  const ProbedDevice probed = probed_device("/dev/sda2", {{"TYPE", "ext4"},
                                                          {"UUID", "1b9a"},
                                                          {"LABEL", "root"},
                                                          {"PART_ENTRY_UUID", "0ca1-02"},
                                                          {"PART_ENTRY_NUMBER", "2"},
                                                          {"PART_ENTRY_SIZE", "2048"},
                                                          {"PART_ENTRY_TYPE", "0x83"}});
  EXPECT_EQ(probed.filesystem.device.str(), "/dev/sda2");
  EXPECT_EQ(probed.filesystem.type, "ext4");
  EXPECT_EQ(probed.filesystem.uuid, "1b9a");
  EXPECT_EQ(probed.filesystem.label, "root");
  EXPECT_EQ(probed.filesystem.partuuid, "0ca1-02");
  EXPECT_EQ(probed.filesystem.partition, 2);
  EXPECT_EQ(probed.filesystem.size, 1048576U);
  EXPECT_EQ(probed.partition_type, "0x83");
  EXPECT_EQ(probed.partition_table, "");
}

TEST(ProbedDevices, ADeviceWithoutSignatureIsEmptyButThere) {
  const ProbedDevice probed = probed_device("/dev/sdb", {});
  EXPECT_EQ(probed.filesystem.device.str(), "/dev/sdb");
  EXPECT_EQ(probed.filesystem.type, "");
  EXPECT_EQ(probed.filesystem.partition, 0);
}

TEST(ProbedDevices, APartitionIsOnTheDiskOfTheLongestName) {
  const std::vector<ProbedDevice> disks = {disk("/dev/sda"), disk("/dev/sdaa"), disk("/dev/sdb")};
  EXPECT_EQ(disk_of_partition("/dev/sda1", disks), 0U);
  EXPECT_EQ(disk_of_partition("/dev/sdaa1", disks), 1U);
  EXPECT_EQ(disk_of_partition("/dev/md0", disks), std::nullopt);
}

TEST(ProbedDevices, HoldsATypeOnADiskOrInIt) {
  ProbedDevices devices;
  devices.disks.push_back(probed_device("/dev/sda", {{"TYPE", "LVM2_member"}}));
  devices.contents.push_back(probed_device("/dev/sdb1", {{"TYPE", "btrfs"}}));
  EXPECT_TRUE(holds(devices, "LVM2_member"));
  EXPECT_TRUE(holds(devices, "btrfs"));
  EXPECT_FALSE(holds(devices, "linux_raid_member"));
}

TEST(ProbedDevices, AnArrayKnowsHowManyMembersItShouldHave) {
  const MdArray array = md_array(
      "/dev/md127", {{"level", "raid1"}, {"devices", "2"}, {"uuid", "a5b0:1"}, {"name", "host:0"}});
  EXPECT_EQ(array.device.str(), "/dev/md127");
  EXPECT_EQ(array.level, "raid1");
  EXPECT_EQ(array.member_count, 2U);
  EXPECT_EQ(array.uuid, "a5b0:1");
  EXPECT_EQ(array.name, "host:0");
  EXPECT_TRUE(array.degraded());
}

TEST(ProbedDevices, FaultyAndSpareMembersAreNotActive) {
  EXPECT_TRUE(is_active_member(""));
  EXPECT_TRUE(is_active_member("W"));
  EXPECT_FALSE(is_active_member("F"));
  EXPECT_FALSE(is_active_member("S"));
}

}  // namespace
}  // namespace rehost
