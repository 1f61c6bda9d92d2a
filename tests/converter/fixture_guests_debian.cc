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

FixtureKernel debian_kernel(const std::string& release, NvmeLayout nvme, Codec codec) {
  return {.release = release,
          .initramfs_file = "/boot/initrd.img-{}",
          .initramfs = {.kind = InitramfsKind::initramfs_tools, .codec = codec, .modules = {}},
          .nvme = nvme};
}

std::vector<std::string> uefi_programs(const std::string& vendor) {
  return {"/usr/bin/dash", "/usr/sbin/update-initramfs", "/boot/efi/EFI/" + vendor + "/shimx64.efi",
          "/boot/efi/EFI/" + vendor + "/grubx64.efi", "/boot/efi/EFI/" + vendor + "/mmx64.efi"};
}

const std::vector<std::string> kPrograms = {"/bin/dash", "/usr/sbin/update-initramfs"};
const std::vector<std::string> kMergedPrograms = {"/usr/bin/dash", "/usr/sbin/update-initramfs"};

Filesystem labelled(Filesystem filesystem, const std::string& label) {
  filesystem.label = label;
  return filesystem;
}

// vda1 /, vda5 swap, vdb1 /srv/backup
FixtureGuest debian9() {
  return {.name = "debian9",
          .distro = "debian",
          .filesystems = {partition_of(0, 1, "ext4", kRoot), partition_of(0, 5, "swap", kSwap),
                          partition_of(1, 1, "xfs", kData)},
          .kernels = {debian_kernel("4.9.0-19-amd64", NvmeLayout::host_byte, Codec::gzip)},
          .programs = kPrograms};
}

// sda1 /boot, LVM with / and swap, sdb1 LUKS
FixtureGuest debian10() {
  return {
      .name = "debian10",
      .distro = "debian",
      .filesystems = {logical_volume("/dev/debian-vg/root", "ext4", kRoot),
                      logical_volume("/dev/debian-vg/swap_1", "swap", kSwap),
                      partition_of(0, 1, "ext2", kBoot), partition_of(1, 1, "crypto_LUKS", kData)},
      .kernels = {debian_kernel("4.19.0-27-amd64", NvmeLayout::host, Codec::gzip)},
      .programs = kMergedPrograms};
}

FixtureGuest debian12() {
  return {
      .name = "debian12",
      .distro = "debian",
      // sda1 /, sda2 swap, sdb1 /data
      .filesystems = {partition_of(0, 1, "ext4", std::string(testing::kRootUuid)),
                      partition_of(0, 2, "swap", std::string(testing::kSwapUuid)),
                      partition_of(1, 1, "ext4", std::string(testing::kDataUuid))},
      .kernels = {{.release = "6.1.0-56-amd64",
                   .initramfs_file = "/boot/initrd.img-{}",
                   .initramfs = {.kind = InitramfsKind::initramfs_tools, .codec = Codec::zstd}}},
      .programs = {"/usr/bin/dash", "/usr/sbin/update-initramfs"},
  };
}

// sda1 ESP, sda2 /, sda3 swap
FixtureGuest debian13() {
  FixtureKernel kernel = debian_kernel("6.12.48+deb13-amd64", NvmeLayout::host_auth, Codec::zstd);
  kernel.module_ending = ".ko.xz";
  kernel.initramfs.microcode = true;
  kernel.initramfs.early_modules = true;
  return {.name = "debian13",
          .distro = "debian",
          .filesystems = {partition_of(0, 2, "ext4", kRoot), esp(0, 1),
                          partition_of(0, 3, "swap", kSwap)},
          .firmware = Firmware::uefi,
          .partition_table = "gpt",
          .kernels = {kernel},
          .programs = uefi_programs("debian")};
}

// xvda1 /, xvdb /mnt without a partition table, xvdc1 /srv/data
FixtureGuest ubuntu1404() {
  FixtureKernel older = debian_kernel("3.13.0-170-generic", NvmeLayout::block, Codec::gzip);
  older.ena = EnaLayout::none;
  return {
      .name = "ubuntu1404",
      .distro = "ubuntu",
      .filesystems = {labelled(partition_of(0, 1, "ext4", kRoot), "cloudimg-rootfs"),
                      partition_of(1, 1, "ext4", kData)},
      .kernels = {debian_kernel("4.4.0-148-generic", NvmeLayout::host_byte, Codec::gzip), older},
      .programs = {"/bin/dash", "/usr/sbin/update-initramfs", "/sbin/init"}};
}

// sda1 /boot, LVM with / and swap
FixtureGuest ubuntu1604() {
  return {.name = "ubuntu1604",
          .distro = "ubuntu",
          .filesystems = {logical_volume("/dev/ubuntu-vg/root", "ext4", kRoot),
                          logical_volume("/dev/ubuntu-vg/swap_1", "swap", kSwap),
                          partition_of(0, 1, "ext2", kBoot)},
          .kernels = {debian_kernel("4.4.0-210-generic", NvmeLayout::host_byte, Codec::gzip)},
          .programs = kPrograms};
}

// sda1 BIOS boot, sda2 / with a swap file, sdb1 /srv
FixtureGuest ubuntu1804() {
  FixtureKernel kernel = debian_kernel("4.15.0-213-generic", NvmeLayout::host, Codec::gzip);
  kernel.initramfs.microcode = true;
  return {.name = "ubuntu1804",
          .distro = "ubuntu",
          .filesystems = {partition_of(0, 2, "ext4", kRoot), partition_of(1, 1, "ext4", kData)},
          .partition_table = "gpt",
          .kernels = {kernel},
          .programs = kPrograms};
}

// sda1 /, sda14 BIOS boot, sda15 ESP, sdb the temporary disk (not given), sdc1 /datadrive
FixtureGuest ubuntu2004_azure() {
  FixtureKernel azure = debian_kernel("5.4.0-1109-azure", NvmeLayout::host, Codec::lz4_legacy);
  azure.ena = EnaLayout::none;
  return {
      .name = "ubuntu2004-azure",
      .distro = "ubuntu",
      .filesystems = {labelled(partition_of(0, 1, "ext4", kRoot), "cloudimg-rootfs"), esp(0, 15),
                      partition_of(1, 1, "ext4", kData)},
      .partition_table = "gpt",
      .kernels = {azure, debian_kernel("5.4.0-150-generic", NvmeLayout::host, Codec::lz4_legacy)},
      // facts/aws.md, section 1: Azure's kernels have no driver for the network card of Nitro; the
      // generic one beside it becomes the default.
      .programs = kMergedPrograms};
}

// sda1 /, sda14 BIOS boot, sda15 ESP, sdb1 /data
FixtureGuest ubuntu2204_gce() {
  FixtureKernel kernel = debian_kernel("6.8.0-1021-gcp", NvmeLayout::host_auth, Codec::zstd);
  kernel.builtin = {"nvme", "nvme-core", "nvme-auth", "nvme-keyring", "t10-pi"};
  return {.name = "ubuntu2204-gce",
          .distro = "ubuntu",
          .filesystems = {labelled(partition_of(0, 1, "ext4", kRoot), "cloudimg-rootfs"),
                          esp(0, 15), partition_of(1, 1, "ext4", kData)},
          .partition_table = "gpt",
          .kernels = {kernel},
          .programs = kMergedPrograms};
}

// sda1 ESP, sda2 /boot, LVM with / and a swap file on it
FixtureGuest ubuntu2404() {
  FixtureKernel kernel = debian_kernel("6.8.0-88-generic", NvmeLayout::host_auth, Codec::zstd);
  kernel.module_ending = ".ko.zst";
  kernel.initramfs.microcode = true;
  return {.name = "ubuntu2404",
          .distro = "ubuntu",
          .filesystems = {logical_volume("/dev/ubuntu-vg/ubuntu-lv", "ext4", kRoot),
                          partition_of(0, 2, "ext4", kBoot), esp(0, 1)},
          .firmware = Firmware::uefi,
          .partition_table = "gpt",
          .kernels = {kernel},
          .programs = uefi_programs("ubuntu")};
}

// sda1 ESP, sda2 / with a swap file; dracut is Ubuntu's tool since 25.10
FixtureGuest ubuntu2604() {
  FixtureKernel kernel = debian_kernel("7.0.0-14-generic", NvmeLayout::host_auth, Codec::zstd);
  kernel.module_ending = ".ko.zst";
  kernel.initramfs.kind = InitramfsKind::dracut;
  kernel.initramfs.microcode = true;
  FixtureGuest row{.name = "ubuntu2604",
                   .distro = "ubuntu",
                   .filesystems = {partition_of(0, 2, "ext4", kRoot), esp(0, 1)},
                   .firmware = Firmware::uefi,
                   .partition_table = "gpt",
                   .kernels = {kernel},
                   .programs = uefi_programs("ubuntu")};
  row.programs[1] = "/usr/bin/dracut";
  return row;
}

}  // namespace

std::vector<FixtureGuest> debian_fixtures() {
  return {debian9(),        debian10(),   debian12(),   debian13(),
          ubuntu1404(),     ubuntu1604(), ubuntu1804(), ubuntu2004_azure(),
          ubuntu2204_gce(), ubuntu2404(), ubuntu2604()};
}

}  // namespace rehost
