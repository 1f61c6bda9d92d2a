// The driver fixes, as rows for the list in converter/fixes.cc.
#pragma once

#include <span>

#include "converter/core/fix.h"

namespace rehost {

// In the order in which they are to run: the modules themselves, the configuration for kernels to
// come, then the initramfs of those that are here.
std::span<const Fix> driver_fixes();

}  // namespace rehost
