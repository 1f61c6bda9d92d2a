#include "converter/fixes.h"

#include <vector>

#include "bootfix/fixes.h"
#include "drivers/fixes.h"

namespace rehost {

std::span<const Fix> all_fixes() {
  // Text first: a rebuild of the initramfs by the guest's own tool, the last resort, reads the
  // files that bootfix edits.
  static const std::vector<Fix> kFixes = [] {
    std::vector<Fix> fixes;
    for (const std::span<const Fix> rows : {bootfix_fixes(), driver_fixes()}) {
      fixes.insert(fixes.end(), rows.begin(), rows.end());
    }
    return fixes;
  }();
  return kFixes;
}

}  // namespace rehost
