// systemd-boot(7): the loader that shows BLS entries and unified kernel images of the ESP by
// itself. loader.conf(5) has its settings.
#pragma once

#include <optional>
#include <string_view>

#include "bootfix/bootloaders.h"

namespace rehost {

// The ESP from which the firmware of a new instance starts systemd-boot: EFI/BOOT/BOOTX64.EFI is
// it, or shim beside a GRUBX64.EFI that is it; or there is neither, and no other loader than that
// in EFI/systemd. nullopt: another loader, or none.
std::optional<GuestPath> systemd_boot_esp(const GuestView& guest);

// The row for bootloaders.cc. Entries are those of the ESP or, where it has none, of /boot as
// extended boot loader partition, in systemd-boot's own order; the default is the first that
// matches `default` of loader.conf (a glob(7), whatever its case), else the first of all. A choice
// that was stored in the firmware's variables does not travel.
std::optional<BootConfig> read_systemd_boot(const GuestView& guest, Firmware firmware);

// The version format of systemd (uapi-group.org, "Version Format Specification"). Negative: `a` is
// older.
int compare_uapi_versions(std::string_view a, std::string_view b);

}  // namespace rehost
