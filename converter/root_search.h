// Which file system is the machine's root? Every one that Linux could have its root on is mounted
// for a look, read-only.
#pragma once

#include <map>
#include <string>

#include "converter/btrfs_root.h"
#include "converter/core/inspection.h"
#include "converter/guestfs_guest.h"

namespace rehost {

struct FoundRoot {
  DeviceName device;  // of btrfs, a subvolume where the root is not the default one
  std::map<DeviceName, BtrfsLayout> btrfs;  // of each btrfs, by its first device
};

// Uses inspection.filesystems and inspection.firmware, and leaves nothing mounted. Throws Error:
// unsupported_guest when there is no Linux root, or more than one, saying what is there instead;
// guest_damaged when there is none and a file system could not be mounted.
FoundRoot find_root(GuestfsGuest& guest, const ProbedDevices& survey, const Inspection& inspection);

// Mount options for a look that changes nothing.
std::string read_only_options(const std::string& filesystem_type);

}  // namespace rehost
