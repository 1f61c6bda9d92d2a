// Installs modules of driver bundles into the guest's root file system.
#pragma once

#include "converter/core/fix.h"

namespace rehost {

// Plans the module files, the indexes that know them (modules.dep last: until it names a module,
// that module is not installed, and a plan that was stopped half way is made again), and where
// depmod would not choose them by itself a line in its configuration.
FixResult plan_driver_bundle(const GuestView& guest, const Inspection& inspection,
                             const Target& target);

}  // namespace rehost
