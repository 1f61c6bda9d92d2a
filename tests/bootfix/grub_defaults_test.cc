#include "bootfix/grub_defaults.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::debian12;
using testing::debian12_inspection;
using testing::file_of;

constexpr std::string_view kMain = "/etc/default/grub";
constexpr std::string_view kSerial =
    "GRUB_TERMINAL=\"console serial\"\nGRUB_SERIAL_COMMAND=\"serial --speed=115200\"\n";

// Plans the fix on these settings, checks the laws, and gives /etc/default/grub back without the
// serial terminal that every test would have to repeat.
MemoryGuest fixed(const MemoryGuest& guest, const Inspection& inspection) {
  const Target keep{.initramfs = std::nullopt, .network = NetworkMode::keep};
  testing::expect_plan_laws(guest, inspection, keep, std::span(&kGrubDefaultsFix, 1));
  return testing::converted(guest, inspection, keep, std::span(&kGrubDefaultsFix, 1));
}

std::string fixed_text(const std::string& text, std::string io_timeout = "") {
  Inspection inspection = debian12_inspection();
  inspection.kernels[0].io_timeout_argument = std::move(io_timeout);
  MemoryGuest guest;
  guest.add_file(kMain, text + std::string(kSerial));
  const std::string result = file_of(fixed(guest, inspection), kMain);
  const size_t serial = result.find(kSerial);
  EXPECT_NE(serial, std::string::npos) << result;
  return result.substr(0, serial) + result.substr(std::min(serial + kSerial.size(), result.size()));
}

TEST(GrubDefaults, AddsTheConsolesToTheCommandLine) {
  EXPECT_EQ(fixed_text("GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\nGRUB_CMDLINE_LINUX=\"\"\n"),
            "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"
            "GRUB_CMDLINE_LINUX=\"console=tty0 console=ttyS0,115200n8\"\n");
}

TEST(GrubDefaults, ASerialConsoleInEitherVariableWillDo) {
  const std::string text =
      "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet console=ttyS0,9600\"\nGRUB_CMDLINE_LINUX=\"\"\n";
  EXPECT_EQ(fixed_text(text), text);
}

TEST(GrubDefaults, AddsTheTimeoutOfTheDefaultKernel) {
  EXPECT_EQ(fixed_text("GRUB_CMDLINE_LINUX='console=ttyS0'\n", "nvme.io_timeout=255"),
            "GRUB_CMDLINE_LINUX='console=ttyS0 nvme.io_timeout=255'\n");
}

TEST(GrubDefaults, QuotesABareValueThatGrows) {
  EXPECT_EQ(fixed_text("GRUB_CMDLINE_LINUX=quiet\n"),
            "GRUB_CMDLINE_LINUX=\"quiet console=tty0 console=ttyS0,115200n8\"\n");
}

TEST(GrubDefaults, AddsTheVariableWhenItIsMissing) {
  EXPECT_EQ(fixed_text("GRUB_TIMEOUT=1\n"),
            "GRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX=\"console=tty0 console=ttyS0,115200n8\"\n");
}

TEST(GrubDefaults, EditsTheAssignmentThatWins) {
  EXPECT_EQ(fixed_text("GRUB_CMDLINE_LINUX=\"console=hvc0\"\nGRUB_CMDLINE_LINUX=\"ro\"\n"),
            "GRUB_CMDLINE_LINUX=\"console=hvc0\"\n"
            "GRUB_CMDLINE_LINUX=\"ro console=tty0 console=ttyS0,115200n8\"\n");
}

TEST(GrubDefaults, SeesWhatEarlierAssignmentsContribute) {
  const std::string text =
      "GRUB_CMDLINE_LINUX=\"console=ttyS0\"\nGRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX quiet\"\n";
  EXPECT_EQ(fixed_text(text), text);
  const std::string appending =
      "GRUB_CMDLINE_LINUX=\"console=ttyS0\"\nGRUB_CMDLINE_LINUX+=\" quiet\"\n";
  EXPECT_EQ(fixed_text(appending), appending);
}

TEST(GrubDefaults, CleansEveryAssignmentThatContributes) {
  EXPECT_EQ(fixed_text("GRUB_CMDLINE_LINUX=\"root=/dev/sda1 console=ttyS0\"\n"
                       "GRUB_CMDLINE_LINUX=\"${GRUB_CMDLINE_LINUX} resume=/dev/sda2\"\n"),
            "GRUB_CMDLINE_LINUX=\"root=UUID=9a1ae06a-5642-4e1a-b81b-246a03f38ecf console=ttyS0\"\n"
            "GRUB_CMDLINE_LINUX=\"${GRUB_CMDLINE_LINUX} "
            "resume=UUID=51f5bdd0-4c7e-4a36-8f2c-0c6a4f1f0a52\"\n");
}

TEST(GrubDefaults, LeavesAProgramAloneAndAddsBehindIt) {
  EXPECT_EQ(fixed_text("GRUB_CMDLINE_LINUX=\"a\"$(cat /x)\n"),
            "GRUB_CMDLINE_LINUX=\"a\"$(cat /x)\n"
            "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX console=tty0 console=ttyS0,115200n8\"\n");
}

TEST(GrubDefaults, SwitchesRootByUuidOnAgain) {
  EXPECT_EQ(fixed_text("GRUB_CMDLINE_LINUX=console=ttyS0\nGRUB_DISABLE_LINUX_UUID=true\n"
                       "GRUB_DISABLE_UUID=\"true\" # old\n"),
            "GRUB_CMDLINE_LINUX=console=ttyS0\nGRUB_DISABLE_LINUX_UUID=false\n"
            "GRUB_DISABLE_UUID=\"false\" # old\n");
}

TEST(GrubDefaults, KeepsCarriageReturns) {
  EXPECT_EQ(fixed_text("GRUB_CMDLINE_LINUX=\"\"\r\n"),
            "GRUB_CMDLINE_LINUX=\"console=tty0 console=ttyS0,115200n8\"\r\n");
}

TEST(GrubDefaults, OverridesInGrubDAreWhereItCounts) {
  MemoryGuest guest;
  guest.add_file(kMain, "GRUB_CMDLINE_LINUX=\"\"\n" + std::string(kSerial));
  guest.add_file("/etc/default/grub.d/10_cloud.cfg", "GRUB_CMDLINE_LINUX=\"console=hvc0 quiet\"\n");
  Inspection inspection = debian12_inspection();
  inspection.kernels.clear();
  const MemoryGuest after = fixed(guest, inspection);
  EXPECT_EQ(file_of(after, kMain), "GRUB_CMDLINE_LINUX=\"\"\n" + std::string(kSerial));
  EXPECT_EQ(file_of(after, "/etc/default/grub.d/10_cloud.cfg"),
            "GRUB_CMDLINE_LINUX=\"quiet console=tty0 console=ttyS0,115200n8\"\n");
}

TEST(GrubDefaults, TwoFilesThatBothNeedEditsEndTheSameWhenInterrupted) {
  MemoryGuest guest;
  guest.add_file(kMain, "GRUB_CMDLINE_LINUX=\"console=hvc0\"\nGRUB_TERMINAL=gfxterm\n");
  guest.add_file("/etc/default/grub.d/a.cfg", "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX quiet\"\n");
  fixed(guest, debian12_inspection());
}

TEST(GrubDefaults, AFileReachedByALinkIsEditedWhereItLies) {
  MemoryGuest guest;
  guest.add_file("/srv/grub-settings", "GRUB_CMDLINE_LINUX=\"\"\n");
  guest.add_symlink(kMain, "/srv/grub-settings");
  const MemoryGuest after = fixed(guest, debian12_inspection());
  EXPECT_EQ(after.read_link(GuestPath(kMain)), "/srv/grub-settings");
  EXPECT_NE(file_of(after, "/srv/grub-settings"), "GRUB_CMDLINE_LINUX=\"\"\n");
}

TEST(GrubDefaults, AFileThatNoShellCanReadIsLeftAlone) {
  MemoryGuest guest;
  guest.add_file(kMain, "GRUB_DISTRIBUTOR=`lsb_release\nGRUB_CMDLINE_LINUX=\"\"\n");
  const FixResult result =
      testing::plan_all(guest, debian12_inspection(), Target{}, std::span(&kGrubDefaultsFix, 1));
  EXPECT_TRUE(result.edits.empty());
  EXPECT_EQ(testing::codes(result.warnings), std::vector<std::string>{"grub-defaults-damaged"});
}

TEST(GrubDefaults, AGuestWithoutGrubGetsNoSettings) {
  EXPECT_TRUE(testing::plan_all(MemoryGuest(), debian12_inspection(), Target{},
                                std::span(&kGrubDefaultsFix, 1))
                  .edits.empty());
}

TEST(GrubDefaults, ConvertsTheDebianGuest) {
  const MemoryGuest after = testing::converted(debian12(), debian12_inspection(), Target{},
                                               std::span(&kGrubDefaultsFix, 1));
  const std::string text = file_of(after, kMain);
  EXPECT_NE(text.find("\nGRUB_CMDLINE_LINUX=\"console=tty0 console=ttyS0,115200n8 net.ifnames=0 "
                      "biosdevname=0 nvme_core.io_timeout=4294967295\"\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\nGRUB_DISABLE_LINUX_UUID=false\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nGRUB_TERMINAL=\"console serial\"\n"), std::string::npos) << text;
}

TEST(GrubDefaults, NothingBreaksOnATruncatedFile) {
  const std::string text = file_of(debian12(), kMain);
  for (size_t length = 0; length <= text.size(); ++length) {
    MemoryGuest guest;
    guest.add_file(kMain, text.substr(0, length));
    fixed(guest, debian12_inspection());
  }
}

// Debian 9 upgraded to 10: nvme_core of 4.9 has a byte.
TEST(GrubDefaults, AnOlderKernelThatTakesLessIsWarnedOf) {
  const MemoryGuest guest = testing::debian12();
  Inspection inspection = testing::debian12_inspection();
  EXPECT_TRUE(kGrubDefaultsFix.plan(guest, inspection, {}).warnings.empty());
  KernelImage older = testing::kernel_of("4.9.0-19-amd64");
  older.is_default = false;
  older.io_timeout_argument = "nvme_core.io_timeout=254";
  inspection.kernels.push_back(older);
  EXPECT_EQ(testing::codes(kGrubDefaultsFix.plan(guest, inspection, {}).warnings),
            std::vector<std::string>{"grub-defaults-older-kernel"});
}

}  // namespace
}  // namespace rehost
