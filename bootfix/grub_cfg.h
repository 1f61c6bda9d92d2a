// grub.cfg of GRUB 2: its kernel lines as EC2 needs them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/bootloaders.h"
#include "converter/core/fix.h"

namespace rehost {

// The whole rewrite of one grub.cfg. Everything but the kernel lines, the terminal and `set root=`
// without a `search` comes back byte for byte.
struct GrubCfgRewrite {
  std::string text;
  std::vector<Warning> warnings;
};
GrubCfgRewrite adapt_grub_cfg(std::string_view text, const GuestPath& file, const GuestView& guest,
                              const Inspection& inspection, const Target& target);

// Every grub.cfg of the guest that has a menu, links resolved, the one that this firmware reads
// first. Stubs that only load another one are not among them.
std::vector<GuestPath> grub_cfg_files(const GuestView& guest, Firmware firmware);

// The row for bootloaders.cc.
std::optional<BootConfig> read_grub2(const GuestView& guest, Firmware firmware);

extern const Fix kGrubCfgFix;

}  // namespace rehost
