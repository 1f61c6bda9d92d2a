// Red Hat Enterprise Linux 5 to 10 and its kin, Fedora, Amazon Linux. Where the trees and the
// layouts of modules are from: tests/guests/README.md.
#include "tests/bootfix/guests.h"
#include "tests/converter/fixture_guests.h"

namespace rehost {
namespace {

using testing::logical_volume;
using testing::partition_of;

Filesystem labelled(Filesystem filesystem, std::string label) {
  filesystem.label = std::move(label);
  return filesystem;
}

Filesystem physical_volume(int partition) {
  return partition_of(0, partition, "LVM2_member", "Qm2sT7-cE5y-UuXj-vKd1-nRw0-hLgP-zBafo3");
}

// Enterprise Linux 8 and newer: modules packed by xz, the checksums of T10 built in.
FixtureKernel el_kernel(std::string release, NvmeLayout nvme = NvmeLayout::host_t10_pi) {
  return {.release = std::move(release),
          .initramfs = {.kind = InitramfsKind::dracut,
                        .codec = Codec::gzip,
                        .microcode = true,
                        .modules = {"t10-pi"}},  // sd_mod needs it, too
          .module_ending = ".ko.xz",
          .nvme = nvme,
          .file_systems = {"xfs"},
          .builtin = {"crct10dif_common", "crct10dif_generic"}};
}

const std::vector<std::string> kSystemd = {"/usr/bin/bash", "/usr/lib/systemd/systemd",
                                           "/usr/bin/dracut"};

std::vector<std::string> with_systemd(std::vector<std::string> programs) {
  programs.insert(programs.begin(), kSystemd.begin(), kSystemd.end());
  return programs;
}

// What shim-x64 and grub2-efi-x64 install, the fallback loader with them.
std::vector<std::string> uefi_programs(const std::string& vendor,
                                       std::vector<std::string> programs) {
  for (const char* name : {"shim.efi", "shimx64.efi", "mmx64.efi", "grubx64.efi"}) {
    programs.push_back("/boot/efi/EFI/" + vendor + "/" + name);
  }
  programs.emplace_back("/boot/efi/EFI/BOOT/BOOTX64.EFI");
  programs.emplace_back("/boot/efi/EFI/BOOT/fbx64.efi");
  return with_systemd(std::move(programs));
}

// The machine of the seed case. GPT without a BIOS boot partition: Google starts it by UEFI.
FixtureGuest centos7_gce() {
  const auto kernel = [](const std::string& release) {
    return FixtureKernel{
        .release = release,
        .initramfs = {.kind = InitramfsKind::dracut, .codec = Codec::gzip, .microcode = false},
        .module_ending = ".ko.xz",
        .nvme = NvmeLayout::host,
        .file_systems = {"xfs"}};
  };
  return {
      .name = "centos7-gce",
      .distro = "centos",
      .filesystems = {labelled(partition_of(0, 2, "xfs", "5d2bd2a5-1dd2-4d6c-9f0b-3b5d7a4c6f0e"),
                               "root"),
                      partition_of(0, 1, "vfat", "9C3B-B2E7"),
                      partition_of(1, 0, "ext4", "2e0c1f5b-9f83-4a0e-8d2b-61d7c0b7a3f4")},
      .firmware = Firmware::uefi,
      .partition_table = "gpt",
      .kernels = {kernel("3.10.0-1127.19.1.el7.x86_64"), kernel("3.10.0-1127.18.2.el7.x86_64")},
      .programs = uefi_programs(
          "centos", {"/usr/sbin/NetworkManager", "/usr/sbin/dhclient",
                     "/usr/lib64/NetworkManager/1.18.4-3.el7/libnm-settings-plugin-ifcfg-rh.so",
                     "/etc/sysconfig/network-scripts/ifup-eth"}),
  };
}

// On VMware. 2.6.32 of EL 6 has had nvme since 6.5, and never ENA: that takes a driver bundle.
FixtureGuest centos6() {
  const auto kernel = [](const std::string& release) {
    return FixtureKernel{.release = release,
                         .initramfs = {.kind = InitramfsKind::dracut_udev, .codec = Codec::gzip},
                         .nvme = NvmeLayout::block,
                         .ena = EnaLayout::none,
                         .file_systems = {"ext4"}};
  };
  return {
      .name = "centos6",
      .distro = "centos",
      .filesystems =
          {logical_volume("/dev/vg_web01/lv_root", "ext4", "7f7c9a54-2a8e-4b0e-9d2f-0c5b6f1e3a72"),
           partition_of(0, 1, "ext4", "0f0a4c3e-7a1b-4d8b-8b7e-5e3f9d2a6c11"), physical_volume(2),
           logical_volume("/dev/vg_web01/lv_swap", "swap", "31a8b0c5-5f3d-4e7b-a1f2-9b7c6d5e4f30"),
           partition_of(1, 1, "ext4", "c1b9e3d8-94a5-4b59-a6dd-1c0b8e7f2d34")},
      .kernels = {kernel("2.6.32-754.35.1.el6.x86_64"), kernel("2.6.32-754.el6.x86_64")},
      .programs = {"/bin/bash", "/sbin/init", "/sbin/initctl", "/sbin/agetty", "/sbin/dracut",
                   "/sbin/dhclient", "/etc/sysconfig/network-scripts/ifup-eth"},
      .answers = {{"ena", Verdict::no}},
  };
}

// On VMware. 2.6.18 has neither nvme nor ENA, and nash loads what mkinitrd wrote down.
FixtureGuest rhel5() {
  return {
      .name = "rhel5",
      .distro = "rhel",
      .filesystems = {logical_volume("/dev/VolGroup00/LogVol00", "ext3",
                                     "b5f1c9a0-63d2-4e8a-9c17-2d4e6f8a0b1c"),
                      labelled(partition_of(0, 1, "ext3", "4c8e2a6f-0d1b-4f3c-8e5a-7b9d0c2e4f61"),
                               "/boot"),
                      physical_volume(2), logical_volume("/dev/VolGroup00/LogVol01", "swap", "")},
      .kernels = {{.release = "2.6.18-398.el5",
                   .initramfs_file = "/boot/initrd-{}.img",
                   .initramfs = {.kind = InitramfsKind::nash, .codec = Codec::gzip},
                   .nvme = NvmeLayout::none,
                   .ena = EnaLayout::none,
                   .xen = false,
                   .file_systems = {"ext3"},
                   .list_of_builtin = false}},
      .programs = {"/bin/bash", "/sbin/init", "/sbin/agetty", "/sbin/mkinitrd", "/sbin/dhclient",
                   "/etc/sysconfig/network-scripts/ifup-eth"},
      .answers = {{"nvme", Verdict::no}, {"ena", Verdict::no}},
  };
}

// The same machine with an nvme.ko that was built for its kernel: only the guest's own mkinitrd can
// make an initrd that loads it.
FixtureGuest rhel5_with_nvme() {
  FixtureGuest row = rhel5();
  row.name = "rhel5-kmod-nvme";
  row.tree = "rhel5";
  row.kernels.front().nvme = NvmeLayout::kmod;
  row.answers = {{"ena", Verdict::no}};
  return row;
}

// An image made for EC2, of another account: it would start, and not be reached, because its card
// has been written down.
FixtureGuest amzn1() {
  const auto kernel = [](const std::string& release) {
    return FixtureKernel{.release = release,
                         .initramfs = {.kind = InitramfsKind::dracut_udev,
                                       .codec = Codec::gzip,
                                       .modules = {"nvme", "xen-blkfront"}},
                         .nvme = NvmeLayout::host,
                         .ena = EnaLayout::amazon,
                         .file_systems = {"ext4"}};
  };
  return {
      .name = "amzn1",
      .distro = "amzn",
      .filesystems = {labelled(partition_of(0, 1, "ext4", "a3d6c7f8-1b2e-4c5d-9e0f-6a7b8c9d0e1f"),
                               "/")},
      .partition_table = "gpt",
      .kernels = {kernel("4.14.355-195.591.amzn1.x86_64"), kernel("4.14.330-176.540.amzn1.x86_64")},
      .programs = {"/bin/bash", "/sbin/init", "/sbin/initctl", "/sbin/agetty", "/sbin/dracut",
                   "/sbin/dhclient", "/etc/sysconfig/network-scripts/ifup-eth"},
  };
}

// The image for VMware, with a static address.
FixtureGuest amzn2() {
  const auto kernel = [](const std::string& release) {
    return FixtureKernel{.release = release,
                         .initramfs = {.kind = InitramfsKind::dracut, .codec = Codec::gzip},
                         .nvme = NvmeLayout::host,
                         .ena = EnaLayout::amazon,
                         .file_systems = {"xfs"}};
  };
  return {
      .name = "amzn2",
      .distro = "amzn",
      .filesystems = {labelled(partition_of(0, 1, "xfs", "f047d80e-fad3-443d-9478-af686284acba"),
                               "/"),
                      partition_of(1, 1, "xfs", "6e2b9d41-7c50-4f8a-b3e6-0a1d5c9f8e27")},
      .partition_table = "gpt",
      .kernels = {kernel("4.14.355-280.708.amzn2.x86_64"), kernel("4.14.336-257.568.amzn2.x86_64")},
      .programs = {"/usr/bin/bash", "/usr/lib/systemd/systemd", "/usr/sbin/dracut",
                   "/usr/sbin/dhclient", "/etc/sysconfig/network-scripts/ifup-eth"},
  };
}

// The image for VMware: a BIOS boot partition beside the ESP.
FixtureGuest amzn2023() {
  return {
      .name = "amzn2023",
      .distro = "amzn",
      .filesystems = {labelled(partition_of(0, 1, "xfs", "afcd3653-4916-4996-a80d-b02b83e8be92"),
                               "/"),
                      partition_of(0, 127, "", ""), partition_of(0, 128, "vfat", "75B0-447F")},
      .partition_table = "gpt",
      .kernels = {{.release = "6.1.134-152.225.amzn2023.x86_64",
                   .initramfs = {.kind = InitramfsKind::dracut, .codec = Codec::gzip},
                   .nvme = NvmeLayout::host,
                   .ena = EnaLayout::amazon,
                   .file_systems = {"xfs"}}},
      .programs = uefi_programs("amzn", {"/usr/lib/systemd/systemd-networkd"}),
  };
}

FixtureGuest rhel8() {
  return {
      .name = "rhel8",
      .distro = "rhel",
      .filesystems =
          {logical_volume("/dev/rhel/root", "xfs", "9d0e4b6a-3c2f-4a81-b5d7-e8f90a1b2c3d"),
           partition_of(0, 1, "xfs", "1a03c597-e892-4ba0-a4fd-7897d99591c1"), physical_volume(2),
           logical_volume("/dev/rhel/swap", "swap", "5e7d9c1b-8a46-4f02-93be-1d2c3b4a5f60")},
      .kernels = {el_kernel("4.18.0-553.16.1.el8_10.x86_64"),
                  el_kernel("4.18.0-553.el8_10.x86_64")},
      .programs = with_systemd(
          {"/usr/sbin/NetworkManager",
           "/usr/lib64/NetworkManager/1.40.16-15.el8_9/libnm-settings-plugin-ifcfg-rh.so"}),
  };
}

FixtureGuest rhel9() {
  return {
      .name = "rhel9",
      .distro = "rhel",
      .filesystems =
          {logical_volume("/dev/rhel/root", "xfs", "0d5c8a37-6b1e-4f92-a4c3-7e9f2d1b8a06"),
           partition_of(0, 1, "vfat", "7B77-95E7"),
           partition_of(0, 2, "xfs", "b19145f7-8384-482d-a36c-96df682b5a70"), physical_volume(3),
           logical_volume("/dev/rhel/swap", "swap", "c2b4a6f8-0e1d-4c3b-9a58-7f6e5d4c3b2a")},
      .firmware = Firmware::uefi,
      .partition_table = "gpt",
      .kernels = {el_kernel("5.14.0-427.13.1.el9_4.x86_64"),
                  el_kernel("5.14.0-362.24.1.el9_3.x86_64")},
      .programs = uefi_programs(
          "redhat", {"/usr/sbin/NetworkManager",
                     "/usr/lib64/NetworkManager/1.46.0-1.el9/libnm-settings-plugin-ifcfg-rh.so"}),
  };
}

FixtureGuest rhel10() {
  return {
      .name = "rhel10",
      .distro = "rhel",
      .filesystems =
          {logical_volume("/dev/rhel/root", "xfs", "3c5b7f0e-1d94-4f3e-8e55-9a3c1e7f2b60"),
           partition_of(0, 1, "vfat", "4E1C-0F3A"),
           partition_of(0, 2, "xfs", "d4b0a1f8-3f0e-4a55-8a0e-6a0c2f1b9e77"), physical_volume(3),
           logical_volume("/dev/rhel/swap", "swap", "512ad036-a4f3-40cb-ba3e-2133be9b2589"),
           partition_of(1, 1, "ext4", "e7a1d5c3-4b62-4908-8f7e-6d5c4b3a2910")},
      .firmware = Firmware::uefi,
      .partition_table = "gpt",
      .kernels = {el_kernel("6.12.0-55.40.1.el10_0.x86_64", NvmeLayout::host_auth),
                  el_kernel("6.12.0-55.38.1.el10_0.x86_64", NvmeLayout::host_auth)},
      .programs = uefi_programs("redhat", {"/usr/sbin/NetworkManager"}),
  };
}

// A cloud image on KVM with virtio disks, of which one is nothing but swap.
FixtureGuest rocky9() {
  return {
      .name = "rocky9",
      .distro = "rocky",
      .filesystems = {partition_of(0, 1, "xfs", "b8b13ace-e420-4f42-b36f-6ee51a44fda1"),
                      partition_of(1, 0, "swap", "8f4e2d6c-1a3b-4c5d-9e7f-0b1c2d3e4f50"),
                      partition_of(2, 1, "xfs", "d1c2b3a4-5e6f-4708-91a2-b3c4d5e6f708")},
      .kernels = {el_kernel("5.14.0-427.42.1.el9_4.x86_64"),
                  el_kernel("5.14.0-427.13.1.el9_4.x86_64")},
      .programs = with_systemd(
          {"/usr/sbin/NetworkManager",
           "/usr/lib64/NetworkManager/1.46.0-1.el9/libnm-settings-plugin-ifcfg-rh.so"}),
  };
}

// Azure, generation 2. The temporary disk stays behind.
FixtureGuest alma8_azure() {
  return {
      .name = "alma8-azure",
      .distro = "almalinux",
      .filesystems = {partition_of(0, 4, "xfs", "e1f0c5a2-8b4d-4e6f-9a7c-2d3b5f708192"),
                      partition_of(0, 1, "vfat", "2F6D-9A41"),
                      partition_of(0, 2, "xfs", "a7cdf71e-2219-423a-ac09-d6a020c22409"),
                      partition_of(1, 1, "xfs", "90f1e2d3-c4b5-4a69-8778-695a4b3c2d1e")},
      .firmware = Firmware::uefi,
      .partition_table = "gpt",
      .kernels = {el_kernel("4.18.0-553.5.1.el8_10.x86_64")},
      .programs = uefi_programs(
          "almalinux",
          {"/usr/sbin/NetworkManager",
           "/usr/lib64/NetworkManager/1.40.16-15.el8_9/libnm-settings-plugin-ifcfg-rh.so"}),
  };
}

// The Unbreakable Enterprise Kernel, which is started, beside the one of Red Hat.
FixtureGuest ol8() {
  return {
      .name = "ol8",
      .distro = "ol",
      .filesystems = {logical_volume("/dev/ol/root", "xfs", "46c8e0a2-7f1b-4d3e-95a6-b8c0d2e4f617"),
                      partition_of(0, 1, "xfs", "60ad466f-e10a-44c2-b1b1-61218721cd36"),
                      physical_volume(2),
                      logical_volume("/dev/ol/swap", "swap",
                                     "f7e5d3c1-b9a8-4706-8594-a3b2c1d0e9f8")},
      .kernels = {el_kernel("5.15.0-207.156.6.el8uek.x86_64"),
                  el_kernel("4.18.0-553.16.1.el8_10.x86_64")},
      .programs = with_systemd(
          {"/usr/sbin/NetworkManager",
           "/usr/lib64/NetworkManager/1.40.16-15.el8_9/libnm-settings-plugin-ifcfg-rh.so"}),
  };
}

// btrfs with subvolumes, /boot on ext4.
FixtureGuest fedora42() {
  const auto kernel = [](const std::string& release) {
    return FixtureKernel{
        .release = release,
        .initramfs = {.kind = InitramfsKind::dracut, .codec = Codec::zstd, .microcode = true},
        .module_ending = ".ko.xz",
        .nvme = NvmeLayout::host_auth,
        .file_systems = {"btrfs"},
        .builtin = {"crct10dif_common", "crct10dif_generic", "crc-t10dif", "t10-pi"}};
  };
  return {
      .name = "fedora42",
      .distro = "fedora",
      .filesystems = {partition_of(0, 3, "btrfs", "d309575d-f0b4-4139-9219-84ae8bae6411"),
                      partition_of(0, 1, "vfat", "C842-A9E1"),
                      partition_of(0, 2, "ext4", "f2f5bb96-0cb0-40cc-b152-6e0d2c10d387")},
      .firmware = Firmware::uefi,
      .partition_table = "gpt",
      .kernels = {kernel("6.14.4-300.fc42.x86_64"), kernel("6.14.0-63.fc42.x86_64")},
      .programs = uefi_programs("fedora", {"/usr/sbin/NetworkManager"}),
  };
}

}  // namespace

std::vector<FixtureGuest> redhat_fixtures() {
  return {centos7_gce(), centos6(),     rhel5(), rhel5_with_nvme(), amzn1(),
          amzn2(),       amzn2023(),    rhel8(), rhel9(),           rhel10(),
          rocky9(),      alma8_azure(), ol8(),   fedora42()};
}

}  // namespace rehost
