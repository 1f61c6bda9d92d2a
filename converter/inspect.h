// What is on the disks: rehost's own inspection, a handful of batched calls instead of libguestfs's
// inspect_os.
#pragma once

#include <vector>

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

// The facts that a conversion changes, asked anew of the changed guest: kernels and their default.
Inspection inspect_again(const GuestView& guest, const Inspection& before);

}  // namespace rehost
