#include "bootfix/unstable_names.h"

#include <algorithm>

#include "bootfix/bls_entry.h"
#include "bootfix/crypttab.h"
#include "bootfix/device_names.h"
#include "bootfix/fstab.h"
#include "bootfix/grub2.h"
#include "bootfix/grub_defaults.h"
#include "bootfix/grub_legacy.h"
#include "bootfix/grub_menu.h"
#include "bootfix/grubenv.h"
#include "bootfix/kernel_cmdline.h"
#include "bootfix/lvm_conf.h"
#include "bootfix/mdadm_conf.h"
#include "bootfix/mount_units.h"
#include "bootfix/resume.h"
#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

int line_of(std::string_view text, size_t at) {
  return 1 + static_cast<int>(
                 std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

void look_into_arguments(const KernelArguments& arguments, const GuestPath& file, int line,
                         bool required, std::vector<UnstableName>& names) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments.name(i);
    const bool filesystem = name == "root" || name == "boot" || name == "mount.usr";
    if ((filesystem || name == "resume") && is_unstable_name(arguments.value(i))) {
      names.push_back({file, line, arguments.value(i), required && filesystem});
    }
  }
}

void look_into_fstab(const GuestView& guest, std::vector<UnstableName>& names) {
  const auto file = read_text_file(guest, GuestPath("/etc/fstab"));
  for (const FstabEntry& entry : parse_fstab(file ? file->content : "")) {
    if (is_unstable_name(entry.device)) {
      names.push_back({file->path, entry.line, entry.device, entry.required()});
    }
  }
}

void look_into_mount_units(const GuestView& guest, std::vector<UnstableName>& names) {
  for (const MountUnitFile& unit : mount_unit_files(guest)) {
    if (is_unstable_name(unit.what)) {
      names.push_back({unit.file.path, unit.line, unit.what, is_required_unit(guest, unit.unit)});
    }
  }
}

void look_into_crypttab(const GuestView& guest, std::vector<UnstableName>& names) {
  const auto file = read_text_file(guest, GuestPath("/etc/crypttab"));
  for (const CrypttabEntry& entry : parse_crypttab(file ? file->content : "")) {
    if (is_unstable_name(entry.device)) {
      names.push_back({file->path, entry.line, entry.device, entry.required()});
    }
  }
}

void look_into_mdadm_conf(const GuestView& guest, const Inspection& inspection,
                          std::vector<UnstableName>& names) {
  for (const GuestPath& path : mdadm_conf_files(guest)) {
    for (const HidingWord& word : words_hiding_nvme(guest.read(path).value_or(""))) {
      names.push_back({path, word.line, word.text, !inspection.arrays.empty()});
    }
  }
}

void look_into_lvm_conf(const GuestView& guest, const Inspection& inspection,
                        std::vector<UnstableName>& names) {
  if (!uses_lvm(inspection)) {
    return;
  }
  for (const GuestPath& path : lvm_conf_files(guest)) {
    for (const LvmFilter& filter : parse_lvm_filters(guest.read(path).value_or(""))) {
      if (hides_nvme(filter)) {
        names.push_back({path, filter.line, filter.name, true});
      }
    }
  }
}

void look_into_boot_menus(const GuestView& guest, Firmware firmware,
                          std::vector<UnstableName>& names) {
  for (const GuestPath& path : grub_cfg_files(guest, firmware)) {
    const std::string text = guest.read(path).value_or("");
    for (const GrubKernelLine& line : kernel_lines(text, parse_grub_script(text))) {
      look_into_arguments(KernelArguments::parse(line.entry.arguments), path, line.line,
                          file_of_boot_path(guest, line.entry.kernel).has_value(), names);
    }
  }
}

void look_into_legacy_menus(const GuestView& guest, Firmware firmware,
                            std::vector<UnstableName>& names) {
  for (const GuestPath& path : grub_legacy_files(guest, firmware)) {
    const std::string text = guest.read(path).value_or("");
    for (const LegacyKernelLine& line : legacy_kernel_lines(text, parse_grub_legacy(text))) {
      look_into_arguments(KernelArguments::parse(std::string_view(text).substr(
                              line.arguments_begin, line.arguments_end - line.arguments_begin)),
                          path, line.line, file_of_boot_path(guest, line.path).has_value(), names);
    }
  }
}

void look_into_bls_entries(const GuestView& guest, std::vector<UnstableName>& names) {
  for (const BlsEntry& entry : read_bls_entries(guest)) {
    const bool ours = file_of_entry(guest, entry, entry.value("linux")).has_value();
    for (const BlsField& field : entry.fields) {
      if (field.key == "options") {
        look_into_arguments(KernelArguments::parse(field.value), entry.file,
                            line_of(entry.text, field.value_begin), ours, names);
      }
    }
  }
  for (const TextFile& block : grubenv_files(guest)) {
    const auto variables = parse_grubenv(block.content);
    if (const auto found = variables.find("kernelopts"); found != variables.end()) {
      look_into_arguments(KernelArguments::parse(found->second), block.path, 0, true, names);
    }
  }
}

void look_into_kernel_cmdline(const GuestView& guest, std::vector<UnstableName>& names) {
  const std::optional<TextFile> file = kernel_cmdline_file(guest);
  if (!file) {
    return;
  }
  for (const Line& line : split_lines(file->content)) {
    const std::string_view content = content_of(file->content, line);
    if (!trim(content).starts_with('#')) {
      look_into_arguments(KernelArguments::parse(content), file->path,
                          line_of(file->content, line.begin), true, names);
    }
  }
}

void look_into_grub_defaults(const GuestView& guest, std::vector<UnstableName>& names) {
  const GrubDefaults defaults = GrubDefaults::read(guest);
  for (const GrubDefaults::SettingsFile& file : defaults.files()) {
    for (const ShellAssignment& a : parse_shell_assignments(file.content)) {
      if (a.name == "GRUB_CMDLINE_LINUX" || a.name == "GRUB_CMDLINE_LINUX_DEFAULT") {
        look_into_arguments(KernelArguments::parse(a.value), file.original.path,
                            line_of(file.content, a.value_begin), true, names);
      }
    }
  }
}

void look_into_resume(const GuestView& guest, std::vector<UnstableName>& names) {
  for (const GuestPath& path : resume_files(guest)) {
    const std::string text = guest.read(path).value_or("");
    for (const ShellAssignment& a : parse_shell_assignments(text)) {
      if (a.name == "RESUME" && is_unstable_name(a.value)) {
        names.push_back({path, line_of(text, a.value_begin), a.value, false});
      }
    }
  }
}

}  // namespace

std::vector<UnstableName> find_unstable_names(const GuestView& guest,
                                              const Inspection& inspection) {
  std::vector<UnstableName> names;
  look_into_fstab(guest, names);
  look_into_mount_units(guest, names);
  look_into_crypttab(guest, names);
  look_into_mdadm_conf(guest, inspection, names);
  look_into_lvm_conf(guest, inspection, names);
  look_into_boot_menus(guest, inspection.firmware, names);
  look_into_legacy_menus(guest, inspection.firmware, names);
  look_into_bls_entries(guest, names);
  look_into_kernel_cmdline(guest, names);
  look_into_grub_defaults(guest, names);
  look_into_resume(guest, names);
  return names;
}

}  // namespace rehost
