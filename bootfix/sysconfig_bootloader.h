// /etc/sysconfig/bootloader of SUSE: DEFAULT_APPEND and FAILSAFE_APPEND are the arguments that
// perl-Bootloader gives to the kernels to come ("Configure custom boot parameters for updated
// kernels", as it says in menu.lst itself).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bootfix/kernel_arguments.h"
#include "converter/core/fix.h"

namespace rehost {

// Only the two values change; one that is put together from pieces is left as it is.
std::string adapt_sysconfig_bootloader(std::string_view text, const GuestPath& file,
                                       const ArgumentRules& rules, std::vector<Warning>& warnings);

extern const Fix kSysconfigBootloaderFix;

}  // namespace rehost
