#include "bootfix/default_entry.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/bls_entry.h"
#include "bootfix/grub2.h"
#include "bootfix/grub_defaults.h"
#include "bootfix/grub_legacy.h"
#include "bootfix/grub_menu.h"
#include "bootfix/grubenv.h"
#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr size_t kGrubenvBytes = 1024;

FileChange change_of(const GuestView& guest, const GuestPath& path) {
  std::optional<TextFile> file = read_text_file(guest, path);
  if (!file) {
    return {path, std::nullopt, ""};
  }
  return {file->path, file->content, file->content};
}

// What grub2-set-default and grubby store: an id of BLS, else the title; a path where a submenu has
// to be opened, or where GRUB would take a title for one.
std::string saved_name(const BootEntry& entry, const GuestPath& menu) {
  const bool bls = entry.file != menu;
  const bool plain = entry.submenus.empty() && entry.title.find('>') == std::string::npos;
  return bls || !plain || entry.title.empty() ? entry.default_name : entry.title;
}

std::optional<FileChange> change_grubenv(const GuestView& guest, const GuestPath& grubenv,
                                         std::string_view variable, const std::string& value) {
  FileChange change = change_of(guest, grubenv);
  if (!change.original) {
    change.content = "# GRUB Environment Block\n";
    change.content.resize(kGrubenvBytes, '#');
  }
  std::optional<std::string> block = with_grubenv_variable(change.content, variable, value);
  if (!block) {
    return std::nullopt;
  }
  change.content = std::move(*block);
  return change;
}

bool asks_for_saved_entry(const GrubScript& script) {
  return default_setting(script, {{"saved_entry", "\x01"}}) == "\x01";
}

std::optional<FileChange> change_menu(const GuestView& guest, const GuestPath& menu,
                                      const BootEntry& entry) {
  FileChange change = change_of(guest, menu);
  if (asks_for_saved_entry(parse_grub_script(change.content))) {
    return change_grubenv(guest, menu.parent() / "grubenv", "saved_entry", saved_name(entry, menu));
  }
  std::optional<std::string> text = with_grub_default(change.content, entry.default_name);
  if (!text) {
    return std::nullopt;
  }
  change.content = std::move(*text);
  return change;
}

// For the next update-grub. GRUB_DEFAULT=saved goes by grubenv.
void change_grub_defaults(const GuestView& guest, const std::string& name,
                          std::vector<FileChange>& changes) {
  GrubDefaults defaults = GrubDefaults::read(guest);
  const auto readable = [](const GrubDefaults::SettingsFile& file) {
    return all_closed(parse_shell_assignments(file.content));
  };
  if (defaults.empty() || defaults.value("GRUB_DEFAULT") == "saved" ||
      !std::all_of(defaults.files().begin(), defaults.files().end(), readable)) {
    return;
  }
  defaults.set("GRUB_DEFAULT", name);
  for (const GrubDefaults::SettingsFile& file : defaults.files()) {
    changes.push_back({file.original.path, file.original.content, file.content});
  }
}

std::optional<std::vector<FileChange>> change_grub2(const GuestView& guest, Firmware firmware,
                                                    const PickEntry& pick) {
  std::vector<FileChange> changes;
  const std::vector<GuestPath> menus = grub_cfg_files(guest, firmware);
  for (size_t i = menus.size(); i-- > 0;) {
    const std::optional<BootConfig> menu = read_grub_menu(guest, menus[i]);
    const std::optional<size_t> entry = menu ? pick(*menu) : std::nullopt;
    std::optional<FileChange> change = entry && !menu->entries[*entry].default_name.empty()
                                           ? change_menu(guest, menus[i], menu->entries[*entry])
                                           : std::nullopt;
    if (i == 0) {
      if (!change) {
        return std::nullopt;
      }
      change_grub_defaults(guest, menu->entries[*entry].default_name, changes);
    }
    if (change) {
      // Two menus may have one grubenv: the first menu's word counts.
      std::erase_if(changes, [&](const FileChange& c) { return c.path == change->path; });
      changes.push_back(std::move(*change));
    }
  }
  return changes;
}

}  // namespace

std::optional<std::vector<FileChange>> set_default_entry(const GuestView& guest, Firmware firmware,
                                                         const BootConfig& config,
                                                         const PickEntry& pick) {
  const std::optional<size_t> entry = pick(config);
  if (!entry || config.entries[*entry].default_name.empty()) {
    return std::nullopt;
  }
  if (config.loader == "grub2") {
    return change_grub2(guest, firmware, pick);
  }
  const std::string& name = config.entries[*entry].default_name;
  if (config.loader == "grub2-bls") {
    std::optional<FileChange> change = change_grubenv(guest, config.file, "default", name);
    return change ? std::optional(std::vector{std::move(*change)}) : std::nullopt;
  }
  FileChange change = change_of(guest, config.file);
  change.content = config.loader == "grub-legacy" ? with_legacy_default(change.content, name)
                                                  : with_loader_default(change.content, name);
  return std::vector<FileChange>{std::move(change)};
}

std::optional<std::string> with_grub_default(std::string_view grub_cfg, std::string_view name) {
  if (name.find('\'') != std::string_view::npos || name.find('\n') != std::string_view::npos) {
    return std::nullopt;
  }
  const bool plain = name.find_first_of("\"\\$`") == std::string_view::npos;
  const std::string word =
      plain ? fmt::format("default=\"{}\"", name) : fmt::format("default='{}'", name);
  const GrubScript script = parse_grub_script(grub_cfg);
  TextEdits edits;
  for (const ScriptCommand* command : default_assignments(script)) {
    edits.replace(command->words[1].begin, command->words[1].end, word);
  }
  if (edits.empty()) {
    return fmt::format("set {}{}{}", word, line_ending(grub_cfg), grub_cfg);
  }
  return edits.apply(grub_cfg);
}

std::string with_loader_default(std::string_view loader_conf, std::string_view name) {
  const std::vector<BlsField> fields = parse_bls_fields(loader_conf);
  const auto last = std::find_if(fields.rbegin(), fields.rend(),
                                 [](const BlsField& field) { return field.key == "default"; });
  if (last == fields.rend()) {
    return with_line_appended(loader_conf, fmt::format("default {}", name));
  }
  TextEdits edits;
  edits.replace(last->value_begin, last->value_end, name);
  return edits.apply(loader_conf);
}

std::string with_legacy_default(std::string_view menu, std::string_view number) {
  TextEdits edits;
  for (const LegacyCommand& command : parse_grub_legacy(menu)) {
    if (command.name == "default" && !command.entry) {
      edits.replace(command.argument_begin, command.argument_end, number);
    }
  }
  if (edits.empty()) {
    return fmt::format("default {}{}{}", number, line_ending(menu), menu);
  }
  return edits.apply(menu);
}

}  // namespace rehost
