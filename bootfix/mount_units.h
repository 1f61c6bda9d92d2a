// Mount and swap units that the administrator wrote (systemd.mount(5), systemd.swap(5)): /etc/fstab
// by other means. A mount unit is named after its mount point, so its device can be named anew. A
// swap unit is named after its device and so cannot.
#pragma once

#include <string>
#include <vector>

#include "bootfix/text_file.h"
#include "converter/core/fix.h"

namespace rehost {

// A file of a .mount or .swap unit below /etc/systemd/system: the unit itself or one of its
// drop-ins. Units that are links (enabled, masked) are found where they lead to, if that is there.
struct MountUnitFile {
  TextFile file;
  std::string unit;  // "srv-data.mount"
  std::string what;  // the last What= of the file, as it is
  std::string type;  // the last Type=; "" when none is said
  bool is_swap = false;
  int line = 0;  // of What=, counted from 1
  size_t what_begin = 0;
  size_t what_end = 0;
};

// Those that name a device.
std::vector<MountUnitFile> mount_unit_files(const GuestView& guest);

// Does the boot stop when the unit fails? When something in /etc requires it; what only wants it
// goes on.
bool is_required_unit(const GuestView& guest, const std::string& unit);

extern const Fix kMountUnitsFix;

}  // namespace rehost
