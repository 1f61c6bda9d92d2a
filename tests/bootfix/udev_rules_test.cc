#include "bootfix/udev_rules.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::debian12;

const std::string kPin =
    "SUBSYSTEM==\"net\", ACTION==\"add\", ATTR{address}==\"00:0c:29:aa:bb:cc\", NAME=\"eth0\"\n";

MemoryGuest fixed(const MemoryGuest& guest) {
  testing::expect_plan_laws(guest, testing::two_disks(), Target{}, std::span(&kUdevRulesFix, 1));
  return testing::converted(guest, testing::two_disks(), Target{}, std::span(&kUdevRulesFix, 1));
}

TEST(UdevRules, TakesOutTheRuleAndItsGeneratedComment) {
  const UdevRewrite rewrite = without_mac_pins("# mine\n\n# PCI device 0x15ad:0x07b0 (vmxnet3)\n" +
                                               kPin + "KERNEL==\"sd*\", MODE=\"0660\"\n");
  EXPECT_EQ(rewrite.text, "# mine\n\nKERNEL==\"sd*\", MODE=\"0660\"\n");
  EXPECT_EQ(rewrite.pins, (std::vector<MacPin>{{"00:0c:29:aa:bb:cc", "eth0"}}));
}

TEST(UdevRules, LeavesRulesThatNameNothingByMac) {
  const std::string rules =
      "SUBSYSTEM==\"net\", ATTR{address}==\"00:0c:29:aa:bb:cc\", RUN+=\"/x\"\n"
      "SUBSYSTEM==\"net\", KERNELS==\"0000:0b:00.0\", NAME=\"eth0\"\r\n"
      "SUBSYSTEM==\"net\", ATTR{address}==\"?*:?*\", NAME==\"eth0\"\n# " +
      kPin + "\\";
  EXPECT_EQ(without_mac_pins(rules).text, rules);
}

TEST(UdevRules, ReadsRulesOverSeveralLines) {
  const UdevRewrite rewrite = without_mac_pins(
      "a=\"b\"\nSUBSYSTEM==\"net\", \\\n  ATTR{address}==\"00:0c:29:aa:bb:cc\", \\\n  "
      "NAME=\"lan0\"\nc=\"d\"\n");
  EXPECT_EQ(rewrite.text, "a=\"b\"\nc=\"d\"\n");
}

TEST(UdevRules, AFileOfPinsOnlyIsRemoved) {
  const MemoryGuest after = fixed(debian12());
  EXPECT_FALSE(after.stat(GuestPath("/etc/udev/rules.d/70-persistent-net.rules")));
}

TEST(UdevRules, TheWarningSaysWhatWasPinned) {
  const FixResult result = kUdevRulesFix.plan(debian12(), testing::two_disks(), Target{});
  ASSERT_EQ(testing::codes(result.warnings), std::vector<std::string>{"mac-pin-removed"});
  EXPECT_NE(result.warnings[0].sentence.find("00:50:56:a1:2b:3c was ens192"), std::string::npos);
}

TEST(UdevRules, AFileWithOtherRulesIsEdited) {
  MemoryGuest guest;
  guest.add_file("/etc/udev/rules.d/10-local.rules", kPin + "KERNEL==\"sd*\", MODE=\"0660\"\n");
  EXPECT_EQ(testing::file_of(fixed(guest), "/etc/udev/rules.d/10-local.rules"),
            "KERNEL==\"sd*\", MODE=\"0660\"\n");
}

TEST(UdevRules, ALinkThatSwitchesTheGeneratorOffStays) {
  MemoryGuest guest;
  guest.add_symlink("/etc/udev/rules.d/70-persistent-net.rules", "/dev/null");
  EXPECT_EQ(fixed(guest).nodes(), guest.nodes());
}

TEST(UdevRules, LinkFilesThatNameCardsByMacAreRemoved) {
  MemoryGuest guest;
  guest.add_file("/etc/systemd/network/10-lan.link",
                 "[Match]\nMACAddress=00:0c:29:aa:bb:cc\n\n[Link]\nName=lan0\n");
  guest.add_file("/etc/systemd/network/20-x.link", "[Match]\nDriver=vmxnet3\n[Link]\nName=lan0\n");
  guest.add_file("/etc/systemd/network/30-y.link",
                 "[Match]\nMACAddress=00:0c:29:aa:bb:cc\n[Link]\nMTUBytes=9000\n");
  const MemoryGuest after = fixed(guest);
  EXPECT_FALSE(after.stat(GuestPath("/etc/systemd/network/10-lan.link")));
  EXPECT_TRUE(after.stat(GuestPath("/etc/systemd/network/20-x.link")));
  EXPECT_TRUE(after.stat(GuestPath("/etc/systemd/network/30-y.link")));
}

TEST(UdevRules, PinsStayWhenTheNetworkIsKept) {
  const Target keep{.initramfs = std::nullopt, .network = NetworkMode::keep};
  EXPECT_TRUE(kUdevRulesFix.plan(debian12(), testing::two_disks(), keep).edits.empty());
}

TEST(UdevRules, NothingBreaksOnATruncatedFile) {
  const std::string text =
      testing::file_of(debian12(), "/etc/udev/rules.d/70-persistent-net.rules") + kPin + "x \\\n";
  for (size_t length = 0; length <= text.size(); ++length) {
    const std::string once = without_mac_pins(text.substr(0, length)).text;
    EXPECT_EQ(without_mac_pins(once).text, once);
  }
}

}  // namespace
}  // namespace rehost
