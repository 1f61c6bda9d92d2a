// Every fix there is, in the order in which it runs.
#pragma once

#include <span>

#include "converter/core/fix.h"

namespace rehost {

std::span<const Fix> all_fixes();

}  // namespace rehost
