// device.map of GRUB legacy: which disk of Linux is which drive of the BIOS (info grub, "Device
// map"). Its grub-install goes by it alone and so finds no NVMe disk. GRUB 2 passes over disks that
// are not there and finds the others by itself: its own device.map stays.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// "(hd1)  /dev/sdb" becomes "(hd1)  /dev/nvme1n1": the BIOS counts the first `disks` disks in the
// machine's own order. Floppies, disks beyond these, comments and anything else stay.
std::string with_nvme_disks(std::string_view device_map, size_t disks);

// Only where GRUB legacy is the boot loader: /boot/grub with device.map and no grub.cfg.
extern const Fix kDeviceMapFix;

}  // namespace rehost
