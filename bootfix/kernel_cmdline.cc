#include "bootfix/kernel_cmdline.h"

#include "bootfix/boot_rules.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kOwn = "/etc/kernel/cmdline";
constexpr std::string_view kVendor = "/usr/lib/kernel/cmdline";

FixResult plan_kernel_cmdline(const GuestView& guest, const Inspection& inspection,
                              const Target& target) {
  FixResult result;
  const std::optional<TextFile> file = kernel_cmdline_file(guest);
  if (!file) {
    return result;
  }
  const NameMap names(inspection);
  const BootRules rules(guest, inspection, target, names);
  KernelCmdlineRewrite rewrite =
      adapt_kernel_cmdline(file->content, file->path, rules.for_default_kernel());
  result.warnings = std::move(rewrite.warnings);
  constexpr std::string_view kReason = "kernel-install writes it into the entry of the next kernel";
  if (file->path != GuestPath(kVendor)) {
    plan_rewrite(result, kKernelCmdlineFix.name, *file, rewrite.text, kReason);
  } else if (rewrite.text != file->content) {
    plan_new_file(result, kKernelCmdlineFix.name, GuestPath(kOwn), rewrite.text, kReason);
  }
  return result;
}

}  // namespace

constinit const Fix kKernelCmdlineFix = {
    .name = "kernel-cmdline",
    .heading = "Prepare the command line of kernels to come",
    .description =
        "In /etc/kernel/cmdline, which kernel-install reads: root by UUID, serial console, the "
        "NVMe timeout, eth0 as interface name where the network fix needs it.",
    .plan = plan_kernel_cmdline,
};

KernelCmdlineRewrite adapt_kernel_cmdline(std::string_view text, const GuestPath& file,
                                          const ArgumentRules& rules) {
  struct WordsLine {
    Line line;
    KernelArguments arguments;
  };
  KernelCmdlineRewrite rewrite;
  std::vector<WordsLine> lines;
  std::vector<KernelArguments> all;
  for (const Line& line : split_lines(text)) {
    const std::string_view content = trim(content_of(text, line));
    if (content.empty() || content.front() == '#') {
      continue;
    }
    KernelArguments arguments = KernelArguments::parse(content_of(text, line));
    clean_arguments(arguments, rules, file.str(), rewrite.warnings);
    all.push_back(arguments);
    lines.push_back({line, std::move(arguments)});
  }
  if (lines.empty()) {
    rewrite.text = text;  // kernel-install makes do without options
    return rewrite;
  }
  for (const std::string& word : missing_arguments(all, rules)) {
    lines.front().arguments.add(word);
  }
  TextEdits edits;
  for (const WordsLine& line : lines) {
    edits.replace(line.line.begin, line.line.end, line.arguments.text());
  }
  rewrite.text = edits.apply(text);
  return rewrite;
}

std::optional<TextFile> kernel_cmdline_file(const GuestView& guest) {
  std::optional<TextFile> own = read_text_file(guest, GuestPath(kOwn));
  return own ? std::move(own) : read_text_file(guest, GuestPath(kVendor));
}

}  // namespace rehost
