// Which subvolume of a btrfs is the machine's root? Snapshots of it (snapper, timeshift) and the
// layers of containers look like roots too, with the same os-release. But the fstab and the boot
// menu inside of a snapshot are those of the original, and name that one: a root is what names
// itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"
#include "converter/core/inspection.h"

namespace rehost {

// The id of the top level, which is no subvolume of another: btrfs-subvolume(8).
inline constexpr uint64_t kTopLevelSubvolume = 5;

struct Subvolume {
  uint64_t id = kTopLevelSubvolume;
  std::string path;  // from the top level, no slash in front; "" is the top level itself
  friend bool operator==(const Subvolume&, const Subvolume&) = default;
};

struct BtrfsLayout {
  uint64_t default_id = kTopLevelSubvolume;  // what a mount without subvol= shows
  std::vector<Subvolume> subvolumes;         // without the top level
};

// subvol= and subvolid= of mount options: btrfs(5). The kernel wants both to fit where both are
// given.
struct SubvolumeName {
  std::optional<uint64_t> id;
  std::optional<std::string> path;  // no slash in front
  bool means(const Subvolume& subvolume) const;
  friend bool operator==(const SubvolumeName&, const SubvolumeName&) = default;
};

// nullopt: the options leave it to the file system's default.
std::optional<SubvolumeName> subvolume_in(const std::vector<std::string>& mount_options);

// What the root is for a tree that looks like one: rootflags= of the entry that its boot menu
// starts, else the options of / in its fstab. nullopt: the file system's default subvolume.
std::optional<SubvolumeName> root_named_in(const GuestView& tree, Firmware firmware);

struct RootCandidate {
  Subvolume subvolume;
  std::optional<SubvolumeName> named;  // root_named_in() of its tree
};

// The candidates that name themselves. When none does, the default subvolume; when that is no
// candidate either, all of them: whoever asked has to refuse more than one.
std::vector<Subvolume> roots_among(const std::vector<RootCandidate>& candidates,
                                   uint64_t default_id);

// The name of a subvolume for the appliance and in an Inspection, see DeviceName.
DeviceName subvolume_device(const DeviceName& device, const Subvolume& subvolume);

// Where a mount of `device` with these options leads: the device itself (the default subvolume), or
// a subvolume. nullopt: there is no such subvolume.
std::optional<DeviceName> mounted_subvolume(const DeviceName& device, const BtrfsLayout& layout,
                                            const std::vector<std::string>& mount_options);

}  // namespace rehost
