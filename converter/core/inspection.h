// What is on the disks, gathered once and never changed afterwards. Planners and checks work from
// these facts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/distro.h"
#include "converter/core/guest.h"
#include "converter/core/names.h"

namespace rehost {

enum class Firmware { bios, uefi };

// One disk we were given, in the machine's own order.
struct Volume {
  std::string id;      // "disk0"
  std::string path;    // on the host, as the operator named it
  std::string format;  // "raw", "qcow2", ...
  uint64_t size = 0;   // virtual size in bytes
};

struct Disk {
  size_t volume = 0;            // position in the list of volumes, and so the machine's n-th disk
  DeviceName device;            // /dev/sda in the appliance
  std::string partition_table;  // "msdos", "gpt", "" when there is none
  bool grub_in_boot_sector = false;
};

// A file system, swap space or other content on a disk, a partition, a logical volume, an md array
// or a btrfs subvolume.
struct Filesystem {
  DeviceName device;
  std::string type;  // "ext4", "xfs", "swap", "LVM2_member", "vfat"; "" when unknown
  std::string uuid;  // as blkid(8) prints it; "" when it has none
  std::string label;
  std::string partuuid;
  std::optional<size_t> volume;  // the disk it lies on; nullopt for LVM and md
  int partition = 0;             // number; 0 for a whole disk or a device of another kind
  uint64_t size = 0;             // bytes
  friend bool operator==(const Filesystem&, const Filesystem&) = default;
};

// A Linux software RAID that was put together from the disks given, with all of its members or as
// many as it needs.
struct MdArray {
  DeviceName device;                // /dev/md127 in the appliance
  std::string uuid;                 // "a5b0c7d1:11e2f304:9d8c7b6a:00000000", as mdadm(8) writes it
  std::string name;                 // in its superblock, "host:0"; "" with metadata 0.90
  std::string level;                // "raid1"
  size_t member_count = 0;          // that it has when it is whole
  std::vector<DeviceName> members;  // active ones found: /dev/sda2
  std::vector<std::string> names;   // what the guest calls it: "/dev/md0", "/dev/md/0"
  bool degraded() const { return members.size() < member_count; }
};

struct MountedFilesystem {
  GuestPath where;
  DeviceName device;
};

struct KernelImage {
  std::string release;          // "6.1.0-10-amd64": the directory below /lib/modules
  GuestPath modules_directory;  // /lib/modules/6.1.0-10-amd64, links resolved
  // Where there are several copies (one in /boot, one on the ESP), those that the boot loader
  // starts. Both may be one and the same unified kernel image.
  std::optional<GuestPath> vmlinuz;
  std::optional<GuestPath> initramfs;
  std::vector<GuestPath> other_initramfs = {};  // further copies for this release, links resolved
  // Drivers that a Nitro instance needs and this kernel cannot have: neither built in nor among its
  // modules ("nvme", "ena").
  std::vector<std::string> lacking_drivers = {};
  bool is_default = false;          // the boot loader starts this one when nobody touches a key
  std::string io_timeout_argument;  // "nvme_core.io_timeout=4294967295": what its own NVMe module
                                    // accepts; empty when it has no such parameter
};

// Images that the kernel dump service or a repair starts: never the default of anybody, and not
// ours to change. By their names: "vmlinuz-0-rescue-...", "initramfs-...kdump.img".
bool is_rescue_or_kdump(std::string_view path);

struct OsRelease {
  std::string id;
  std::string id_like;
  std::string version_id;
  std::string pretty_name;
};

struct Inspection {
  OsRelease os;
  const Distro* distro = nullptr;  // never null after a successful inspection
  std::string architecture;        // "x86_64", "aarch64"
  Firmware firmware = Firmware::bios;
  std::vector<Volume> volumes;
  std::vector<Disk> disks;
  std::vector<Filesystem> filesystems;
  std::vector<MdArray> arrays;
  DeviceName root;
  std::vector<MountedFilesystem> mounts;  // in mount order
  std::vector<KernelImage> kernels;
  bool selinux = false;  // enforcing or permissive: files need labels
};

const Filesystem* find_filesystem(const Inspection& inspection, const DeviceName& device);

}  // namespace rehost
