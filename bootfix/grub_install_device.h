// Where the next update of the GRUB package will install its boot sector.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// The value of grub-pc/install_devices in debconf's database: "/dev/disk/by-id/ata-VMware-part0,
// /dev/sdb". Empty: nothing is said.
std::vector<std::string> debconf_install_devices(std::string_view database);

// Changes nothing: what the root disk will be called on EC2 depends on its volume. Warns of names
// that will lead nowhere, because the modules in /boot/grub would be updated without the core image
// that loads them, or the update fail.
extern const Fix kGrubInstallDeviceFix;

}  // namespace rehost
