#include "bootfix/grub_cfg.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/bls_options.h"
#include "bootfix/boot_rules.h"
#include "bootfix/grub2.h"
#include "bootfix/grub_menu.h"
#include "bootfix/grub_terminal.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

// The file system that holds a file of the guest.
const Filesystem* filesystem_of(const Inspection& inspection, const GuestPath& file) {
  const MountedFilesystem* best = nullptr;
  for (const MountedFilesystem& mounted : inspection.mounts) {
    if (file.is_within(mounted.where) &&
        (best == nullptr || best->where.str().size() <= mounted.where.str().size())) {
      best = &mounted;
    }
  }
  return find_filesystem(inspection, best == nullptr ? inspection.root : best->device);
}

// `set root='hd0,msdos1'` alone counts the disks; `search` asks for the UUID.
void add_search(std::string_view text, const GrubScript& script, const GrubKernelLine& line,
                const Inspection& inspection, TextEdits& edits) {
  const ScriptCommand* set_root = nullptr;
  for (const ScriptCommand& command : script.commands) {
    const std::string& name = command.words.front().text;
    const bool matters = name == "set" || name == "search" || name.starts_with("search.");
    if (!matters || menuentry_around(script, command) != line.block) {
      continue;
    }
    if (name == "search" || name.starts_with("search.")) {
      return;
    }
    if (name == "set" && command.words.size() > 1 &&
        (command.words[1].text.starts_with("root=hd") ||
         command.words[1].text.starts_with("root=(hd"))) {
      set_root = &command;
    }
  }
  const Filesystem* boot =
      line.entry.kernel_file ? filesystem_of(inspection, *line.entry.kernel_file) : nullptr;
  if (set_root == nullptr || boot == nullptr || boot->uuid.empty()) {
    return;
  }
  const size_t newline = text.rfind('\n', set_root->begin());
  const size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
  const std::string_view indent = text.substr(line_begin, set_root->begin() - line_begin);
  const bool alone = trim(indent).empty();
  edits.insert(set_root->end(),
               fmt::format("{}search --no-floppy --fs-uuid --set=root {}",
                           alone ? line_ending(text) + std::string(indent) : "; ", boot->uuid));
}

// `set kernelopts="root=..."`: what BLS entries fall back on when grubenv says nothing.
void rewrite_kernelopts(std::string_view text, const GuestPath& file, const GrubScript& script,
                        const ArgumentRules& rules, TextEdits& edits,
                        std::vector<Warning>& warnings) {
  for (const GrubAssignment& a : kernelopts_assignments(text, script)) {
    edits.replace(a.value_begin, a.value_end,
                  adapt_kernelopts(text.substr(a.value_begin, a.value_end - a.value_begin), file,
                                   rules, warnings));
  }
}

FixResult plan_grub_cfg(const GuestView& guest, const Inspection& inspection,
                        const Target& target) {
  FixResult result;
  for (const GuestPath& path : grub_cfg_files(guest, inspection.firmware)) {
    const std::optional<TextFile> file = read_text_file(guest, path);
    if (!file) {
      continue;
    }
    GrubCfgRewrite rewrite = adapt_grub_cfg(file->content, path, guest, inspection, target);
    plan_rewrite(
        result, kGrubCfgFix.name, *file, rewrite.text,
        "the boot menu must find the root file system and speak on the serial console of EC2");
    std::move(rewrite.warnings.begin(), rewrite.warnings.end(),
              std::back_inserter(result.warnings));
  }
  return result;
}

}  // namespace

constinit const Fix kGrubCfgFix = {
    .name = "grub-cfg",
    .heading = "Prepare the GRUB menu for EC2",
    .description =
        "In grub.cfg, on every kernel line: root by UUID, serial console, the NVMe timeout that "
        "its kernel "
        "accepts, eth0 as interface name where the network fix needs it. The menu shows on the "
        "serial "
        "console too.",
    .plan = plan_grub_cfg,
};

GrubCfgRewrite adapt_grub_cfg(std::string_view text, const GuestPath& file, const GuestView& guest,
                              const Inspection& inspection, const Target& target) {
  const GrubScript script = parse_grub_script(text);
  const NameMap names(inspection);
  const BootRules rules(guest, inspection, target, names);
  TextEdits edits;
  GrubCfgRewrite rewrite;
  std::optional<size_t> searched;  // one entry may have several kernel lines (if ... else)
  for (GrubKernelLine& line : kernel_lines(text, script)) {
    KernelArguments arguments = KernelArguments::parse(line.entry.arguments);
    if (!arguments.has("root")) {
      continue;  // memtest86+, which takes other arguments
    }
    line.entry.kernel_file = file_of_boot_path(guest, line.entry.kernel);
    const std::string subject = fmt::format("{} line {}", file.str(), line.line);
    if (!line.entry.kernel_file) {
      clean_arguments(arguments, rules.for_another_system(), subject, rewrite.warnings);
    } else if (line.entry.under_xen) {
      clean_arguments(arguments, rules.for_kernel(*line.entry.kernel_file), subject,
                      rewrite.warnings);
    } else {
      adapt_arguments(arguments, rules.for_kernel(*line.entry.kernel_file), subject,
                      rewrite.warnings);
    }
    const std::string adapted = arguments.text();
    if (adapted != line.entry.arguments) {
      edits.replace(line.arguments_begin, line.arguments_end, adapted);
    }
    if (searched != line.block) {
      add_search(text, script, line, inspection, edits);
      searched = line.block;
    }
  }
  rewrite_kernelopts(text, file, script, rules.for_all_kernels(), edits, rewrite.warnings);
  rewrite.text = with_serial_terminal(edits.apply(text));
  return rewrite;
}

}  // namespace rehost
