#include "drivers/kernel_image.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/drivers/samples.h"
#include "tests/support/pe_program.h"

namespace rehost {
namespace {

std::vector<std::string> releases(const MemoryGuest& guest) {
  std::vector<std::string> names;
  for (const KernelImage& kernel : find_kernels(guest)) {
    names.push_back(kernel.release);
  }
  return names;
}

TEST(KernelImage, IsPairedWithItsFilesInBoot) {
  const MemoryGuest guest = debian_guest("image");
  const std::vector<KernelImage> kernels = find_kernels(guest);
  ASSERT_EQ(kernels.size(), 1u);
  EXPECT_EQ(kernels[0].release, kRelease);
  EXPECT_EQ(kernels[0].modules_directory.str(), "/usr/lib/modules/6.1.0-10-amd64");
  EXPECT_EQ(kernels[0].vmlinuz, GuestPath("/boot/vmlinuz-6.1.0-10-amd64"));
  EXPECT_EQ(kernels[0].initramfs, GuestPath("/boot/initrd.img-6.1.0-10-amd64"));
  EXPECT_EQ(kernels[0].io_timeout_argument, "nvme_core.io_timeout=4294967295");
  EXPECT_FALSE(kernels[0].is_default);
}

TEST(KernelImage, ComesNewestFirst) {
  MemoryGuest guest;
  for (const std::string release : {"6.1.0-9-amd64", "6.1.0-10-amd64", "5.10.0-30-amd64"}) {
    guest.add_file("/lib/modules/" + release + "/modules.dep", "");
  }
  EXPECT_EQ(releases(guest),
            (std::vector<std::string>{"6.1.0-10-amd64", "6.1.0-9-amd64", "5.10.0-30-amd64"}));
}

TEST(KernelImage, IsNotMadeOfJunkDirectories) {
  MemoryGuest guest;
  guest.add_file("/lib/modules/3.10.0-1127.el7.x86_64/modules.dep", "");
  guest.add_file("/lib/modules/kabi-current/kabi_whitelist_x86_64", "");
  guest.add_directory("/lib/modules/3.10.0-957.el7.x86_64/weak-updates");
  guest.add_file("/lib/modules/5.4.0.bak/modules.dep", "");
  guest.add_file("/lib/modules/5.4.0.old/modules.dep", "");
  guest.add_file("/lib/modules/5.4.0.dpkg-tmp/modules.dep", "");
  guest.add_file("/lib/modules/5.4", "a file");
  guest.add_directory("/lib/modules/.5/kernel");
  guest.add_directory("/lib/modules/5./kernel");
  EXPECT_EQ(releases(guest), (std::vector<std::string>{"3.10.0-1127.el7.x86_64"}));
}

TEST(KernelImage, NeverTakesKdumpRescueOrSetAsideImages) {
  MemoryGuest guest;
  const std::string release = "3.10.0-1127.el7.x86_64";
  guest.add_file("/lib/modules/" + release + "/modules.dep", "");
  for (const std::string name : {"kdump.img", ".img.bak", ".img.dpkg-old", ".img.old"}) {
    guest.add_file(fmt::format("/boot/initramfs-{}{}", release, name), "");
  }
  guest.add_file("/boot/initramfs-0-rescue-1234.img", "");
  guest.add_file("/boot/initrd-" + release + "-kdump", "");
  EXPECT_EQ(find_kernels(guest).at(0).initramfs, std::nullopt);
  guest.add_file("/boot/initramfs-" + release + ".img", "");
  EXPECT_EQ(find_kernels(guest).at(0).initramfs, GuestPath("/boot/initramfs-" + release + ".img"));
}

TEST(KernelImage, IsFoundOnSuse) {
  MemoryGuest guest;
  const std::string release = "5.14.21-150500.55-default";
  guest.add_symlink("/lib/modules", "../usr/lib/modules");
  guest.add_file("/usr/lib/modules/" + release + "/vmlinuz", "MZ");
  guest.add_symlink("/boot/vmlinuz-" + release, "../usr/lib/modules/" + release + "/vmlinuz");
  guest.add_file("/boot/initrd-" + release, "");
  const KernelImage kernel = find_kernels(guest).at(0);
  EXPECT_EQ(kernel.vmlinuz, GuestPath("/boot/vmlinuz-" + release));
  EXPECT_EQ(kernel.initramfs, GuestPath("/boot/initrd-" + release));
}

TEST(KernelImage, IsFoundWhereKernelInstallPutsIt) {
  MemoryGuest guest;
  guest.add_file("/usr/lib/modules/6.1.0-10-amd64/modules.dep", "");
  guest.add_symlink("/lib", "usr/lib");
  guest.add_file("/boot/efi/0123abcd/6.1.0-10-amd64/linux", "MZ");
  guest.add_file("/boot/efi/0123abcd/6.1.0-10-amd64/initrd.img-6.1.0-10-amd64", "");
  const KernelImage kernel = find_kernels(guest).at(0);
  EXPECT_EQ(kernel.vmlinuz, GuestPath("/boot/efi/0123abcd/6.1.0-10-amd64/linux"));
  EXPECT_EQ(kernel.initramfs,
            GuestPath("/boot/efi/0123abcd/6.1.0-10-amd64/initrd.img-6.1.0-10-amd64"));
}

std::string timeout_of(const std::string& release, const std::string& dep, const std::string& file,
                       const std::vector<std::string>& fields) {
  MemoryGuest guest;
  guest.add_file("/lib/modules/" + release + "/modules.dep", dep);
  if (!file.empty()) {
    guest.add_file("/lib/modules/" + release + "/" + file, make_module(fields));
  }
  return find_kernels(guest).at(0).io_timeout_argument;
}

TEST(IoTimeout, IsWhatTheGuestsOwnModuleAccepts) {
  EXPECT_EQ(timeout_of("4.14.0", "nvme-core.ko:\nnvme.ko: nvme-core.ko\n", "nvme-core.ko",
                       {"parmtype=io_timeout:byte"}),
            "nvme_core.io_timeout=254");
  EXPECT_EQ(timeout_of("3.10.0-1127.el7.x86_64", "nvme-core.ko:\n", "nvme-core.ko",
                       {"parmtype=io_timeout:uint"}),
            "nvme_core.io_timeout=4294967295");
  EXPECT_EQ(timeout_of("3.13.0", "nvme.ko:\n", "nvme.ko", {"parmtype=io_timeout:byte"}),
            "nvme.io_timeout=254");
}

TEST(IoTimeout, IsReadFromBuiltInModules) {
  MemoryGuest guest;
  guest.add_file("/lib/modules/6.1.0-10-cloud-amd64/modules.dep", "");
  guest.add_file("/lib/modules/6.1.0-10-cloud-amd64/modules.builtin",
                 "kernel/drivers/nvme/host/nvme-core.ko\n");
  guest.add_file("/lib/modules/6.1.0-10-cloud-amd64/modules.builtin.modinfo",
                 std::string("nvme_core.parmtype=io_timeout:byte\0", 35));
  EXPECT_EQ(find_kernels(guest).at(0).io_timeout_argument, "nvme_core.io_timeout=254");
}

// EL 6.5: 2.6.32 refuses to load a module with a parameter that it does not have.
TEST(IoTimeout, IsNotSetForAModuleThatHasNone) {
  EXPECT_EQ(timeout_of("2.6.32-431.el6.x86_64", "kernel/drivers/block/nvme.ko:\n",
                       "kernel/drivers/block/nvme.ko", {"name=nvme"}),
            "");
}

TEST(IoTimeout, ABuiltInCoreThatSaysNothingIsTakenByItsVersion) {
  MemoryGuest guest;
  guest.add_file("/lib/modules/5.1.0/modules.dep", "nvme.ko:\n");
  guest.add_file("/lib/modules/5.1.0/nvme.ko", make_module({"name=nvme"}));
  guest.add_file("/lib/modules/5.1.0/modules.builtin", "kernel/drivers/nvme/host/nvme-core.ko\n");
  EXPECT_EQ(find_kernels(guest).at(0).io_timeout_argument, "nvme_core.io_timeout=4294967295");
}

TEST(IoTimeout, FollowsTheVersionWhereNobodyCanBeAsked) {
  EXPECT_EQ(io_timeout_argument("4.5.9"), "nvme.io_timeout=254");
  EXPECT_EQ(io_timeout_argument("4.6.0"), "nvme_core.io_timeout=254");
  EXPECT_EQ(io_timeout_argument("4.15.0-20-generic"), "nvme_core.io_timeout=4294967295");
  EXPECT_EQ(io_timeout_argument("5.10"), "nvme_core.io_timeout=4294967295");
  EXPECT_EQ(timeout_of("4.4.0", "nvme.ko:\n", "", {}), "nvme.io_timeout=254");
}

TEST(CompareReleases, CountsNumbersAsNumbers) {
  EXPECT_LT(compare_releases("6.1.0-9", "6.1.0-10"), 0);
  EXPECT_GT(compare_releases("6.10", "6.9.99"), 0);
  EXPECT_EQ(compare_releases("6.1", "6.1"), 0);
  EXPECT_LT(compare_releases("6.1", "6.1.1"), 0);
  EXPECT_NE(compare_releases("99999999999999999999999999", "x"), 0);
  EXPECT_LT(compare_releases("4.18.0-553.el8_10.x86_64", "4.18.0-553.16.1.el8_10.x86_64"), 0);
  EXPECT_GT(compare_releases("6.1.0-1-amd64", "6.1.0-rc7-amd64"), 0);
}

// A kernel in /boot and the copy that kernel-install has made of it on the ESP.
MemoryGuest guest_with_copies() {
  MemoryGuest guest = debian_guest("image");
  const std::string token = "/boot/efi/tok/" + std::string(kRelease);
  guest.add_file(token + "/linux", "MZ");
  guest.add_file(token + "/initrd", "initrd");
  return guest;
}

TEST(BootedImages, TheCopyThatIsStartedComesFirst) {
  const MemoryGuest guest = guest_with_copies();
  const std::string token = "/boot/efi/tok/" + std::string(kRelease);
  std::vector<KernelImage> kernels = find_kernels(guest);
  const std::vector<BootedImage> images = {{.vmlinuz = GuestPath(token + "/linux"),
                                            .initramfs = {GuestPath(token + "/initrd")},
                                            .version = "",
                                            .is_default = true}};
  attach_booted_images(guest, kernels, images);
  EXPECT_EQ(kernels[0].vmlinuz, GuestPath(token + "/linux"));
  EXPECT_EQ(kernels[0].initramfs, GuestPath(token + "/initrd"));
  EXPECT_EQ(kernels[0].other_initramfs,
            std::vector<GuestPath>{GuestPath("/boot/initrd.img-" + std::string(kRelease))});
}

TEST(BootedImages, ACopyThatIsNotTheDefaultIsOneMore) {
  const MemoryGuest guest = guest_with_copies();
  const std::string token = "/boot/efi/tok/" + std::string(kRelease);
  std::vector<KernelImage> kernels = find_kernels(guest);
  const std::vector<BootedImage> images = {
      {.vmlinuz = GuestPath(token + "/linux"),
       .initramfs = {GuestPath("/boot/efi/intel-ucode.img"), GuestPath(token + "/initrd")},
       .version = ""}};
  attach_booted_images(guest, kernels, images);
  attach_booted_images(guest, kernels, images);
  EXPECT_EQ(kernels[0].vmlinuz, GuestPath("/boot/vmlinuz-" + std::string(kRelease)));
  EXPECT_EQ(kernels[0].other_initramfs, std::vector<GuestPath>{GuestPath(token + "/initrd")});
}

// openSUSE with GRUB2-BLS: an older kernel is started from the ESP, and lies among its modules too.
TEST(BootedImages, TheCopyAmongTheModulesGivesWayToTheOneThatIsStarted) {
  const std::string release(kRelease);
  MemoryGuest guest;
  guest.add_file("/usr/lib/modules/" + release + "/vmlinuz", "MZ");
  guest.add_symlink("/lib", "usr/lib");
  guest.add_file("/boot/efi/tok/" + release + "/linux-4d", "MZ");
  guest.add_file("/boot/efi/tok/" + release + "/initrd-7c", "initrd");
  std::vector<KernelImage> kernels = find_kernels(guest);
  const GuestPath started("/boot/efi/tok/" + release + "/linux-4d");
  const GuestPath initrd("/boot/efi/tok/" + release + "/initrd-7c");
  const std::vector<BootedImage> images = {
      {.vmlinuz = started, .initramfs = {initrd}, .version = "1@" + release}};
  attach_booted_images(guest, kernels, images);
  EXPECT_EQ(kernels.at(0).vmlinuz, started);
  EXPECT_EQ(kernels.at(0).initramfs, initrd);
}

std::string bzimage(const std::string& version) {
  std::string head(0x400, '\0');
  head.replace(0x202, 4, "HdrS");
  head[0x20e] = '\x80';
  head.replace(0x280, version.size(), version);
  return head;
}

TEST(BootedImages, AreKnownByWhatTheKernelSaysOfItself) {
  MemoryGuest guest = debian_guest("image");
  guest.add_file("/boot/efi/EFI/debian/linux", bzimage(std::string(kRelease) + " (debian@x) #1"));
  guest.add_file("/boot/efi/EFI/debian/initrd", "initrd");
  EXPECT_EQ(bzimage_release(guest, GuestPath("/boot/efi/EFI/debian/linux")), kRelease);
  EXPECT_EQ(bzimage_release(guest, GuestPath("/boot/efi/EFI/debian/initrd")), std::nullopt);
  std::vector<KernelImage> kernels = find_kernels(guest);
  const std::vector<BootedImage> images = {{.vmlinuz = GuestPath("/boot/efi/EFI/debian/linux"),
                                            .initramfs = {GuestPath("/boot/efi/EFI/debian/initrd")},
                                            .version = "",
                                            .is_default = true}};
  attach_booted_images(guest, kernels, images);
  EXPECT_EQ(kernels[0].initramfs, GuestPath("/boot/efi/EFI/debian/initrd"));
}

TEST(BootedImages, OfARescueAreNobodys) {
  MemoryGuest guest = debian_guest("image");
  guest.add_file("/boot/vmlinuz-0-rescue-1234", bzimage(std::string(kRelease) + " #1"));
  guest.add_file("/boot/initramfs-0-rescue-1234.img", "initrd");
  std::vector<KernelImage> kernels = find_kernels(guest);
  const std::vector<KernelImage> before = kernels;
  const std::vector<BootedImage> images = {
      {.vmlinuz = GuestPath("/boot/vmlinuz-0-rescue-1234"),
       .initramfs = {GuestPath("/boot/initramfs-0-rescue-1234.img")},
       .version = "",
       .is_default = true}};
  attach_booted_images(guest, kernels, images);
  EXPECT_EQ(kernels[0].vmlinuz, before[0].vmlinuz);
  EXPECT_TRUE(kernels[0].other_initramfs.empty());
}

TEST(BootedImages, AUnifiedKernelIsItsOwnInitramfs) {
  MemoryGuest guest = debian_guest("image");
  const GuestPath unified("/boot/efi/EFI/Linux/a.efi");
  guest.add_file(unified.str(),
                 testing::make_unified_kernel("initrd", std::string(kRelease), "", ""));
  std::vector<KernelImage> kernels = find_kernels(guest);
  const std::vector<BootedImage> images = {
      {.vmlinuz = unified, .initramfs = {}, .version = std::string(kRelease), .is_default = true}};
  attach_booted_images(guest, kernels, images);
  EXPECT_EQ(kernels[0].initramfs, unified);
  EXPECT_EQ(kernels[0].vmlinuz, unified);
}

}  // namespace
}  // namespace rehost
