#include "bootfix/default_kernel.h"

#include <gtest/gtest.h>

#include "bootfix/default_entry.h"
#include "bootfix/fixes.h"
#include "bootfix/grubenv.h"
#include "tests/bootfix/loaders.h"
#include "tests/bootfix/plans.h"
#include "tests/support/pe_program.h"

namespace rehost {
namespace {

using testing::codes;
using testing::debian12;
using testing::file_of;
using testing::grubenv_block;
using testing::kMachineId;
using testing::kNewRelease;
using testing::kOldRelease;
using testing::rhel8;
using testing::rhel8_inspection;

Target target_of(const std::string& kernel) {
  Target target;
  target.network = NetworkMode::keep;
  target.default_kernel = kernel;
  return target;
}

// The laws for this fix alone and for all of them; the guest after this one.
MemoryGuest fixed(const MemoryGuest& guest, const Inspection& inspection,
                  const std::string& kernel = "") {
  testing::expect_plan_laws(guest, inspection, target_of(kernel), std::span(&kDefaultKernelFix, 1));
  testing::expect_plan_laws(guest, inspection, target_of(kernel), bootfix_fixes());
  return testing::converted(guest, inspection, target_of(kernel), std::span(&kDefaultKernelFix, 1));
}

std::vector<std::string> warnings_of(const MemoryGuest& guest, const Inspection& inspection,
                                     const std::string& kernel = "") {
  return codes(kDefaultKernelFix.plan(guest, inspection, target_of(kernel)).warnings);
}

std::string default_release(const MemoryGuest& guest, const Inspection& inspection) {
  const KernelImage* kernel = current_default_kernel(guest, inspection);
  return kernel == nullptr ? "(none)" : kernel->release;
}

// Ubuntu 20.04: the -kvm kernel is the first, the -generic one is in the submenu.
const std::string kKvm = "5.4.0-1100-kvm";
const std::string kGeneric = "5.4.0-190-generic";

std::string ubuntu_entry(const std::string& title, const std::string& id,
                         const std::string& release, const std::string& more = "") {
  return "menuentry '" + title + "' --class ubuntu $menuentry_id_option '" + id +
         "' {\n\tlinux\t/boot/vmlinuz-" + release + " root=UUID=9a1a ro " + more +
         "\n\tinitrd\t/boot/initrd.img-" + release + "\n}\n";
}

MemoryGuest ubuntu() {
  MemoryGuest guest;
  std::string menu =
      "if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\nelse\n   set "
      "default=\"0\"\nfi\n" +
      ubuntu_entry("Ubuntu", "gnulinux-simple-9a1a", kKvm) +
      "submenu 'Advanced options for Ubuntu' $menuentry_id_option 'gnulinux-advanced-9a1a' {\n";
  for (const std::string& release : {kKvm, kGeneric}) {
    menu += ubuntu_entry("Ubuntu, with Linux " + release + " (recovery mode)",
                         "gnulinux-" + release + "-recovery-9a1a", release, "recovery nomodeset");
    menu += ubuntu_entry("Ubuntu, with Linux " + release, "gnulinux-" + release + "-advanced-9a1a",
                         release);
    guest.add_file("/boot/vmlinuz-" + release, "kernel");
    guest.add_file("/boot/initrd.img-" + release, "initrd");
  }
  guest.add_file("/boot/grub/grub.cfg", menu + "}\n");
  guest.add_file("/etc/default/grub",
                 "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT=\"console=tty1 console=ttyS0\"\n");
  guest.add_file("/etc/default/grub.d/50-cloudimg-settings.cfg",
                 "# Cloud Image specific Grub settings for Generic Cloud Images\nGRUB_TIMEOUT=0\n");
  return guest;
}

Inspection ubuntu_inspection() {
  Inspection inspection = testing::debian12_inspection();
  inspection.kernels = {testing::kernel_of(kKvm), testing::kernel_of(kGeneric)};
  inspection.kernels[0].lacking_drivers = {"nvme", "ena"};
  inspection.kernels[1].is_default = false;
  return inspection;
}

const std::string kGenericPath = "gnulinux-advanced-9a1a>gnulinux-" + kGeneric + "-advanced-9a1a";

TEST(DefaultKernel, IsLeftAloneWhenItHasItsDrivers) {
  Inspection inspection = ubuntu_inspection();
  inspection.kernels[0].lacking_drivers.clear();
  EXPECT_TRUE(kDefaultKernelFix.plan(ubuntu(), inspection, target_of("")).edits.empty());
  EXPECT_TRUE(warnings_of(ubuntu(), inspection).empty());
}

TEST(DefaultKernel, IsChangedInGrubCfgAndForTheNextUpdateGrub) {
  const MemoryGuest after = fixed(ubuntu(), ubuntu_inspection());
  EXPECT_EQ(default_release(ubuntu(), ubuntu_inspection()), kKvm);
  EXPECT_EQ(default_release(after, ubuntu_inspection()), kGeneric);
  EXPECT_NE(file_of(after, "/boot/grub/grub.cfg").find("   set default=\"" + kGenericPath + "\"\n"),
            std::string::npos);
  EXPECT_NE(file_of(after, "/boot/grub/grub.cfg").find("set default=\"${next_entry}\""),
            std::string::npos);
  EXPECT_NE(file_of(after, "/etc/default/grub").find("GRUB_DEFAULT=\"" + kGenericPath + "\"\n"),
            std::string::npos)
      << file_of(after, "/etc/default/grub");
  EXPECT_EQ(warnings_of(ubuntu(), ubuntu_inspection()),
            std::vector<std::string>{"default-kernel-changed"});
}

TEST(DefaultKernel, TheTimeoutIsThatOfTheNewOne) {
  Inspection inspection = ubuntu_inspection();
  inspection.kernels[0].io_timeout_argument = "nvme.io_timeout=254";
  const MemoryGuest after =
      testing::converted(ubuntu(), inspection, target_of(""), bootfix_fixes());
  EXPECT_NE(file_of(after, "/etc/default/grub").find("nvme_core.io_timeout=4294967295"),
            std::string::npos);
  EXPECT_EQ(file_of(after, "/etc/default/grub").find("nvme.io_timeout"), std::string::npos)
      << file_of(after, "/etc/default/grub") << file_of(after, "/boot/grub/grub.cfg")
      << default_release(after, inspection);
}

TEST(DefaultKernel, StaysWhenNoOtherIsBetter) {
  Inspection inspection = ubuntu_inspection();
  inspection.kernels[1].lacking_drivers = {"nvme", "ena"};
  EXPECT_TRUE(kDefaultKernelFix.plan(ubuntu(), inspection, target_of("")).edits.empty());
  EXPECT_EQ(warnings_of(ubuntu(), inspection), std::vector<std::string>{"default-kernel-unfit"});
}

TEST(DefaultKernel, WithoutEnaIsStillBetterThanWithoutNvme) {
  Inspection inspection = ubuntu_inspection();
  inspection.kernels[1].lacking_drivers = {"ena"};
  EXPECT_EQ(default_release(fixed(ubuntu(), inspection), inspection), kGeneric);
}

TEST(DefaultKernel, StaysWhenABundleHasWhatItLacks) {
  Inspection inspection = ubuntu_inspection();
  inspection.kernels[0].lacking_drivers = {"ena"};
  Target target = target_of("");
  target.bundled_modules.resize(1);
  target.bundled_modules[0].release = kKvm;
  target.bundled_modules[0].name = "ena";
  EXPECT_TRUE(kDefaultKernelFix.plan(ubuntu(), inspection, target).edits.empty());
  target.bundled_modules[0].release = kGeneric;
  EXPECT_FALSE(kDefaultKernelFix.plan(ubuntu(), inspection, target).edits.empty());
}

TEST(DefaultKernel, IsTheOperatorsChoice) {
  Inspection inspection = ubuntu_inspection();
  EXPECT_EQ(default_release(fixed(ubuntu(), inspection, "keep"), inspection), kKvm);
  EXPECT_EQ(warnings_of(ubuntu(), inspection, "keep"),
            std::vector<std::string>{"default-kernel-unfit"});
  inspection.kernels[0].lacking_drivers.clear();
  EXPECT_EQ(default_release(fixed(ubuntu(), inspection, kGeneric), inspection), kGeneric);
  EXPECT_TRUE(kDefaultKernelFix.plan(ubuntu(), inspection, target_of(kKvm)).edits.empty());
  EXPECT_EQ(warnings_of(ubuntu(), inspection, "9.9"),
            std::vector<std::string>{"default-kernel-unknown"});
}

TEST(DefaultKernel, AnUnfitOneIsNeverTheDefaultInSilence) {
  const Inspection inspection = ubuntu_inspection();
  const std::vector<std::string> unfit = {"default-kernel-unfit"};
  EXPECT_EQ(warnings_of(ubuntu(), inspection, kKvm), unfit);
  EXPECT_EQ(warnings_of(ubuntu(), inspection, "9.9"),
            (std::vector<std::string>{"default-kernel-unknown", "default-kernel-unfit"}));
  Inspection both = inspection;
  both.kernels[1].lacking_drivers = {"ena"};
  EXPECT_EQ(warnings_of(ubuntu(), both, kGeneric), unfit);
}

TEST(DefaultKernel, TheOperatorsChoiceWithoutAMenuIsAWarning) {
  MemoryGuest guest = ubuntu();
  guest.remove(GuestPath("/boot/grub/grub.cfg"));
  EXPECT_EQ(warnings_of(guest, ubuntu_inspection(), kGeneric),
            std::vector<std::string>{"default-kernel-not-set"});
  EXPECT_TRUE(warnings_of(guest, ubuntu_inspection()).empty());
}

TEST(DefaultKernel, WhatCouldNotBeSetIsNotCalledChanged) {
  // A name that no line of a menu can hold.
  MemoryGuest guest = ubuntu();
  std::string menu = file_of(guest, "/boot/grub/grub.cfg");
  const std::string id = "'gnulinux-" + kGeneric + "-advanced-9a1a'";
  menu.replace(menu.find(id), id.size(), "\"it's\"");
  guest.add_file("/boot/grub/grub.cfg", menu);
  EXPECT_EQ(warnings_of(guest, ubuntu_inspection()),
            std::vector<std::string>{"default-kernel-not-set"});
}

TEST(DefaultKernel, OfBlsIsSavedInGrubenv) {
  Inspection inspection = rhel8_inspection();
  inspection.kernels[0].lacking_drivers = {"ena"};
  const MemoryGuest after = fixed(rhel8(), inspection);
  const std::string block = file_of(after, "/boot/grub2/grubenv");
  EXPECT_EQ(block.size(), 1024u);
  EXPECT_EQ(parse_grubenv(block).at("saved_entry"), std::string(kMachineId) + "-" + kOldRelease);
  EXPECT_EQ(default_release(after, inspection), kOldRelease);
  EXPECT_EQ(file_of(after, "/boot/grub2/grub.cfg"), file_of(rhel8(), "/boot/grub2/grub.cfg"));
}

TEST(DefaultKernel, IsNeverTheRescueImage) {
  const MemoryGuest after = fixed(rhel8(std::string(kMachineId) + "-0-rescue"), rhel8_inspection());
  EXPECT_EQ(default_release(after, rhel8_inspection()), kNewRelease);
}

TEST(DefaultKernel, OfCentos7IsChangedInBothMenus) {
  MemoryGuest guest;
  const auto entry = [](const std::string& release) {
    return "menuentry 'CentOS Linux (" + release +
           ") 7 (Core)' --class centos $menuentry_id_option 'gnulinux-" + release +
           "-advanced-9a1a' {\n\tlinux16 /vmlinuz-" + release + " root=UUID=9a1a ro\n}\n";
  };
  for (const std::string directory : {"/boot/grub2", "/boot/efi/EFI/centos"}) {
    guest.add_file(directory + "/grub.cfg",
                   "set default=\"${saved_entry}\"\n" + entry(kNewRelease) + entry(kOldRelease));
    guest.add_file(directory + "/grubenv",
                   grubenv_block("saved_entry=CentOS Linux (" + kNewRelease + ") 7 (Core)\n"));
  }
  for (const std::string& release : {kNewRelease, kOldRelease}) {
    guest.add_file("/boot/vmlinuz-" + release, "kernel");
  }
  guest.add_file("/etc/default/grub", "GRUB_DEFAULT=saved\n");
  Inspection inspection = rhel8_inspection();
  inspection.kernels[0].lacking_drivers = {"nvme"};
  const MemoryGuest after = fixed(guest, inspection);
  for (const std::string directory : {"/boot/grub2", "/boot/efi/EFI/centos"}) {
    EXPECT_EQ(parse_grubenv(file_of(after, directory + "/grubenv")).at("saved_entry"),
              "CentOS Linux (" + kOldRelease + ") 7 (Core)");
  }
  EXPECT_EQ(file_of(after, "/etc/default/grub"), "GRUB_DEFAULT=saved\n");
}

TEST(DefaultKernel, AMissingGrubenvIsMade) {
  MemoryGuest guest = rhel8();
  guest.remove(GuestPath("/boot/grub2/grubenv"));
  Inspection inspection = rhel8_inspection();
  inspection.kernels[0].lacking_drivers = {"ena"};
  const MemoryGuest after = fixed(guest, inspection);
  EXPECT_EQ(file_of(after, "/boot/grub2/grubenv"),
            grubenv_block("saved_entry=" + std::string(kMachineId) + "-" + kOldRelease + "\n"));
}

TEST(DefaultKernel, AOneTimeChoiceOfTheOldMachineIsDropped) {
  MemoryGuest guest = rhel8();
  guest.add_file("/boot/grub2/grubenv", grubenv_block("next_entry=1\nboot_success=1\n"));
  const MemoryGuest after = fixed(guest, rhel8_inspection());
  EXPECT_EQ(file_of(after, "/boot/grub2/grubenv"), grubenv_block("next_entry=\nboot_success=1\n"));
  EXPECT_EQ(warnings_of(guest, rhel8_inspection()), std::vector<std::string>{"boot-once-dropped"});
  EXPECT_EQ(file_of(fixed(guest, rhel8_inspection(), "keep"), "/boot/grub2/grubenv"),
            file_of(guest, "/boot/grub2/grubenv"));
}

TEST(DefaultKernel, OfGrubLegacyIsANumber) {
  MemoryGuest guest;
  const std::string menu =
      "title Xen\nkernel /xen.gz\nmodule /vmlinuz-3.0.101-63-xen root=UUID=x\n"
      "title Failsafe\nkernel /vmlinuz-3.0.101-63-default root=UUID=x showopts x11failsafe\n"
      "title Linux\nkernel /vmlinuz-3.0.101-63-default root=UUID=x showopts\n";
  guest.add_file("/boot/grub/menu.lst", "# YaST\ndefault 0\n" + menu);
  Inspection inspection = testing::debian12_inspection();
  inspection.kernels.clear();
  for (const std::string& release :
       {std::string("3.0.101-63-xen"), std::string("3.0.101-63-default")}) {
    guest.add_file("/boot/vmlinuz-" + release, "kernel");
    inspection.kernels.push_back(testing::kernel_of(release));
  }
  inspection.kernels[1].is_default = false;
  EXPECT_EQ(file_of(fixed(guest, inspection), "/boot/grub/menu.lst"), "# YaST\ndefault 2\n" + menu);
}

// Debian 12 as a Xen host: 20_linux_xen, and xen.cfg makes its entry the default.
MemoryGuest xen_host(bool with_plain_entry) {
  const std::string files =
      " /boot/vmlinuz-6.1.0-56-amd64 placeholder root=UUID=x ro console=hvc0\n\tmodule2\t--nounzip "
      "  /boot/initrd.img-6.1.0-56-amd64\n}\n";
  const std::string xen =
      "menuentry 'Debian, with Xen hypervisor' $menuentry_id_option 'xen-gnulinux-simple-x' {\n"
      "\tmultiboot2\t/boot/xen-4.17-amd64.gz placeholder  ${xen_rm_opts}\n\tmodule2" +
      files;
  const std::string plain =
      "menuentry 'Debian' $menuentry_id_option 'gnulinux-simple-x' {\n\tlinux\t"
      "/boot/vmlinuz-6.1.0-56-amd64 root=UUID=x ro\n\tinitrd\t/boot/initrd.img-6.1.0-56-amd64\n}\n";
  MemoryGuest guest;
  guest.add_file("/boot/grub/grub.cfg", "set default=\"Debian, with Xen hypervisor\"\n" +
                                            (with_plain_entry ? plain : std::string()) + xen);
  guest.add_file("/boot/vmlinuz-6.1.0-56-amd64", "kernel");
  guest.add_file("/boot/initrd.img-6.1.0-56-amd64", "initrd");
  guest.add_file("/boot/xen-4.17-amd64.gz", "xen");
  return guest;
}

TEST(DefaultKernel, OfAXenHostIsTheSameWithoutTheHypervisor) {
  const MemoryGuest guest = xen_host(true);
  const Inspection inspection = testing::debian12_inspection();
  const BootConfig before = *read_boot_config(guest, Firmware::bios);
  ASSERT_TRUE(before.default_entry);
  const BootEntry& entry = before.entries[*before.default_entry];
  EXPECT_TRUE(entry.under_xen);
  EXPECT_EQ(entry.kernel_file, GuestPath("/boot/vmlinuz-6.1.0-56-amd64"));
  EXPECT_EQ(entry.initrd_files,
            std::vector<GuestPath>{GuestPath("/boot/initrd.img-6.1.0-56-amd64")});
  const BootConfig after = *read_boot_config(fixed(guest, inspection), Firmware::bios);
  ASSERT_TRUE(after.default_entry);
  EXPECT_EQ(after.entries[*after.default_entry].title, "Debian");
  EXPECT_EQ(warnings_of(guest, inspection), std::vector<std::string>{"default-kernel-changed"});
}

TEST(DefaultKernel, AXenHostWithoutAPlainEntryIsWarnedOf) {
  EXPECT_EQ(warnings_of(xen_host(false), testing::debian12_inspection()),
            std::vector<std::string>{"default-kernel-under-xen"});
}

TEST(DefaultKernel, OfSystemdBootIsInLoaderConf) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/BOOT/BOOTX64.EFI", testing::make_systemd_boot());
  guest.add_file("/boot/efi/loader/loader.conf", "timeout 3\ndefault tok-*\n#console-mode keep\n");
  Inspection inspection = testing::debian12_inspection();
  inspection.firmware = Firmware::uefi;
  inspection.kernels.clear();
  for (const std::string release : {"6.1.0-10-cloud-amd64", "6.1.0-9-amd64"}) {
    const std::string kernel = "/tok/" + release + "/linux";
    std::string entry = "title Debian\nversion " + release;
    entry += "\noptions root=UUID=x\nlinux " + kernel + "\n";
    guest.add_file("/boot/efi" + kernel, "kernel");
    guest.add_file("/boot/efi/loader/entries/tok-" + release + ".conf", entry);
    inspection.kernels.push_back(testing::kernel_of(release));
    inspection.kernels.back().vmlinuz = GuestPath("/boot/efi/tok/" + release + "/linux");
  }
  inspection.kernels[0].lacking_drivers = {"ena"};
  EXPECT_EQ(file_of(fixed(guest, inspection), "/boot/efi/loader/loader.conf"),
            "timeout 3\ndefault tok-6.1.0-9-amd64.conf\n#console-mode keep\n");
}

// Oracle Linux: its own kernel beside that of Red Hat.
TEST(DefaultKernel, TheNextOneOfItsPackageFollowsIt) {
  MemoryGuest guest = rhel8();
  const std::string uek = "4.14.35-1902.el8uek.x86_64";
  guest.add_file("/boot/vmlinuz-" + uek, "kernel");
  guest.add_file(testing::bls_path(uek), testing::bls_text(uek, "$kernelopts"));
  guest.add_file("/etc/sysconfig/kernel", "UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-core\n");
  Inspection inspection = rhel8_inspection();
  inspection.kernels[0].lacking_drivers = {"ena"};
  inspection.kernels[1].lacking_drivers = {"ena"};
  inspection.kernels.push_back(testing::el_kernel(uek));
  const MemoryGuest after = fixed(guest, inspection);
  EXPECT_EQ(default_release(after, inspection), uek);
  EXPECT_EQ(file_of(after, "/etc/sysconfig/kernel"),
            "UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-uek-core\n");
}

TEST(DefaultKernel, ADebugKernelIsTakenLast) {
  Inspection inspection = rhel8_inspection();
  MemoryGuest guest = rhel8("2");  // the oldest, once the debug kernel is in front
  const std::string debug = kNewRelease + "+debug";
  guest.add_file("/boot/vmlinuz-" + debug, "kernel");
  guest.add_file(testing::bls_path(debug), testing::bls_text(debug, "$kernelopts"));
  inspection.kernels.insert(inspection.kernels.begin(), testing::el_kernel(debug));
  inspection.kernels[2].lacking_drivers = {"nvme"};
  ASSERT_EQ(default_release(guest, inspection), kOldRelease);
  EXPECT_EQ(default_release(fixed(guest, inspection), inspection), kNewRelease);
}

TEST(DefaultKernel, KernelsOfOtherCloudsAreWarnedOf) {
  Inspection inspection = ubuntu_inspection();
  inspection.kernels[0].lacking_drivers.clear();
  inspection.kernels.push_back(testing::kernel_of("5.15.0-1073-azure"));
  inspection.kernels.push_back(testing::kernel_of("5.15.0-1066-gcp"));
  inspection.kernels.push_back(testing::kernel_of("5.15.0-1066-aws"));
  EXPECT_EQ(warnings_of(ubuntu(), inspection),
            (std::vector<std::string>{"kernel-for-another-cloud", "kernel-for-another-cloud"}));
}

TEST(DefaultKernel, IsQuotedAsGrubNeedsIt) {
  EXPECT_EQ(with_grub_default("set default=\"0\"\n", "a>b"), "set default=\"a>b\"\n");
  EXPECT_EQ(with_grub_default("# x\n", "a"), "set default=\"a\"\n# x\n");
  EXPECT_EQ(with_grub_default("set default=0\n", "a $b"), "set default='a $b'\n");
  EXPECT_EQ(with_grub_default("set default=0\n", "it's"), std::nullopt);
}

}  // namespace
}  // namespace rehost
