// What the firmware of a new instance starts: EFI/BOOT/BOOTX64.EFI on the EFI system partition. The
// boot entries that name a distribution's own loader stay behind in the NVRAM of the old machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// Names on an ESP are found whatever their case, because FAT does so, and used as they are spelled
// there.

// Where the ESP is mounted: a FAT file system at /boot/efi, /efi or /boot.
std::optional<GuestPath> efi_system_partition(const Inspection& inspection);

// "BOOTX64.EFI"; "BOOTAA64.EFI" on aarch64.
std::string_view fallback_loader_name(std::string_view architecture);

// The EFI/BOOT/BOOTX64.EFI of an ESP.
std::optional<GuestPath> find_fallback_loader(const GuestView& guest, const GuestPath& esp,
                                              std::string_view architecture);

// A boot loader as a distribution installs it in a directory of its own. The programs are for the
// guest's architecture and no larger than any loader is.
struct InstalledLoader {
  GuestPath directory;                // /boot/efi/EFI/debian
  GuestPath program;                  // what the firmware starts: shimx64.efi, or GRUB itself
  std::vector<GuestPath> companions;  // what that looks for beside itself: grubx64.efi
  std::optional<GuestPath> grub_cfg;  // in the same directory
};

// At most one for each directory below EFI, in the order of their names; EFI/BOOT is none of them.
std::vector<InstalledLoader> installed_loaders(const GuestView& guest, const GuestPath& esp,
                                               std::string_view architecture);

// The grub.cfg for EFI/BOOT: hands over to the one in `directory`, which the guest's own tools keep
// up to date.
std::string hand_over_to(const GuestPath& directory, const GuestPath& esp);

extern const Fix kEfiFallbackFix;

}  // namespace rehost
