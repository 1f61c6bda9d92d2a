#include "bootfix/lvm_conf.h"

#include <gtest/gtest.h>

#include "bootfix/unstable_names.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::file_of;
using testing::logical_volume;
using testing::machine_with;
using testing::partition_of;

constexpr std::string_view kPath = "/etc/lvm/lvm.conf";

Inspection machine_on_lvm() {
  return machine_with(
      {logical_volume("/dev/vg0/root", "xfs", "r"), partition_of(0, 2, "LVM2_member", "pv")});
}

std::string fixed(const std::string& text, const Inspection& inspection = machine_on_lvm()) {
  MemoryGuest guest;
  guest.add_file(kPath, text);
  for (const Edit& edit : kLvmConfFix.plan(guest, inspection, Target{}).edits) {
    testing::apply_edit(guest, edit);
  }
  EXPECT_TRUE(kLvmConfFix.plan(guest, inspection, Target{}).edits.empty()) << "planned twice";
  return file_of(guest, kPath);
}

bool hidden_by(const std::string& list) {
  const auto filters = parse_lvm_filters("filter = [ " + list + " ]");
  return filters.size() == 1 && hides_nvme(filters.front());
}

TEST(LvmConf, AFilterOfOldDisksAcceptsNvmeFirst) {
  EXPECT_EQ(fixed("devices {\n\tglobal_filter = [ \"a|^/dev/sda|\", \"r|.*|\" ]  # ticket 12\n}\n"),
            "devices {\n\tglobal_filter = [ \"a|^/dev/nvme|\", \"a|^/dev/sda|\", \"r|.*|\" ]  # "
            "ticket 12\n}\n");
}

TEST(LvmConf, EveryFilterIsLookedAt) {
  EXPECT_EQ(fixed("devices/filter=[\"a/sd.*/\",\"r/.*/\"]\ndevices { global_filter = \"r|.*|\" }"),
            "devices/filter=[\"a|^/dev/nvme|\", \"a/sd.*/\",\"r/.*/\"]\n"
            "devices { global_filter = [ \"a|^/dev/nvme|\", \"r|.*|\" ] }");
}

// lvmconfig(8) reads them like the others.
TEST(LvmConf, SingleQuotesAreQuotesToo) {
  EXPECT_EQ(fixed("filter = [ 'a|^/dev/sda#|', 'r|.*|' ]\n"),
            "filter = [ \"a|^/dev/nvme|\", 'a|^/dev/sda#|', 'r|.*|' ]\n");
}

TEST(LvmConf, AListMayHaveSeveralLines) {
  EXPECT_EQ(fixed("filter = [\n  # the system disk\n  \"a|sda|\",\n  \"r|.*|\"\n]\n"),
            "filter = [\n  # the system disk\n  \"a|^/dev/nvme|\", \"a|sda|\",\n  \"r|.*|\"\n]\n");
}

TEST(LvmConf, AFilterThatLetsNvmeThroughIsLeftAlone) {
  for (const std::string list :
       {R"("a|.*|")", R"("a/.*/")", R"("r|/dev/cdrom|")", R"("r|^/dev/drbd.*|", "a|.*|")",
        R"("a|nvme|", "r|.*|")", R"("a|^/dev/nvme.*|", "a|sda|", "r|.*|")",
        R"("r|/dev/sd.*|", "a|/dev/|", "r|.*|")", R"("a|/dev/sda|")"}) {
    EXPECT_FALSE(hidden_by(list)) << list;
  }
}

TEST(LvmConf, AFilterThatHidesNvmeIsSeen) {
  for (const std::string list : {R"("r|.*|")", R"("r/.*/")", "\"r(.*)\"", R"("a|sda|", "r|.|")",
                                 R"("a|/dev/sd[ab]|", "r|^/dev/.*$|")", R"("r|nvme|", "a|.*|")",
                                 R"("a|^/dev/disk/by-id/.*|", "r|.*|")", R"("a|^nvme|", "r|.*|")",
                                 R"("a|/dev/nvme1n1|", "r|.*|")", R"("r|/dev/[^s].*|")"}) {
    EXPECT_TRUE(hidden_by(list)) << list;
  }
}

// The fix makes sure of NVMe; the check says what it knows.
TEST(LvmConf, RegularExpressionsAreTriedOnNamesOfNvme) {
  const auto view = [](const std::string& list) {
    return view_of_nvme(parse_lvm_filters("filter = [ " + list + " ]").at(0));
  };
  for (const std::string list :
       {R"("a|^/dev/(sd|nvme).*|", "r|.*|")", R"("a|/dev/nvme[0-9]|", "r|.*|")",
        R"("a|^/dev/nvme[0-9]+n1(p[0-9]+)?$|", "r|.*|")", R"("r|^/dev/(sr|loop)[0-9]|")"}) {
    EXPECT_EQ(view(list), NvmeView::seen) << list;
    EXPECT_FALSE(hidden_by(list)) << list;
  }
  for (const std::string list : {R"("a|^/dev/sd[a-z]+[0-9]*$|", "r|.*|")", R"("r|/dev/[^s].*|")",
                                 R"("a|^/dev/(sd|vd)|", "r|.*|")"}) {
    EXPECT_EQ(view(list), NvmeView::hidden) << list;
  }
  for (const std::string list :
       {R"("a|/dev/nvme0n1p2|", "r|.*|")", R"("a|^/dev/disk/by-id/|", "r|.*|")",
        R"("a|/dev/nvme\\d|", "r|.*|")", R"("a|/dev/[[:alnum:]]*|", "r|.*|")",
        R"("a|((((x+)+)+)+)++|", "r|.*|")"}) {
    EXPECT_EQ(view(list), NvmeView::cannot_tell) << list;
    EXPECT_TRUE(hidden_by(list)) << list;
  }
}

TEST(LvmConf, TheSwitchOfTheDevicesFileIsNoComment) {
  EXPECT_EQ(devices_file_switch("devices {\n\t# use_devicesfile = 0\n}\n"), std::nullopt);
  EXPECT_EQ(devices_file_switch("devices {\n\tuse_devicesfile\t=\t0\n}\n"), false);
  EXPECT_EQ(devices_file_switch("devices/use_devicesfile=0\nuse_devicesfile = 1\n"), true);
}

TEST(LvmConf, CommentsAndOtherSettingsAreNoFilters) {
  const std::string text =
      "# filter = [ \"r|.*|\" ]\nactivation {\n  mlock_filter = [ \"r|.*|\" ]\n}\n"
      "devices {\n  # global_filter = [ \"r|.*|\" ]\n  preferred_names = [ \"r|.*|\" ]\n}\n";
  EXPECT_EQ(fixed(text), text);
  EXPECT_TRUE(parse_lvm_filters(text).empty());
}

TEST(LvmConf, WithoutLvmNothingIsChanged) {
  const std::string text = "devices { filter = [ \"r|.*|\" ] }\n";
  EXPECT_EQ(fixed(text, machine_with({partition_of(0, 1, "ext4", "r")})), text);
}

TEST(LvmConf, NothingBreaksOnABrokenFile) {
  const std::string text =
      "devices {\n filter = [ \"a|\\\"x|\", \"r|.*|\" ]\n global_filter = \"r|.*|\"\n}\n";
  for (size_t length = 0; length <= text.size(); ++length) {
    fixed(text.substr(0, length));
  }
  EXPECT_EQ(fixed("filter = [ ]\nfilter = 3\nfilter"), "filter = [ ]\nfilter = 3\nfilter");
}

TEST(LvmConf, CheckSeesAFilterThatHidesNvme) {
  MemoryGuest guest;
  guest.add_file(kPath, "devices {\n  filter = [ \"a|sda|\", \"r|.*|\" ]\n}\n");
  const auto found = find_unstable_names(guest, machine_on_lvm());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], (UnstableName{GuestPath(kPath), 2, "filter", true}));
  EXPECT_TRUE(find_unstable_names(guest, machine_with({partition_of(0, 1, "ext4", "r")})).empty());
}

}  // namespace
}  // namespace rehost
