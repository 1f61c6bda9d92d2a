// The marks of block devices: under which names a device goes, and which journal is its own.
//
// A device has no place beside it and no attributes. What says that it is half written lies in
// /var/lib/rehost under one of its names, and names differ in what they are worth. A link of the
// hardware's (its serial number) is the disk. A kernel name is another disk's after a restart, and
// a link that is made from what is written on the disk goes when that does: under such a name the
// bytes have to say whose journal it is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "images/marks.h"

namespace rehost {

// Links to the device that mean this very disk for good: of its hardware, or of the logical volume
// or array that it is (dm-uuid-, md-uuid-). Sorted, hardware first. The others are lvm-pv-uuid-,
// dm-name-, md-name-.
std::vector<std::filesystem::path> lasting_links(const std::filesystem::path& device,
                                                 const std::filesystem::path& links);
// By the look of it: a link in a directory by-id of the kinds that lasting_links() returns.
bool is_lasting(const std::filesystem::path& name);

// The mark of a device under any of its names; or a journal that was made under a name that does
// not last, and whose bytes this device has, some of them the new ones.
std::optional<Mark> mark_of_device(const std::filesystem::path& device, const DevicePlaces& places);

}  // namespace rehost
