#include "bootfix/device_names.h"

#include <gtest/gtest.h>

#include "bootfix/disk_name.h"
#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

using testing::kDataUuid;
using testing::kRootUuid;
using testing::kSwapUuid;
using testing::logical_volume;
using testing::machine_with;
using testing::partition_of;
using testing::two_disks;

// What a name means, as text.
std::string meaning(const NameMap& names, std::string_view name, std::string_view type = "") {
  const NameMeaning meaning = names.meaning(name, type);
  if (const auto* stable = std::get_if<StableName>(&meaning)) {
    return "stable" + (stable->device.empty() ? "" : " " + stable->device.str());
  }
  if (const auto* found = std::get_if<FoundName>(&meaning)) {
    return found->stable;
  }
  if (const auto* missing = std::get_if<DiskNotGiven>(&meaning)) {
    return "not given: " + missing->disk;
  }
  return "unknown: " + std::get<UnknownName>(meaning).why;
}

std::string uuid(std::string_view value) {
  return "UUID=" + std::string(value);
}

TEST(DiskName, CountsLettersBeyondZ) {
  EXPECT_EQ(parse_disk_name("/dev/sda1")->position, 0u);
  EXPECT_EQ(parse_disk_name("/dev/sdz")->position, 25u);
  EXPECT_EQ(parse_disk_name("/dev/sdaa7")->position, 26u);
  EXPECT_EQ(parse_disk_name("/dev/sdaa7")->partition, 7);
}

TEST(DiskName, TakesPartitionsOfEveryFamilyApart) {
  EXPECT_EQ(parse_disk_name("/dev/xvdb3")->partition, 3);
  EXPECT_EQ(parse_disk_name("/dev/nvme1n1p2")->stem, "/dev/nvme1n1");
  EXPECT_EQ(parse_disk_name("/dev/nvme1n1p2")->partition, 2);
  EXPECT_EQ(parse_disk_name("/dev/mmcblk0p1")->partition, 1);
  EXPECT_EQ(parse_disk_name("/dev/cciss/c0d1p2")->position, 1u);
  EXPECT_EQ(parse_disk_name("/dev/disk/by-id/scsi-36000c29-part12")->stem,
            "/dev/disk/by-id/scsi-36000c29");
  EXPECT_EQ(parse_disk_name("/dev/disk/by-id/scsi-36000c29-part12")->partition, 12);
}

TEST(DiskName, LeavesOtherDevicesAlone) {
  for (const char* name : {"/dev/sr0", "/dev/md0", "/dev/loop0", "/dev/hdvg/root", "/dev/vdata/lv",
                           "/dev/mapper/vg-root", "/dev/disk/by-uuid/1", "/dev/fd0", "UUID=1",
                           "/dev/disk/by-id/dm-name-vg-root", "tmpfs", "/dev/", "", "/dev/sd"}) {
    EXPECT_FALSE(parse_disk_name(name)) << name;
  }
}

TEST(NameMap, TheNthLetterIsTheNthDisk) {
  const Inspection inspection = two_disks();
  const NameMap names(inspection);
  EXPECT_EQ(meaning(names, "/dev/sda1"), uuid(kRootUuid));
  EXPECT_EQ(meaning(names, "/dev/vdb1"), uuid(kDataUuid));
  EXPECT_EQ(meaning(names, "/dev/xvda2"), uuid(kSwapUuid));
  EXPECT_EQ(meaning(names, "/dev/nvme1n1p1"), uuid(kDataUuid));
}

TEST(NameMap, ADiskBeyondThoseGivenIsNotGiven) {
  const Inspection inspection = two_disks();
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/sdc1"), "not given: /dev/sdc");
}

TEST(NameMap, Sda10IsNotSda1) {
  const Inspection inspection = two_disks();
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/sda10"), "unknown: disk 1 has no partition 10");
}

TEST(NameMap, APartitionThatHoldsSomethingElseIsUnknown) {
  const Inspection inspection = two_disks();
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/sda2", "xfs"),
            "unknown: partition 2 of disk 1 holds swap and not xfs");
}

TEST(NameMap, AnExt3IsMountedAsExt4) {
  const Inspection inspection = machine_with({partition_of(0, 1, "ext3", "abc")});
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/sda1", "ext4"), "UUID=abc");
}

TEST(NameMap, APartitionWithoutUuidIsNamedByItsTableEntry) {
  const Inspection inspection = machine_with({partition_of(0, 3, "", "")});
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/sda3"), "PARTUUID=d9852700-03");
}

TEST(NameMap, AUuidThatTwoDisksShareIsNotUsed) {
  const Inspection inspection =
      machine_with({partition_of(0, 1, "xfs", "same"), partition_of(1, 1, "xfs", "same")});
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/sdb1"), "PARTUUID=d9852701-01");
}

TEST(NameMap, TheDevicesOfOneBtrfsShareTheirUuidByDesign) {
  const Inspection inspection =
      machine_with({partition_of(0, 1, "btrfs", "same"), partition_of(1, 1, "btrfs", "same")});
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/sdb1"), "UUID=same");
}

TEST(NameMap, PhysicalVolumesAreNotFileSystems) {
  const Inspection inspection = machine_with({partition_of(0, 2, "LVM2_member", "pv")});
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/sda2").substr(0, 8), "unknown:");
}

TEST(NameMap, TagsAreStableAndLeadToTheirFileSystem) {
  Inspection inspection = two_disks();
  inspection.filesystems[2].label = "data";
  const NameMap names(inspection);
  EXPECT_EQ(meaning(names, uuid(kRootUuid)), "stable /dev/sda1");
  EXPECT_EQ(meaning(names, "UUID=\"" + std::string(kRootUuid) + "\""), "stable /dev/sda1");
  EXPECT_EQ(meaning(names, "/dev/disk/by-uuid/" + std::string(kDataUuid)), "stable /dev/sdb1");
  EXPECT_EQ(meaning(names, "LABEL=data"), "stable /dev/sdb1");
  EXPECT_EQ(meaning(names, "PARTUUID=D9852700-01"), "stable /dev/sda1");
  EXPECT_EQ(meaning(names, "PARTLABEL=whatever"), "stable");
}

TEST(NameMap, AUuidNobodyHasIsOnADiskNotGiven) {
  const Inspection inspection = two_disks();
  EXPECT_EQ(meaning(NameMap(inspection), "UUID=beef"), "not given: the disk with UUID=beef");
}

TEST(NameMap, AUuidMayLieBehindAnEncryptedPartition) {
  const Inspection inspection = machine_with({partition_of(0, 1, "crypto_LUKS", "abc")});
  EXPECT_EQ(meaning(NameMap(inspection), "UUID=beef"), "stable");
}

TEST(NameMap, LogicalVolumesAreStableHoweverTheyAreWritten) {
  const Inspection inspection = machine_with(
      {partition_of(0, 1, "ext4", "boot"), logical_volume("/dev/my-vg/root", "xfs", "r")});
  const NameMap names(inspection);
  EXPECT_EQ(meaning(names, "/dev/my-vg/root"), "stable /dev/my-vg/root");
  EXPECT_EQ(meaning(names, "/dev/mapper/my--vg-root"), "stable /dev/my-vg/root");
}

TEST(NameMap, AVolumeGroupNobodyHasIsOnADiskNotGiven) {
  const Inspection inspection = two_disks();
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/mapper/vgdata-lvdata"),
            "not given: the disk of /dev/mapper/vgdata-lvdata");
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/mapper/cswap"), "stable");
}

TEST(NameMap, OtherSourcesAreStable) {
  const Inspection inspection = two_disks();
  const NameMap names(inspection);
  for (const char* name : {"tmpfs", "nas:/export", "//nas/share", "proc", "/dev/sr0", "/dev/fd0",
                           "/dev/cdrom", "/srv/image.iso", "none", ""}) {
    EXPECT_EQ(meaning(names, name), "stable") << name;
  }
}

Inspection machine_on_arrays() {
  Inspection inspection = machine_with(
      {logical_volume("/dev/md127", "ext4", "r"), logical_volume("/dev/md126", "ext4", "b"),
       partition_of(0, 1, "linux_raid_member", "a"), partition_of(1, 1, "linux_raid_member", "a")});
  inspection.arrays = {{.device = DeviceName("/dev/md127"),
                        .uuid = "a5b0c7d1:11e2f304:9d8c7b6a:00000002",
                        .name = "web1:2",
                        .level = "raid1",
                        .member_count = 2,
                        .members = {DeviceName("/dev/sda1"), DeviceName("/dev/sdb1")},
                        .names = {"/dev/md/2", "/dev/md2"}},
                       {.device = DeviceName("/dev/md126"),
                        .uuid = "a5b0c7d1:11e2f304:9d8c7b6a:00000001",
                        .name = "web1:boot",
                        .level = "raid1",
                        .member_count = 2,
                        .members = {},
                        .names = {"/dev/md/boot"}}};
  return inspection;
}

TEST(NameMap, ArraysAreStableByTheNamesOfTheGuest) {
  const Inspection inspection = machine_on_arrays();
  const NameMap names(inspection);
  EXPECT_EQ(meaning(names, "/dev/md2"), "stable /dev/md127");
  EXPECT_EQ(meaning(names, "/dev/md/2"), "stable /dev/md127");
  EXPECT_EQ(meaning(names, "/dev/md/boot"), "stable /dev/md126");
  EXPECT_EQ(meaning(names, "/dev/disk/by-id/md-uuid-a5b0c7d1:11e2f304:9d8c7b6a:00000001"),
            "stable /dev/md126");
  EXPECT_EQ(meaning(names, "/dev/disk/by-id/md-name-web1:2"), "stable /dev/md127");
}

TEST(NameMap, AnArrayNobodyHasIsOnDisksNotGiven) {
  const Inspection on_arrays = machine_on_arrays();
  const Inspection on_none = two_disks();
  EXPECT_EQ(meaning(NameMap(on_arrays), "/dev/md5"), "not given: the disks of /dev/md5");
  EXPECT_EQ(meaning(NameMap(on_none), "/dev/md/data"), "not given: the disks of /dev/md/data");
}

// Without a name of its own an array is whatever number is free.
TEST(NameMap, AnArrayMayBeOneThatHasNoNameHere) {
  Inspection inspection = machine_on_arrays();
  inspection.arrays[1].names.clear();
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/md126"), "stable");
}

TEST(NameMap, APartitionOfAnArrayIsNotLookedFor) {
  const Inspection on_arrays = machine_on_arrays();
  EXPECT_EQ(meaning(NameMap(on_arrays), "/dev/md2p1"), "stable");
}

TEST(NameMap, DevRootIsTheRoot) {
  const Inspection inspection = two_disks();
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/root"), uuid(kRootUuid));
}

TEST(NameMap, AByIdStemIsTheOneDiskThatFitsAllItsNames) {
  const Inspection inspection = two_disks();
  const std::vector<NamedUse> uses = {{"/dev/disk/by-id/scsi-a-part1", "ext4", {}},
                                      {"/dev/disk/by-id/scsi-a-part2", "swap", {}}};
  const NameMap names(inspection, uses);
  EXPECT_EQ(meaning(names, "/dev/disk/by-id/scsi-a-part1"), uuid(kRootUuid));
  EXPECT_EQ(meaning(names, "/dev/disk/by-id/scsi-a-part2"), uuid(kSwapUuid));
}

TEST(NameMap, AByIdStemThatFitsTwoDisksIsUnknown) {
  const Inspection inspection = two_disks();
  const std::vector<NamedUse> uses = {{"/dev/disk/by-id/scsi-b-part1", "ext4", {}}};
  EXPECT_EQ(meaning(NameMap(inspection, uses), "/dev/disk/by-id/scsi-b-part1"),
            "unknown: 2 of the disks given fit it");
}

TEST(NameMap, AByIdStemThatFitsNoDiskIsNotGiven) {
  const Inspection inspection = two_disks();
  const std::vector<NamedUse> uses = {{"/dev/disk/by-path/pci-0-part3", "xfs", {}}};
  EXPECT_EQ(meaning(NameMap(inspection, uses), "/dev/disk/by-path/pci-0-part3"),
            "not given: /dev/disk/by-path/pci-0");
}

// RESUME= in a file of its own.
TEST(NameMap, ALoneLinkIsTheOneDiskThatHasSuchAPartition) {
  const Inspection inspection = two_disks();
  const NameMap names(inspection);
  const std::string link = "/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0";
  EXPECT_EQ(meaning(names, link + "-part2", "swap"), uuid(kSwapUuid));
  EXPECT_EQ(meaning(names, link + "-part1", "ext4"), "unknown: nothing says which disk it is");
  EXPECT_EQ(meaning(names, link + "-part2"), "unknown: nothing says which disk it is");
}

TEST(NameMap, TheOnlyDiskIsEveryStem) {
  const Inspection inspection = machine_with({partition_of(0, 1, "ext4", "abc")});
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/disk/by-id/google-boot-part1"), "UUID=abc");
}

// With one disk its partition 1, the ESP of the machine, would fit.
TEST(NameMap, TheTemporaryDiskOfAzureStaysThere) {
  const Inspection inspection = machine_with(
      {partition_of(0, 2, "xfs", std::string(kRootUuid)), partition_of(0, 1, "vfat", "2F6D-9A41")});
  const NamedUse use{"/dev/disk/cloud/azure_resource-part1", "auto", DeviceName()};
  EXPECT_EQ(meaning(NameMap(inspection, std::span(&use, 1)), use.name, "auto"),
            "not given: /dev/disk/cloud/azure_resource");
  EXPECT_EQ(meaning(NameMap(inspection), "/dev/disk/azure/resource-part1"),
            "not given: /dev/disk/azure/resource");
}

TEST(NameMap, ARootOnAnotherDiskThanItsNameSaysPutsAllNamesInDoubt) {
  const Inspection inspection = two_disks();
  const std::vector<NamedUse> uses = {{"/dev/sdb1", "ext4", inspection.root},
                                      {"/dev/sda1", "ext4", {}}};
  const NameMap names(inspection, uses);
  const std::string doubt =
      "unknown: the disks seem to be given in another order than the machine's";
  EXPECT_EQ(meaning(names, "/dev/sdb1"), doubt);
  EXPECT_EQ(meaning(names, "/dev/sda1"), doubt);
}

TEST(NameMap, NamesOfTwoKindsAreToldApartByWhatTheyHold) {
  const Inspection inspection =
      machine_with({partition_of(0, 1, "ext4", "root"), partition_of(1, 1, "xfs", "data")});
  const std::vector<NamedUse> uses = {{"/dev/vda1", "ext4", inspection.root},
                                      {"/dev/sda1", "xfs", {}}};
  const NameMap names(inspection, uses);
  EXPECT_EQ(meaning(names, "/dev/vda1"), "UUID=root");
  EXPECT_EQ(meaning(names, "/dev/sda1"), "UUID=data");
}

TEST(NameMap, NamesOfTwoKindsThatHoldTheSameAreLeftAlone) {
  const Inspection inspection =
      machine_with({partition_of(0, 1, "ext4", "root"), partition_of(1, 1, "ext4", "a"),
                    partition_of(2, 1, "ext4", "b")});
  const std::vector<NamedUse> uses = {{"/dev/vda1", "ext4", inspection.root},
                                      {"/dev/sda1", "ext4", {}}};
  const NameMap names(inspection, uses);
  EXPECT_EQ(meaning(names, "/dev/vda1"), "unknown: disks are named in two ways (sd, vd)");
  EXPECT_EQ(meaning(names, "/dev/sda1"), "unknown: disks are named in two ways (sd, vd)");
}

TEST(NameMap, ABtrfsSubvolumeLiesOnItsPartition) {
  Inspection inspection = machine_with({partition_of(0, 2, "btrfs", "abc")});
  Filesystem subvolume = inspection.filesystems[0];
  subvolume.device = DeviceName("btrfsvol:/dev/sda2/@");
  inspection.filesystems.push_back(subvolume);
  inspection.root = subvolume.device;
  const std::vector<NamedUse> uses = {{"/dev/sda2", "btrfs", inspection.root}};
  EXPECT_EQ(meaning(NameMap(inspection, uses), "/dev/sda2"), "UUID=abc");
}

TEST(NameMap, ThousandsOfLinksAreNotComparedWithEachOther) {
  const Inspection inspection =
      machine_with({partition_of(0, 1, "xfs", "a"), partition_of(1, 1, "xfs", "b")});
  std::vector<NamedUse> uses;
  for (int i = 0; i < 50'000; ++i) {
    uses.push_back({"/dev/disk/by-id/scsi-" + std::to_string(i) + "-part1", "xfs", DeviceName()});
  }
  EXPECT_EQ(meaning(NameMap(inspection, uses), uses.front().name),
            "unknown: the file names more than 1000 disks");
}

TEST(DiskName, UnstableNamesAreKnownByTheirTextAlone) {
  EXPECT_TRUE(is_unstable_name("/dev/sda1"));
  EXPECT_TRUE(is_unstable_name("/dev/disk/by-path/pci-0000:00:10.0-scsi-0:0:0:0-part1"));
  EXPECT_TRUE(is_unstable_name("/dev/nvme0n1p1"));
  EXPECT_TRUE(is_unstable_name("/dev/root"));
  EXPECT_FALSE(is_unstable_name("UUID=1"));
  EXPECT_FALSE(is_unstable_name("/dev/mapper/vg-root"));
  EXPECT_FALSE(is_unstable_name("/dev/md0"));
}

}  // namespace
}  // namespace rehost
