#include "bootfix/bls_options.h"

#include <gtest/gtest.h>

#include "bootfix/grub_cfg.h"
#include "bootfix/grubenv.h"
#include "bootfix/unstable_names.h"
#include "tests/bootfix/loaders.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::bls_path;
using testing::bls_text;
using testing::file_of;
using testing::kNewRelease;
using testing::kOldRelease;
using testing::rhel8;
using testing::rhel8_inspection;

const Target kKeep{.initramfs = std::nullopt, .network = NetworkMode::keep};
const std::string kRoot = "root=UUID=" + std::string(testing::kRootUuid);
const std::string kAdded = "console=tty0 console=ttyS0,115200n8 nvme_core.io_timeout=4294967295";

// The laws, and the guest afterwards.
MemoryGuest fixed(const MemoryGuest& guest, const Inspection& inspection = rhel8_inspection()) {
  const std::vector<Fix> fixes = {kGrubCfgFix, kBlsOptionsFix};
  testing::expect_plan_laws(guest, inspection, kKeep, fixes);
  return testing::converted(guest, inspection, kKeep, fixes);
}

TEST(BlsOptions, Rhel8HasThemInGrubenv) {
  const MemoryGuest before = rhel8();
  const MemoryGuest after = fixed(before);
  const std::string block = file_of(after, "/boot/grub2/grubenv");
  EXPECT_EQ(block.size(), 1024u);
  EXPECT_EQ(parse_grubenv(block).at("kernelopts"),
            kRoot + " ro crashkernel=auto rhgb quiet " + kAdded + " ");
  EXPECT_EQ(parse_grubenv(block).at("boot_indeterminate"), "0");
  for (const std::string& release : {kOldRelease, kNewRelease, std::string("0-rescue")}) {
    EXPECT_EQ(file_of(after, bls_path(release)), file_of(before, bls_path(release)));
  }
  EXPECT_NE(file_of(after, "/boot/grub2/grub.cfg")
                .find("set kernelopts=\"" + kRoot + " ro crashkernel=auto " + kAdded + " \""),
            std::string::npos);
  EXPECT_TRUE(find_unstable_names(after, rhel8_inspection()).empty());
}

TEST(BlsOptions, Rhel9HasThemInTheEntries) {
  MemoryGuest guest = rhel8();
  guest.add_file("/boot/grub2/grubenv", testing::grubenv_block("saved_entry=x\n"));
  for (const std::string& release : {kOldRelease, kNewRelease}) {
    guest.add_file(bls_path(release), bls_text(release, "root=/dev/sda1 ro rhgb $tuned_params"));
  }
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, bls_path(kOldRelease)),
            bls_text(kOldRelease, kRoot + " ro rhgb $tuned_params " + kAdded));
  EXPECT_EQ(file_of(after, "/boot/grub2/grubenv"), file_of(guest, "/boot/grub2/grubenv"));
}

TEST(BlsOptions, KernelsThatDisagreeCarryTheirOwnTimeout) {
  Inspection inspection = rhel8_inspection();
  inspection.kernels[1].io_timeout_argument = "nvme_core.io_timeout=254";
  const MemoryGuest after = fixed(rhel8(), inspection);
  EXPECT_EQ(parse_grubenv(file_of(after, "/boot/grub2/grubenv")).at("kernelopts"),
            kRoot + " ro crashkernel=auto rhgb quiet console=tty0 console=ttyS0,115200n8 ");
  EXPECT_EQ(file_of(after, bls_path(kOldRelease)),
            bls_text(kOldRelease, "$kernelopts $tuned_params nvme_core.io_timeout=254"));
  EXPECT_EQ(file_of(after, bls_path(kNewRelease)),
            bls_text(kNewRelease, "$kernelopts $tuned_params nvme_core.io_timeout=4294967295"));
}

TEST(BlsOptions, AFullGrubenvMovesThemIntoTheEntries) {
  MemoryGuest guest = rhel8();
  const std::string filler(900, 'x');
  guest.add_file("/boot/grub2/grubenv",
                 testing::grubenv_block("kernelopts=root=/dev/sda1 ro\nfiller=" + filler + "\n"));
  const FixResult plan = kBlsOptionsFix.plan(guest, rhel8_inspection(), kKeep);
  EXPECT_EQ(testing::codes(plan.warnings), std::vector<std::string>{"grubenv-full"});
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, bls_path(kNewRelease)),
            bls_text(kNewRelease, kRoot + " ro " + kAdded + " $tuned_params"));
}

TEST(BlsOptions, EntriesWithoutOptionsHaveThoseOfGrubCfg) {
  MemoryGuest guest = rhel8();
  guest.add_file("/boot/grub2/grub.cfg",
                 "set default_kernelopts=\"root=/dev/sda1 ro \"\ninsmod blscfg\nblscfg\n");
  guest.add_file(bls_path(kNewRelease), "title a\nlinux /vmlinuz-" + kNewRelease + "\n");
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, "/boot/grub2/grub.cfg"),
            "set default_kernelopts=\"" + kRoot + " ro " + kAdded + " \"\ninsmod blscfg\nblscfg\n");
  EXPECT_EQ(file_of(after, bls_path(kNewRelease)), file_of(guest, bls_path(kNewRelease)));
}

TEST(BlsOptions, AnotherSystemsEntryGetsNoMoreThanItsDevices) {
  MemoryGuest guest = rhel8();
  guest.add_file("/boot/loader/entries/other.conf",
                 "title o\nlinux /vmlinuz-other\noptions root=/dev/sdb1 quiet\n");
  EXPECT_EQ(file_of(fixed(guest), "/boot/loader/entries/other.conf"),
            "title o\nlinux /vmlinuz-other\noptions root=UUID=" + std::string(testing::kDataUuid) +
                " quiet\n");
}

TEST(BlsOptions, LeaveChainloadersAlone) {
  MemoryGuest guest = rhel8();
  const std::string text = "title Windows\nefi /EFI/Microsoft/Boot/bootmgfw.efi\noptions x\n";
  guest.add_file("/boot/efi/loader/entries/windows.conf", text);
  EXPECT_EQ(file_of(fixed(guest), "/boot/efi/loader/entries/windows.conf"), text);
}

TEST(BlsOptions, EntriesOfSystemdBootAreOnTheEsp) {
  MemoryGuest guest;
  const std::string release = "6.1.0-56-amd64";
  guest.add_file("/boot/efi/tok/" + release + "/linux", "kernel");
  guest.add_file("/boot/efi/loader/entries/tok-" + release + ".conf",
                 "title      Debian\nversion    " + release +
                     "\noptions    root=/dev/sda1 ro quiet\nlinux      /tok/" + release +
                     "/linux\ninitrd     /tok/" + release + "/initrd.img-" + release + "\n");
  Inspection inspection = testing::debian12_inspection();
  inspection.firmware = Firmware::uefi;
  const MemoryGuest after = fixed(guest, inspection);
  EXPECT_NE(file_of(after, "/boot/efi/loader/entries/tok-" + release + ".conf")
                .find("options    " + kRoot + " ro quiet " + kAdded + "\n"),
            std::string::npos);
}

}  // namespace
}  // namespace rehost
