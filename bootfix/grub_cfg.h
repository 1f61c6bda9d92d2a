// grub.cfg of GRUB 2: its kernel lines as EC2 needs them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// The whole rewrite of one grub.cfg. Everything but the kernel lines, the kernelopts that a menu of
// BLS entries sets, the terminal and `set root=` without a `search` comes back byte for byte.
struct GrubCfgRewrite {
  std::string text;
  std::vector<Warning> warnings;
};
GrubCfgRewrite adapt_grub_cfg(std::string_view text, const GuestPath& file, const GuestView& guest,
                              const Inspection& inspection, const Target& target);

extern const Fix kGrubCfgFix;

}  // namespace rehost
