#include "bootfix/grub2.h"

#include <algorithm>
#include <charconv>

#include "bootfix/bls_entry.h"
#include "bootfix/grub_menu.h"
#include "bootfix/grubenv.h"
#include "bootfix/os_release.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"
#include "converter/core/distro.h"

namespace rehost {
namespace {

constexpr std::string_view kEspMounts[] = {"/boot/efi", "/efi", "/boot"};

bool has_menu(std::string_view text, const GrubScript& script) {
  return blscfg_command(script) != nullptr || !kernel_lines(text, script).empty();
}

// Where a stub on the ESP leads: another file of the ESP, or one that its `search` finds.
std::optional<GuestPath> follow(const GuestView& guest, const GuestPath& esp,
                                std::string_view path) {
  if (path.starts_with('(')) {
    path = path.substr(std::min(path.find(')'), path.size() - 1) + 1);
  }
  if (std::optional<GuestPath> file = file_of_boot_path(guest, path)) {
    return file;
  }
  const std::optional<GuestPath> real = resolve(guest, esp / path);
  return real && is_file(guest, *real) ? real : std::nullopt;
}

// The directory of the distribution itself first: others are what an earlier one has left behind.
std::vector<GuestPath> vendor_directories(const GuestView& guest, const GuestPath& esp) {
  const std::optional<OsRelease> os = read_os_release(guest);
  const Distro* distro = os ? find_distro(os->id, os->id_like) : nullptr;
  const std::string own = lower_case(distro == nullptr ? "" : distro->efi_vendor);
  std::vector<GuestPath> directories;
  for (const DirectoryEntry& vendor : guest.list(esp / "EFI")) {
    directories.push_back(esp / "EFI" / vendor.name);
  }
  std::stable_partition(directories.begin(), directories.end(), [&](const GuestPath& directory) {
    return lower_case(directory.name()) == own;
  });
  return directories;
}

std::vector<GuestPath> menus_on_esp(const GuestView& guest) {
  std::vector<GuestPath> files;
  for (const std::string_view mount : kEspMounts) {
    const GuestPath esp(mount);
    for (const GuestPath& vendor : vendor_directories(guest, esp)) {
      const std::optional<TextFile> file = read_text_file(guest, vendor / "grub.cfg");
      if (!file) {
        continue;
      }
      const GrubScript script = parse_grub_script(file->content);
      if (has_menu(file->content, script)) {
        files.push_back(file->path);
      } else if (const std::optional<std::string> next = hands_over_to(script)) {
        if (std::optional<GuestPath> target = follow(guest, esp, *next)) {
          files.push_back(std::move(*target));
        }
      }
    }
  }
  return files;
}

BootEntry boot_entry_of(const GuestView& guest, const BlsEntry& bls,
                        const std::map<std::string, std::string>& variables) {
  BootEntry entry;
  entry.title = bls.value("title");
  entry.id = bls.id;
  entry.default_name = bls.id;
  entry.kernel = bls.value("linux");
  entry.initrds = bls.words("initrd");
  // blscfg takes the first options line.
  const std::string options = bls.value("options");
  const auto fallback = variables.find("default_kernelopts");
  entry.arguments = expand_variables(options, variables);
  if (options.empty() && fallback != variables.end()) {
    entry.arguments = fallback->second;
  }
  entry.version = bls.value("version");
  entry.kernel_file = file_of_entry(guest, bls, entry.kernel);
  entry.file = bls.file;
  return entry;
}

// The entries that blscfg makes: its own $root is the file system of /boot.
std::vector<BootEntry> bls_menu(const GuestView& guest,
                                const std::map<std::string, std::string>& variables) {
  std::vector<BlsEntry> files = read_bls_entries(guest, GuestPath("/boot"));
  sort_as_blscfg(files);
  std::vector<BootEntry> entries;
  for (const BlsEntry& file : files) {
    if (!file.value("linux").empty()) {
      entries.push_back(boot_entry_of(guest, file, variables));
    }
  }
  return entries;
}

std::optional<size_t> number_of(const std::string& setting) {
  size_t number = 0;
  const char* end = setting.data() + setting.size();
  const auto [at, error] = std::from_chars(setting.data(), end, number);
  return error == std::errc() && at == end ? std::optional(number) : std::nullopt;
}

// A menu with BLS entries in the midst of others: entries.size() of them behind `before` others.
// The position among the BLS entries, or what is left to ask the other entries for.
struct BlsChoice {
  std::optional<size_t> entry;
  std::string rest;
};

BlsChoice choose_among(const std::vector<BootEntry>& entries, size_t before,
                       const GrubScript& script, const std::string& setting) {
  if (const std::optional<size_t> number = number_of(setting)) {
    if (*number >= before && *number - before < entries.size()) {
      return {*number - before, ""};
    }
    const size_t rest = *number < before ? *number : *number - entries.size();
    if (is_main_menu_item(script, std::to_string(rest))) {
      return {std::nullopt, std::to_string(rest)};
    }
  } else {
    for (size_t i = 0; i < entries.size(); ++i) {
      if (setting == entries[i].id || setting == entries[i].id + ".conf" ||
          setting == entries[i].title) {
        return {i, ""};
      }
    }
    if (is_main_menu_item(script, setting.substr(0, setting.find('>')))) {
      return {std::nullopt, setting};
    }
  }
  return before == 0 ? BlsChoice{0, ""} : BlsChoice{std::nullopt, "0"};  // GRUB starts the first
}

// What sdbootutil leaves beside the GRUB2-BLS, or the systemd-boot, that it has installed.
constexpr std::string_view kSdbootutilMark = "installed_by_sdbootutil";

std::optional<GuestPath> grub2_bls_directory(const GuestView& guest, const GuestPath& esp) {
  for (const GuestPath& directory : vendor_directories(guest, esp)) {
    if (lower_case(directory.name()) != "systemd" && is_file(guest, directory / kSdbootutilMark)) {
      return directory;
    }
  }
  return std::nullopt;
}

// `default=` of the grubenv, with or without the ending of the file; else the first.
size_t default_of_bls_menu(const std::vector<BootEntry>& entries, const std::string& setting) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const BootEntry& entry) {
    return setting == entry.id || setting == entry.default_name || setting == entry.title;
  });
  return found == entries.end() ? 0 : static_cast<size_t>(found - entries.begin());
}

void find_initrds(const GuestView& guest, const BlsEntry& bls, BootEntry& entry) {
  for (const std::string& initrd : entry.initrds) {
    if (std::optional<GuestPath> found = file_of_entry(guest, bls, initrd)) {
      entry.initrd_files.push_back(std::move(*found));
    }
  }
}

}  // namespace

const ScriptCommand* blscfg_command(const GrubScript& script) {
  const auto found = std::find_if(script.commands.begin(), script.commands.end(),
                                  [](const ScriptCommand& command) {
                                    const std::string& name = command.words.front().text;
                                    return name == "blscfg" || name == "bls_import";
                                  });
  return found == script.commands.end() ? nullptr : &*found;
}

std::optional<std::string> hands_over_to(const GrubScript& script) {
  std::string prefix;
  std::optional<std::string> target;
  for (const ScriptCommand& command : script.commands) {
    if (command.words.size() < 2) {
      continue;
    }
    const std::string& name = command.words[0].text;
    const std::string& word = command.words[1].text;
    if (name == "set" && word.starts_with("prefix=")) {
      prefix = word.substr(7);
    } else if (name == "configfile" || name == "source" || name == "normal") {
      target = word;
      for (const std::string_view variable : {"${prefix}", "$prefix"}) {
        if (word.starts_with(variable)) {
          target = prefix + word.substr(variable.size());
          break;
        }
      }
      // ($dev)/grub2: whatever the device is called, it holds the path behind it.
      for (const std::string_view root : {"$root/", "${root}/"}) {
        if (target->starts_with(root)) {
          target = target->substr(root.size() - 1);
        }
      }
    }
  }
  return target;
}

std::vector<GrubAssignment> kernelopts_assignments(std::string_view text,
                                                   const GrubScript& script) {
  std::vector<GrubAssignment> assignments;
  for (const ScriptCommand& command : script.commands) {
    if (command.words.front().text != "set" || command.words.size() < 2) {
      continue;
    }
    const ScriptWord& word = command.words[1];
    const std::string_view raw = text.substr(word.begin, word.end - word.begin);
    for (const std::string_view name : {"kernelopts", "default_kernelopts"}) {
      const std::string start = std::string(name) + "=\"";
      const std::string_view inside = raw.substr(std::min(raw.size(), start.size()));
      if (raw.starts_with(start) && inside.ends_with('"') &&
          inside.find_first_of("\"\\") == inside.size() - 1) {
        assignments.push_back({std::string(name), word.begin + start.size(), word.end - 1});
      }
    }
  }
  return assignments;
}

std::map<std::string, std::string> grub_variables(const GuestView& guest, const GuestPath& grub_cfg,
                                                  std::string_view text, const GrubScript& script) {
  const std::optional<std::string> block = guest.read(grub_cfg.parent() / "grubenv");
  std::map<std::string, std::string> variables = parse_grubenv(block.value_or(""));
  std::map<std::string, std::string> fallback;
  for (const GrubAssignment& assignment : kernelopts_assignments(text, script)) {
    fallback[assignment.name] =
        text.substr(assignment.value_begin, assignment.value_end - assignment.value_begin);
  }
  for (auto& [name, value] : fallback) {
    std::string& known = variables[name];
    known = known.empty() ? value : known;
  }
  return variables;
}

std::vector<GuestPath> grub_cfg_files(const GuestView& guest, Firmware firmware) {
  std::vector<GuestPath> candidates = {GuestPath("/boot/grub2/grub.cfg"),
                                       GuestPath("/boot/grub/grub.cfg")};
  const std::vector<GuestPath> on_esp = menus_on_esp(guest);
  candidates.insert(firmware == Firmware::uefi ? candidates.begin() : candidates.end(),
                    on_esp.begin(), on_esp.end());
  std::vector<GuestPath> files;
  for (const GuestPath& candidate : candidates) {
    const std::optional<TextFile> file = read_text_file(guest, candidate);
    if (!file || std::find(files.begin(), files.end(), file->path) != files.end()) {
      continue;
    }
    if (has_menu(file->content, parse_grub_script(file->content))) {
      files.push_back(file->path);
    }
  }
  return files;
}

std::optional<BootConfig> read_grub2(const GuestView& guest, Firmware firmware) {
  const std::vector<GuestPath> files = grub_cfg_files(guest, firmware);
  return files.empty() ? std::nullopt : read_grub_menu(guest, files.front());
}

std::optional<BootConfig> read_grub2_bls(const GuestView& guest, Firmware firmware) {
  for (const std::string_view mount : kEspMounts) {
    const GuestPath esp(mount);
    const std::optional<GuestPath> directory =
        firmware == Firmware::uefi ? grub2_bls_directory(guest, esp) : std::nullopt;
    std::vector<BlsEntry> files =
        directory ? read_bls_entries(guest, esp) : std::vector<BlsEntry>{};
    if (files.empty()) {
      continue;
    }
    sort_as_blscfg(files);
    std::stable_partition(files.begin(), files.end(),
                          [](const BlsEntry& file) { return !file.out_of_tries; });
    BootConfig config;
    config.file = *directory / "grubenv";
    for (const BlsEntry& file : files) {
      if (file.value("linux").empty()) {
        continue;
      }
      BootEntry entry = boot_entry_of(guest, file, {});
      entry.default_name = entry.id + ".conf";
      find_initrds(guest, file, entry);
      config.entries.push_back(std::move(entry));
    }
    if (!config.entries.empty()) {
      const auto variables = parse_grubenv(guest.read(config.file).value_or(""));
      const auto setting = variables.find("default");
      config.default_entry =
          default_of_bls_menu(config.entries, setting == variables.end() ? "" : setting->second);
    }
    return config;
  }
  return std::nullopt;
}

std::optional<BootConfig> read_grub_menu(const GuestView& guest, const GuestPath& grub_cfg) {
  const std::optional<TextFile> file = read_text_file(guest, grub_cfg);
  if (!file) {
    return std::nullopt;
  }
  const GrubScript script = parse_grub_script(file->content);
  const auto variables = grub_variables(guest, file->path, file->content, script);
  BootConfig config;
  config.file = file->path;
  std::string setting = default_setting(script, variables);
  const ScriptCommand* blscfg = blscfg_command(script);
  if (blscfg != nullptr) {
    config.entries = bls_menu(guest, variables);
  }
  if (!config.entries.empty()) {
    const size_t before = main_menu_items_before(script, blscfg->begin());
    BlsChoice choice = choose_among(config.entries, before, script, setting);
    config.default_entry = choice.entry;
    setting = std::move(choice.rest);
  }
  std::vector<GrubKernelLine> lines = kernel_lines(file->content, script);
  if (!config.default_entry) {
    if (const auto line = default_kernel_line(script, lines, setting)) {
      config.default_entry = config.entries.size() + *line;
    }
  }
  for (GrubKernelLine& line : lines) {
    // A menu that is made from BLS entries without blscfg has their $kernelopts in it.
    line.entry.arguments = expand_variables(line.entry.arguments, variables);
    line.entry.kernel_file = file_of_boot_path(guest, line.entry.kernel);
    line.entry.file = file->path;
    config.entries.push_back(std::move(line.entry));
  }
  for (BootEntry& entry : config.entries) {
    for (const std::string& initrd : entry.initrds) {
      if (std::optional<GuestPath> found = file_of_boot_path(guest, initrd)) {
        entry.initrd_files.push_back(std::move(*found));
      }
    }
  }
  return config;
}

}  // namespace rehost
