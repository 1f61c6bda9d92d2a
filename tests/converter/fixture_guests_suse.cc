#include "tests/bootfix/guests.h"
#include "tests/converter/fixture_guests.h"

namespace rehost {
namespace {

using testing::esp;
using testing::logical_volume;
using testing::partition_of;

const std::string kRoot(testing::kRootUuid);
const std::string kSwap(testing::kSwapUuid);
const std::string kData(testing::kDataUuid);
const std::string kBoot(testing::kBootUuid);

FixtureKernel suse_kernel(const std::string& release, Codec codec, const std::string& file_system) {
  return {.release = release,
          .initramfs_file = "/boot/initrd-{}",
          .initramfs = {.kind = InitramfsKind::dracut, .codec = codec, .modules = {}},
          .module_ending = ".ko.zst",
          .file_systems = {file_system}};
}

std::vector<std::string> uefi_programs(const std::string& vendor) {
  return {"/boot/efi/EFI/" + vendor + "/shim.efi", "/boot/efi/EFI/" + vendor + "/grub.efi",
          "/boot/efi/EFI/" + vendor + "/MokManager.efi"};
}

// sda1 swap, sda2 /, sdb1 /srv
FixtureGuest sles11() {
  FixtureKernel kernel = suse_kernel("3.0.101-108.114-default", Codec::gzip, "ext3");
  kernel.initramfs = {
      .kind = InitramfsKind::suse_mkinitrd, .codec = Codec::gzip, .modules = {"xen-blkfront"}};
  kernel.module_ending = ".ko";
  kernel.nvme = NvmeLayout::block;
  kernel.ena = EnaLayout::none;
  return {.name = "sles11",
          .distro = "sles",
          .filesystems = {partition_of(0, 2, "ext3", kRoot), partition_of(0, 1, "swap", kSwap),
                          partition_of(1, 1, "ext3", kData)},
          .kernels = {kernel},
          .programs = {"/bin/bash", "/sbin/init"},
          // SLES 11 has no driver for the network card of Nitro (facts/aws.md, section 1).
          .answers = {{"ena", Verdict::no}}};
}

// sda1 swap, sda2 / with subvolumes, sdb1 /srv/data
FixtureGuest sles12() {
  FixtureKernel kernel = suse_kernel("4.12.14-122.222-default", Codec::xz, "btrfs");
  kernel.module_ending = ".ko.xz";
  kernel.nvme = NvmeLayout::host_byte;
  FixtureKernel older = kernel;
  older.release = "4.12.14-122.26-default";
  return {.name = "sles12",
          .distro = "sles",
          .filesystems = {partition_of(0, 2, "btrfs", kRoot), partition_of(0, 1, "swap", kSwap),
                          partition_of(1, 1, "xfs", kData)},
          .kernels = {kernel, older},
          .programs = {"/bin/bash"}};
}

// sda1 ESP, sda2 / with subvolumes, sda3 swap
FixtureGuest sles15() {
  return {.name = "sles15",
          .distro = "sles",
          .filesystems = {partition_of(0, 2, "btrfs", kRoot), esp(0, 1),
                          partition_of(0, 3, "swap", kSwap)},
          .firmware = Firmware::uefi,
          .partition_table = "gpt",
          .kernels = {suse_kernel("6.4.0-150600.23.65-default", Codec::xz, "btrfs")},
          .programs = uefi_programs("sles")};
}

// sda1 /boot, LVM with / and swap, sdb1 /srv
FixtureGuest leap15() {
  return {.name = "leap15",
          .distro = "opensuse-leap",
          .filesystems = {logical_volume("/dev/system/root", "xfs", kRoot),
                          logical_volume("/dev/system/swap", "swap", kSwap),
                          partition_of(0, 1, "ext4", kBoot), partition_of(1, 1, "xfs", kData)},
          .kernels = {suse_kernel("6.4.0-150600.23.60-default", Codec::xz, "xfs")},
          .programs = {}};
}

// sda1 ESP, sda2 / with subvolumes
FixtureGuest tumbleweed() {
  return {.name = "tumbleweed",
          .distro = "opensuse-tumbleweed",
          .filesystems = {partition_of(0, 2, "btrfs", kRoot), esp(0, 1)},
          .firmware = Firmware::uefi,
          .partition_table = "gpt",
          .kernels = {suse_kernel("6.17.5-1-default", Codec::zstd, "btrfs")},
          .programs = uefi_programs("opensuse")};
}

// The same with GRUB2-BLS: kernel and initrd lie on the ESP under names that only the entries know.
FixtureGuest tumbleweed_bls() {
  FixtureGuest guest = tumbleweed();
  guest.name = "tumbleweed-bls";
  const std::string token = "/boot/efi/opensuse-tumbleweed/{}/";
  FixtureKernel kernel = suse_kernel("6.17.8-1-default", Codec::zstd, "btrfs");
  kernel.vmlinuz = token + "linux-1f0ae6bbd1a4a2cf3c4c6e0d6b6e5b9a4c3d2e1f";
  kernel.initramfs_file = token + "initrd-7c9e02b3a1d4f5e6978877665544332211ffeedd";
  guest.kernels = {kernel};
  guest.programs.emplace_back("/boot/efi/EFI/BOOT/BOOTX64.EFI");
  guest.programs.emplace_back("/boot/efi/EFI/BOOT/fallback.efi");
  return guest;
}

}  // namespace

std::vector<FixtureGuest> suse_fixtures() {
  return {sles11(), sles12(), sles15(), leap15(), tumbleweed(), tumbleweed_bls()};
}

}  // namespace rehost
