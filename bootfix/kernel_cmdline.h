// /etc/kernel/cmdline: the options of the entries that kernel-install(8) will write for the guest's
// next kernels (RHEL 9 and 10, Fedora, systemd-boot). /usr/lib/kernel/cmdline stands in for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/kernel_arguments.h"
#include "bootfix/text_file.h"
#include "converter/core/fix.h"

namespace rehost {

struct KernelCmdlineRewrite {
  std::string text;
  std::vector<Warning> warnings;
};
// Words on any number of lines; newer versions of systemd pass over lines that begin with "#". What
// is missing goes to the first line that has words.
KernelCmdlineRewrite adapt_kernel_cmdline(std::string_view text, const GuestPath& file,
                                          const ArgumentRules& rules);

// The file that kernel-install reads. nullopt: there is none, and it takes the command line of the
// running system.
std::optional<TextFile> kernel_cmdline_file(const GuestView& guest);

extern const Fix kKernelCmdlineFix;

}  // namespace rehost
