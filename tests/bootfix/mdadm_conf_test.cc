#include "bootfix/mdadm_conf.h"

#include <gtest/gtest.h>

#include "bootfix/unstable_names.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::file_of;
using testing::logical_volume;
using testing::machine_with;

constexpr std::string_view kPath = "/etc/mdadm/mdadm.conf";

MdArray array_named(std::string name) {
  return {.device = DeviceName("/dev/md127"),
          .uuid = "a5b0c7d1:11e2f304:9d8c7b6a:00000000",
          .name = std::move(name),
          .level = "raid1",
          .member_count = 2,
          .members = {},
          .names = {}};
}

using Names = std::vector<std::string>;

Inspection machine_on_array() {
  Inspection inspection = machine_with({logical_volume("/dev/md127", "ext4", "r")});
  inspection.arrays = {array_named("web1:0")};
  inspection.arrays[0].names = {"/dev/md/0", "/dev/md0"};
  return inspection;
}

// The file after the fix.
std::string fixed(const std::string& text) {
  MemoryGuest guest;
  guest.add_file(kPath, text);
  const Inspection inspection = machine_on_array();
  const FixResult result = kMdadmConfFix.plan(guest, inspection, Target{});
  for (const Edit& edit : result.edits) {
    guest.write(GuestPath(kPath), std::get<WriteFile>(edit.action).content, 0644);
  }
  EXPECT_TRUE(kMdadmConfFix.plan(guest, inspection, Target{}).edits.empty()) << "planned twice";
  return file_of(guest, kPath);
}

TEST(MdadmConf, LinesThatBeginWithASpaceContinueTheLast) {
  const auto lines = parse_mdadm_conf(
      "# a comment\nARRAY /dev/md4 uuid=1\n           spare-group=g # why\n\nDEV partitions\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].keyword, "arr");
  EXPECT_EQ(lines[0].line, 2);
  ASSERT_EQ(lines[0].words.size(), 3u);
  EXPECT_EQ(lines[0].words[2].text, "spare-group=g");
  EXPECT_EQ(lines[1].keyword, "dev");
}

TEST(MdadmConf, QuotesKeepAWordTogether) {
  const auto lines = parse_mdadm_conf("ARRAY /dev/md9 name='Data Storage' \"uuid=1 2\"\n");
  ASSERT_EQ(lines[0].words.size(), 3u);
  EXPECT_EQ(lines[0].words[1].text, "name=Data Storage");
  EXPECT_EQ(lines[0].words[2].text, "uuid=1 2");
}

TEST(MdadmConf, AQuoteThatIsNeverClosedEndsWithItsLine) {
  const auto lines = parse_mdadm_conf("ARRAY 'md0 uuid=1\nDEVICE partitions");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].words[0].text, "md0 uuid=1");
}

TEST(MdadmConf, AnArrayIsCalledWhatTheLineWithItsUuidSays) {
  const std::string text =
      "ARRAY /dev/md/0 metadata=1.2 UUID=A5B0C7D1-11e2f304-9d8c7b6a-00000000 name=web1:0\n"
      "ARRAY /dev/md/1 UUID=a5b0c7d1:11e2f304:9d8c7b6a:00000001\n";
  EXPECT_EQ(names_of_array(array_named("old:7"), text), (Names{"/dev/md/0", "/dev/md0"}));
}

TEST(MdadmConf, EverySpellingOfAnArrayIsKnown) {
  const std::string uuid = " UUID=a5b0c7d1:11e2f304:9d8c7b6a:00000000\n";
  EXPECT_EQ(names_of_array(array_named(""), "ARRAY /dev/md3" + uuid),
            (Names{"/dev/md/3", "/dev/md3"}));
  EXPECT_EQ(names_of_array(array_named(""), "ARRAY backup" + uuid), Names{"/dev/md/backup"});
  EXPECT_EQ(names_of_array(array_named(""), "ARRAY /dev/md_d1" + uuid), Names{"/dev/md_d1"});
}

TEST(MdadmConf, WithoutALineTheSuperblockNamesTheArray) {
  EXPECT_EQ(names_of_array(array_named("web1:2"), ""), (Names{"/dev/md/2", "/dev/md2"}));
  EXPECT_EQ(names_of_array(array_named("root"), ""), Names{"/dev/md/root"});
  EXPECT_TRUE(names_of_array(array_named(""), "").empty());
  EXPECT_TRUE(names_of_array(array_named("web1:"), "").empty());
}

TEST(MdadmConf, ADeviceLineOfOldDisksGetsAllPartitions) {
  EXPECT_EQ(fixed("DEVICE /dev/sda* /dev/sdb*  # both\nARRAY /dev/md0 UUID=1\n"),
            "DEVICE /dev/sda* /dev/sdb* partitions  # both\nARRAY /dev/md0 UUID=1\n");
}

TEST(MdadmConf, ADeviceLineThatFindsNvmeIsLeftAlone) {
  for (const std::string text :
       {"DEVICE partitions\n", "DEVICE /dev/sda* partitions\n", "DEVICE /dev/*\n", "",
        "DEV /dev/sd*\nDEV /dev/nvme*\n", "#DEVICE /dev/sda\n", "DEVICE\n"}) {
    EXPECT_EQ(fixed(text), text);
  }
}

TEST(MdadmConf, MembersByNameGoWhereTheUuidTellsTheArray) {
  EXPECT_EQ(fixed("ARRAY /dev/md0 devices=/dev/sda1,/dev/sdb1 UUID=1:2\n"),
            "ARRAY /dev/md0 UUID=1:2\n");
  EXPECT_EQ(fixed("ARRAY /dev/md0 level=raid1 UUID=1:2\n   devices=/dev/sda1,/dev/sdb1\n"),
            "ARRAY /dev/md0 level=raid1 UUID=1:2\n");
}

TEST(MdadmConf, MembersByNameBecomeTheUuidWhereNothingElseTellsTheArray) {
  EXPECT_EQ(fixed("ARRAY /dev/md0 devices=/dev/sda1,/dev/sdb1\n"),
            "ARRAY /dev/md0 UUID=a5b0c7d1:11e2f304:9d8c7b6a:00000000\n");
}

// mdadm.conf(5): the words of an ARRAY line come in any order, and the array's name may be missing.
TEST(MdadmConf, MembersByNameMayBeTheFirstWord) {
  EXPECT_EQ(fixed("ARRAY devices=/dev/sda1,/dev/sdb1 UUID=1:2\n"), "ARRAY UUID=1:2\n");
}

TEST(MdadmConf, AnArrayThatOnlyNamesTellIsAWarning) {
  MemoryGuest guest;
  guest.add_file("/etc/mdadm.conf", "ARRAY /dev/md7 devices=/dev/sdc1,/dev/sdd1\n");
  const FixResult result = kMdadmConfFix.plan(guest, machine_on_array(), Target{});
  EXPECT_TRUE(result.edits.empty());
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_EQ(result.warnings[0].code, "md-array-by-device-names");
}

TEST(MdadmConf, CheckSeesWhatHidesTheDisks) {
  MemoryGuest guest;
  guest.add_file(kPath, "\nDEVICE /dev/sda1\n");
  const auto found = find_unstable_names(guest, machine_on_array());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], (UnstableName{GuestPath(kPath), 2, "/dev/sda1", true}));
}

TEST(MdadmConf, CarriageReturnsAndAMissingNewlineSurvive) {
  EXPECT_EQ(fixed("DEVICE /dev/sda\r\nMAILADDR root"),
            "DEVICE /dev/sda partitions\r\nMAILADDR root");
}

}  // namespace
}  // namespace rehost
