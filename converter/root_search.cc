#include "converter/root_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "bootfix/os_release.h"
#include "converter/core/error.h"
#include "converter/md_arrays.h"
#include "converter/subtree_view.h"

namespace rehost {
namespace {

constexpr uint64_t kBootSector = 512;

// Beside btrfs, which is looked into in its own way.
bool is_root_type(std::string_view type) {
  constexpr std::string_view kRootTypes[] = {"ext2",     "ext3", "ext4", "xfs",
                                             "reiserfs", "jfs",  "f2fs"};
  return std::find(std::begin(kRootTypes), std::end(kRootTypes), type) != std::end(kRootTypes);
}

// /usr may be a file system of its own: then /sbin is a link that leads nowhere yet.
bool looks_like_root(const GuestView& guest) {
  if (!is_directory(guest, GuestPath("/etc"))) {
    return false;
  }
  const bool etc = is_file(guest, GuestPath("/etc/fstab")) || read_os_release(guest).has_value();
  const auto is_there = [&](const char* path) { return guest.stat(GuestPath(path)).has_value(); };
  return etc && (is_there("/sbin") || is_there("/usr/sbin") || is_there("/usr/lib"));
}

struct RootSearch {
  std::vector<DeviceName> roots;
  std::vector<std::string> names;     // "Debian GNU/Linux 12 (bookworm) on /dev/sda1"
  std::vector<std::string> failures;  // file systems that could not be mounted
  std::map<DeviceName, BtrfsLayout> btrfs;
};

// False, with the failure noted, when the file system cannot be mounted.
bool try_mount(GuestfsGuest& guest, const DeviceName& device, const std::string& options,
               RootSearch& search) {
  try {
    guest.mount(device, GuestPath("/"), options);
    return true;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::environment) {
      throw;  // the appliance is gone, and no file system is to blame
    }
    search.failures.emplace_back(error.what());
    return false;
  }
}

void add_root(const GuestView& tree, const DeviceName& device, RootSearch& search) {
  const std::optional<OsRelease> os = read_os_release(tree);
  search.roots.push_back(device);
  search.names.push_back(
      fmt::format("{} on {}", os ? os->pretty_name : "an unknown system", device.str()));
}

// All subvolumes are directories below the top level: one mount shows them all.
void look_into_btrfs(GuestfsGuest& guest, const Filesystem& filesystem, Firmware firmware,
                     RootSearch& search) {
  const DeviceName& device = filesystem.device;
  if (!try_mount(guest, device, fmt::format("ro,subvolid={}", kTopLevelSubvolume), search)) {
    return;
  }
  const BtrfsLayout layout = guest.btrfs_layout();
  std::vector<Subvolume> all = layout.subvolumes;
  all.push_back({});
  std::vector<RootCandidate> candidates;
  for (const Subvolume& subvolume : all) {
    const SubtreeView tree(guest, GuestPath("/" + subvolume.path));
    if (looks_like_root(tree)) {
      candidates.push_back({subvolume, root_named_in(tree, firmware)});
    }
  }
  for (const Subvolume& root : roots_among(candidates, layout.default_id)) {
    const bool by_itself = root.id == kTopLevelSubvolume && layout.default_id == root.id;
    add_root(SubtreeView(guest, GuestPath("/" + root.path)),
             by_itself ? device : subvolume_device(device, root), search);
  }
  search.btrfs[device] = layout;
  guest.unmount_all();
}

RootSearch find_roots(GuestfsGuest& guest, const Inspection& inspection) {
  RootSearch search;
  std::set<std::string> seen;  // a btrfs of several devices shows itself on each of them
  for (const Filesystem& filesystem : inspection.filesystems) {
    if (filesystem.type == "btrfs") {
      if (filesystem.uuid.empty() || seen.insert(filesystem.uuid).second) {
        look_into_btrfs(guest, filesystem, inspection.firmware, search);
      }
      continue;
    }
    if (!is_root_type(filesystem.type) ||
        !try_mount(guest, filesystem.device, read_only_options(filesystem.type), search)) {
      continue;
    }
    if (looks_like_root(guest)) {
      add_root(guest, filesystem.device, search);
    }
    guest.unmount_all();
  }
  return search;
}

bool is_windows(GuestfsGuest& guest, const ProbedDevices& survey) {
  for (const ProbedDevice& probed : survey.contents) {
    if (probed.filesystem.type == "BitLocker") {
      return true;
    }
    if (probed.filesystem.type != "ntfs") {
      continue;
    }
    try {
      guest.mount(probed.filesystem.device, GuestPath("/"), "ro");
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::environment) {
        throw;
      }
      continue;  // hibernated: then Windows it is, and the caller says so for any NTFS
    }
    const bool found =
        is_directory(guest, GuestPath("/Windows")) || is_directory(guest, GuestPath("/WINDOWS"));
    guest.unmount_all();
    if (found) {
      return true;
    }
  }
  return false;
}

bool begins_with_zeros(GuestfsGuest& guest, const ProbedDevices& survey) {
  return std::all_of(survey.disks.begin(), survey.disks.end(), [&](const ProbedDevice& disk) {
    const std::string sector = guest.read_device(disk.filesystem.device, 0, kBootSector);
    return sector.find_first_not_of('\0') == std::string::npos;
  });
}

[[noreturn]] void refuse_rootless(GuestfsGuest& guest, const ProbedDevices& survey,
                                  const Inspection& inspection, const RootSearch& search) {
  if (const auto arrays = incomplete_arrays(inspection); !arrays.empty()) {
    throw Error(ErrorKind::unsupported_guest,
                fmt::format("no operating system found, and an md array has too few of its members "
                            "here: {}; give all disks of the machine",
                            fmt::join(arrays, ", ")));
  }
  if (!search.failures.empty()) {
    throw Error(
        ErrorKind::guest_damaged,
        fmt::format(
            "no operating system found, and {} (repair the file system on the source machine)",
            search.failures.front()));
  }
  if (is_windows(guest, survey)) {
    throw Error(ErrorKind::unsupported_guest, "this is a Windows system: rehost converts Linux");
  }
  if (holds(survey, "crypto_LUKS")) {
    throw Error(ErrorKind::unsupported_guest,
                "the disks are encrypted (LUKS), and nothing on EC2 could unlock them at boot");
  }
  const bool nothing =
      survey.contents.empty() &&
      std::all_of(survey.disks.begin(), survey.disks.end(), [](const ProbedDevice& p) {
        return p.filesystem.type.empty() && p.partition_table.empty();
      });
  if (nothing && begins_with_zeros(guest, survey)) {
    throw Error(ErrorKind::unsupported_guest,
                "the disks are empty: their boot sectors hold nothing but zeros");
  }
  throw Error(ErrorKind::unsupported_guest,
              nothing ? "no operating system found: these are no disks, they have neither a "
                        "partition table nor a file system"
                      : "no operating system found: none of the file systems holds a Linux root");
}

}  // namespace

// A second mount of a cloned XFS is refused without nouuid; a data log that cannot be replayed
// shows at once.
std::string read_only_options(const std::string& filesystem_type) {
  return filesystem_type == "xfs" ? "ro,nouuid" : "ro";
}

FoundRoot find_root(GuestfsGuest& guest, const ProbedDevices& survey,
                    const Inspection& inspection) {
  const RootSearch search = find_roots(guest, inspection);
  if (search.roots.empty()) {
    refuse_rootless(guest, survey, inspection, search);
  }
  if (search.roots.size() > 1) {
    throw Error(
        ErrorKind::unsupported_guest,
        fmt::format("{} operating systems found: {}; give the disks of one machine with one system",
                    search.roots.size(), fmt::join(search.names, " and ")));
  }
  return {.device = search.roots.front(), .btrfs = search.btrfs};
}

}  // namespace rehost
