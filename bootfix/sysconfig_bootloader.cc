#include "bootfix/sysconfig_bootloader.h"

#include <fmt/format.h>

#include "bootfix/boot_rules.h"
#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

FixResult plan_sysconfig_bootloader(const GuestView& guest, const Inspection& inspection,
                                    const Target& target) {
  FixResult result;
  const auto file = read_text_file(guest, GuestPath("/etc/sysconfig/bootloader"));
  if (!file) {
    return result;
  }
  const NameMap names(inspection);
  const BootRules rules(guest, inspection, target, names);
  plan_rewrite(result, kSysconfigBootloaderFix.name, *file,
               adapt_sysconfig_bootloader(file->content, file->path, rules.for_default_kernel(),
                                          result.warnings),
               "perl-Bootloader writes it into the menu entry of the next kernel");
  return result;
}

}  // namespace

constinit const Fix kSysconfigBootloaderFix = {
    .name = "sysconfig-bootloader",
    .heading = "Prepare the boot arguments that SUSE gives to kernels to come",
    .description =
        "In DEFAULT_APPEND and FAILSAFE_APPEND of /etc/sysconfig/bootloader: resume device by "
        "UUID, serial console, the NVMe timeout.",
    .plan = plan_sysconfig_bootloader,
};

std::string adapt_sysconfig_bootloader(std::string_view text, const GuestPath& file,
                                       const ArgumentRules& rules, std::vector<Warning>& warnings) {
  TextEdits edits;
  for (const ShellAssignment& a : parse_shell_assignments(text)) {
    const bool quoted = a.quoting == Quoting::double_quote || a.quoting == Quoting::single_quote;
    if ((a.name != "DEFAULT_APPEND" && a.name != "FAILSAFE_APPEND") || !quoted || !a.closed ||
        trim(a.value).empty()) {
      continue;  // empty: YaST takes what it finds at the time
    }
    KernelArguments arguments =
        KernelArguments::parse(text.substr(a.text_begin, a.text_end - a.text_begin));
    adapt_arguments(arguments, rules, fmt::format("{} in {}", a.name, file.str()), warnings);
    edits.replace(a.text_begin, a.text_end, arguments.text());
  }
  return edits.apply(text);
}

}  // namespace rehost
