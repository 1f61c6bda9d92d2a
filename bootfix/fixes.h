// The fixes of this directory, in the order in which they run.
#pragma once

#include <span>

#include "converter/core/fix.h"

namespace rehost {

std::span<const Fix> bootfix_fixes();

}  // namespace rehost
