// Which kernel is started when nobody touches a key, and whether it can be: one that has neither
// NVMe nor ENA, built in or as a module, is never left as the default when there is a better one.
#pragma once

#include "bootfix/bootloaders.h"
#include "converter/core/fix.h"

namespace rehost {

// The kernel that an entry starts. nullptr: none of this guest's own, or a rescue or kdump image.
const KernelImage* kernel_of_entry(const GuestView& guest, const Inspection& inspection,
                                   const BootEntry& entry);

// What the boot loader starts by default now, while fixes are planned: the inspection tells what it
// was before. nullptr: cannot tell.
const KernelImage* current_default_kernel(const GuestView& guest, const Inspection& inspection);

// Starts Linux for a repair or a dump only: recovery mode, failsafe, rescue, kdump.
bool is_for_repairs(const BootEntry& entry);

extern const Fix kDefaultKernelFix;

}  // namespace rehost
