// Modules put into the index of a modules directory that has one already, the way depmod would find
// them, and everything else in it kept as it is.
#pragma once

#include <span>
#include <vector>

#include "drivers/module_index.h"

namespace rehost {

// `texts` with these modules in them, each in place of the one of the same name, at the end, where
// depmod puts what is not in modules.order. Lines of other modules keep every byte, unless they
// depend on a module whose path changes. `records` name their direct dependencies, which are in
// `texts` or among `records`, or built in. modules.devname and what is built in stay as they are.
ModuleIndexTexts with_modules(ModuleIndexTexts texts, std::span<const ModuleRecord> records);

}  // namespace rehost
