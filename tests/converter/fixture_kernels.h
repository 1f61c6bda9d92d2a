// Kernels for fixture guests: module files with their index, and initramfs images laid out as each
// tool lays them out. Synthesised, because a distribution's own are megabytes of binaries: names,
// places, dependencies, aliases, parameters and compression are the distribution's; code is not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/codec.h"
#include "tests/support/memory_guest.h"

namespace rehost {

// How the NVMe driver is cut into modules.
enum class NvmeLayout {
  none,         // Linux before 3.3, EL 5
  kmod,         // extra/nvme/nvme.ko, built for a kernel that has none of its own
  block,        // drivers/block/nvme.ko, parameter io_timeout of type byte: EL 6, Linux before 4.4
  host_byte,    // drivers/nvme/host/nvme{-core,}.ko, io_timeout a byte: Linux 4.4 to 4.14
  host,         // the same with io_timeout a uint: EL 7, Linux 4.15 and newer
  host_t10_pi,  // nvme-core needs t10-pi and crc-t10dif: EL 8 and 9, Linux 5.x
  host_common,  // and nvme-common: Linux 6.0 to 6.6 with NVMe authentication
  host_auth,    // nvme-auth and nvme-keyring in its place: Linux 6.7 and newer
};

enum class EnaLayout {
  none,
  upstream,  // drivers/net/ethernet/amazon/ena/ena.ko
  amazon,    // drivers/amazon/net/ena/ena.ko, as Amazon Linux builds it
};

enum class InitramfsKind {
  none,
  initramfs_tools,  // Debian, Ubuntu
  dracut,           // with systemd inside: EL 7 and newer, Fedora, SUSE since 12
  dracut_udev,      // dracut 004, before systemd, /lib not merged into /usr: EL 6, Amazon Linux 1
  nash,             // mkinitrd of EL 5: a list of insmod lines
  suse_mkinitrd,    // mkinitrd of SLES 11: run_all.sh and boot/*.sh
};

struct FixtureInitramfs {
  InitramfsKind kind = InitramfsKind::dracut;
  Codec codec = Codec::gzip;
  bool microcode = false;      // a plain archive with kernel/x86/microcode in front
  bool early_modules = false;  // modules in a plain archive in front, their index in the main one
                               // (initramfs-tools 0.147 and newer, Debian 13 and Ubuntu 24.10 on)
  // Besides the file system of the root: names of the kernel's modules, dependencies come along.
  std::vector<std::string> modules = {};
};

// Patterns have {} for the release.
struct FixtureKernel {
  std::string release;
  std::string vmlinuz = "/boot/vmlinuz-{}";
  std::string initramfs_file = "/boot/initramfs-{}.img";
  FixtureInitramfs initramfs = {};
  std::string module_ending = ".ko";  // ".ko.xz", ".ko.zst", ".ko.gz"
  NvmeLayout nvme = NvmeLayout::host_t10_pi;
  EnaLayout ena = EnaLayout::upstream;
  bool xen = true;  // xen-blkfront and xen-netfront
  std::vector<std::string> file_systems = {"ext4"};
  std::vector<std::string> builtin = {};  // names of the above that are built in, not modules
  bool list_of_builtin = true;            // modules.builtin is there: Linux 2.6.33 and newer
};

// Adds the kernel, its modules and its initramfs. The directories are those of the guest's tree:
// links such as /lib -> usr/lib are followed.
void add_fixture_kernel(MemoryGuest& guest, const FixtureKernel& kernel);

// The image anew, with these modules too. Stands for the guest's own mkinitrd or dracut.
void rebuild_fixture_initramfs(MemoryGuest& guest, const FixtureKernel& kernel,
                               const std::vector<std::string>& more_modules);

// Adds a file; links among its directories are followed, also where they lead to nothing yet.
void add_fixture_file(MemoryGuest& guest, const std::string& path, std::string content,
                      uint32_t mode = 0644);

std::string path_for_release(std::string pattern, const std::string& release);

}  // namespace rehost
