// Guests for the tests of bootfix: the Debian 12 tree with what an inspection finds on its disks,
// and small machines of one's own making.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/inspection.h"
#include "converter/core/target.h"
#include "tests/support/memory_guest.h"
#include "tests/support/source_dir.h"

namespace rehost::testing {

inline constexpr std::string_view kRootUuid = "9a1ae06a-5642-4e1a-b81b-246a03f38ecf";
inline constexpr std::string_view kSwapUuid = "51f5bdd0-4c7e-4a36-8f2c-0c6a4f1f0a52";
inline constexpr std::string_view kDataUuid = "c0ffee00-1111-2222-3333-444455556666";
inline constexpr std::string_view kBootUuid = "1b5e2c74-0d5f-4c44-9d0a-6f1d3f3e2a10";
inline constexpr std::string_view kEspUuid = "7C2A-19E4";

inline Filesystem partition_of(size_t volume, int number, std::string type, std::string uuid) {
  const std::string disk = std::string("/dev/sd") + static_cast<char>('a' + volume);
  return Filesystem{
      .device = DeviceName(disk + (number == 0 ? "" : std::to_string(number))),
      .type = std::move(type),
      .uuid = std::move(uuid),
      .label = "",
      .partuuid =
          number == 0 ? "" : "d985270" + std::to_string(volume) + "-0" + std::to_string(number),
      .volume = volume,
      .partition = number,
      .size = 1u << 30};
}

inline Filesystem esp(size_t volume, int number) {
  Filesystem filesystem = partition_of(volume, number, "vfat", std::string(kEspUuid));
  filesystem.label = "UEFI";
  return filesystem;
}

inline Filesystem logical_volume(const std::string& device, std::string type, std::string uuid) {
  return Filesystem{.device = DeviceName(device),
                    .type = std::move(type),
                    .uuid = std::move(uuid),
                    .label = "",
                    .partuuid = "",
                    .volume = std::nullopt,
                    .partition = 0,
                    .size = 1u << 30};
}

// A machine of these file systems, on as many disks as they name. The first is the root.
inline Inspection machine_with(std::vector<Filesystem> filesystems) {
  Inspection inspection;
  size_t disks = 0;
  for (const Filesystem& filesystem : filesystems) {
    disks = std::max(disks, filesystem.volume.value_or(0) + 1);
  }
  for (size_t i = 0; i < disks; ++i) {
    inspection.volumes.push_back(
        {.id = "disk" + std::to_string(i), .path = "", .format = "raw", .size = 4u << 20});
  }
  inspection.root = filesystems.front().device;
  inspection.mounts = {{GuestPath("/"), inspection.root}};
  inspection.architecture = "x86_64";
  inspection.filesystems = std::move(filesystems);
  return inspection;
}

// sda1 /, sda2 swap, sdb1 /data.
inline Inspection two_disks() {
  return machine_with({partition_of(0, 1, "ext4", std::string(kRootUuid)),
                       partition_of(0, 2, "swap", std::string(kSwapUuid)),
                       partition_of(1, 1, "ext4", std::string(kDataUuid))});
}

inline KernelImage kernel_of(const std::string& release) {
  return KernelImage{.release = release,
                     .modules_directory = GuestPath("/usr/lib/modules/" + release),
                     .vmlinuz = GuestPath("/boot/vmlinuz-" + release),
                     .initramfs = GuestPath("/boot/initrd.img-" + release),
                     .is_default = true,
                     .io_timeout_argument = "nvme_core.io_timeout=4294967295"};
}

inline Inspection debian12_inspection() {
  Inspection inspection = two_disks();
  inspection.os = {.id = "debian", .id_like = "", .version_id = "12", .pretty_name = ""};
  inspection.distro = find_distro("debian", "");
  inspection.kernels = {kernel_of("6.1.0-56-amd64")};
  return inspection;
}

inline MemoryGuest debian12() {
  return load_guest_tree(in_source_dir("tests/guests/debian12"));
}

inline std::string file_of(const GuestView& guest, std::string_view path) {
  return guest.read(GuestPath(path)).value_or("(no such file)");
}

}  // namespace rehost::testing
