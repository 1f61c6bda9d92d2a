// What is on the disks: rehost's own inspection, a handful of batched calls instead of libguestfs's
// inspect_os.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "converter/btrfs_root.h"
#include "converter/core/edit.h"
#include "converter/core/inspection.h"
#include "converter/guestfs_guest.h"

namespace rehost {

struct InspectResult {
  Inspection inspection;
  std::vector<Warning> warnings;
};

// Leaves the guest mounted read-only: root at /, and /boot, /boot/efi, /usr and /var where they are
// file systems of their own. Throws Error: unsupported_guest (no operating system, Windows, several
// roots, an unknown or too old distribution), guest_damaged (a file system that cannot be mounted).
InspectResult inspect_guest(GuestfsGuest& guest, const std::vector<Volume>& volumes);

// What a disk has for the firmware to start from.
struct BootMarks {
  bool esp = false;   // an EFI system partition
  bool grub = false;  // GRUB in its boot sector
  bool gpt = false;
  bool bios_boot = false;  // a BIOS boot partition, where GRUB has the rest of itself
};
// How the machine was started: the first disk that has something to start from decides. GRUB in its
// boot sector counts more than an ESP beside it (cloud images have both, and start both ways). What
// an old boot disk among the data disks has left in its sectors, or a Windows disk for its ESP,
// does not count; nor does a BIOS boot partition that no boot sector leads to, or GRUB in the boot
// sector of a GPT disk with an ESP and no BIOS boot partition for the rest of it.
Firmware firmware_of(std::span<const BootMarks> disks);
// With what the root's fstab says: when it mounts no ESP, and the disk of /boot has GRUB and no
// ESP, the ESP of another disk is no more than what an old system has left there.
Firmware firmware_of(std::span<const BootMarks> disks, bool esp_mounted,
                     std::optional<size_t> boot_disk);

// The parts of an inspection that are asked of the guest's files alone.
// Which system it is, for which processor, and whether its files carry SELinux labels. Throws
// Error(unsupported_guest) for an unknown or too old distribution and for a processor that EC2
// Nitro does not have.
void identify_system(const GuestView& guest, Inspection& inspection);
// What /etc/fstab mounts from the given disks on the system's own directories (/boot, /boot/efi,
// /usr, /var ...), parents first; of btrfs, the subvolume that the entry's options name.
std::vector<MountedFilesystem> system_mounts(const GuestView& guest, const Inspection& inspection,
                                             const std::map<DeviceName, BtrfsLayout>& btrfs = {});

// The facts that a conversion changes, asked anew of the changed guest: kernels and their default.
Inspection inspect_again(const GuestView& guest, const Inspection& before);

}  // namespace rehost
