// The command lines of BLS entries, and the kernelopts in grubenv that those of RHEL 8 share.
#pragma once

#include "bootfix/bls_entry.h"
#include "converter/core/fix.h"

namespace rehost {

extern const Fix kBlsOptionsFix;

// kernelopts as EC2 needs it; the same text when nothing is to be done.
std::string adapt_kernelopts(std::string_view value, const GuestPath& file,
                             const ArgumentRules& rules, std::vector<Warning>& warnings);

}  // namespace rehost
