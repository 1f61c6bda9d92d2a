// rehost drivers list|verify|add: driver bundles, without any guest.
#pragma once

#include "converter/options.h"

namespace rehost {

// Prints the answer on stdout and returns the exit status: 0, or that of `verification` when
// `verify` has found something. Throws Error.
int run_drivers(const Options& options);

}  // namespace rehost
