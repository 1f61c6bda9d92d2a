#include "converter/md_arrays.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

using testing::logical_volume;
using testing::machine_with;
using testing::partition_of;

Inspection mirror(std::vector<DeviceName> members) {
  Inspection inspection = machine_with({logical_volume("/dev/md127", "ext4", "r"),
                                        partition_of(0, 2, "linux_raid_member", "array"),
                                        partition_of(1, 2, "linux_raid_member", "array")});
  for (Filesystem& filesystem : inspection.filesystems) {
    filesystem.label = "web1:0";
  }
  inspection.arrays = {{.device = DeviceName("/dev/md127"),
                        .uuid = "a5b0",
                        .name = "web1:0",
                        .level = "raid1",
                        .member_count = 2,
                        .members = std::move(members),
                        .names = {"/dev/md/0", "/dev/md0"}}};
  return inspection;
}

TEST(MdArrays, AWholeArrayIsNoWarning) {
  const Inspection inspection = mirror({DeviceName("/dev/sda2"), DeviceName("/dev/sdb2")});
  EXPECT_TRUE(degraded_arrays(inspection).empty());
  EXPECT_TRUE(incomplete_arrays(inspection).empty());
}

TEST(MdArrays, AHalfMirrorNamesTheArrayAndTheMemberThatIsThere) {
  Inspection inspection = mirror({DeviceName("/dev/sdb2")});
  inspection.volumes[1].id = "disk1";
  const std::vector<Warning> warnings = degraded_arrays(inspection);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, "md-member-missing");
  EXPECT_EQ(warnings[0].subject, "/dev/md/0");
  EXPECT_NE(warnings[0].sentence.find("lacks 1 of its 2 members: only partition 2 of disk1"),
            std::string::npos)
      << warnings[0].sentence;
}

TEST(MdArrays, MembersOfNoArrayAreToldByTheirArray) {
  Inspection inspection = mirror({});
  inspection.arrays.clear();
  EXPECT_EQ(incomplete_arrays(inspection),
            std::vector<std::string>{"web1:0 (partition 2 of disk0, partition 2 of disk1)"});
}

TEST(MdArrays, AnArrayWithoutANameIsToldByItsUuid) {
  Inspection inspection = machine_with({partition_of(0, 2, "linux_raid_member", "6ab1-77")});
  EXPECT_EQ(incomplete_arrays(inspection),
            std::vector<std::string>{"6ab1-77 (partition 2 of disk0)"});
}

}  // namespace
}  // namespace rehost
