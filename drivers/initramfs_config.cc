#include "drivers/initramfs_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "drivers/mkinitrd.h"
#include "drivers/required_modules.h"

namespace rehost {
namespace {

constexpr std::string_view kFix = "initramfs-config";
constexpr std::string_view kDracutFile = "/etc/dracut.conf.d/rehost.conf";

std::optional<GuestPath> first_file(const GuestView& guest,
                                    std::span<const std::string_view> paths) {
  for (const std::string_view path : paths) {
    if (is_file(guest, GuestPath(path))) {
      return GuestPath(path);
    }
  }
  return std::nullopt;
}

std::optional<GuestPath> find_update_initramfs(const GuestView& guest) {
  constexpr std::array<std::string_view, 2> kPaths{"/usr/sbin/update-initramfs",
                                                   "/usr/sbin/mkinitramfs"};
  return first_file(guest, kPaths);
}

std::optional<GuestPath> find_dracut(const GuestView& guest) {
  constexpr std::array<std::string_view, 3> kPaths{"/usr/bin/dracut", "/usr/sbin/dracut",
                                                   "/sbin/dracut"};
  return first_file(guest, kPaths);
}

template <typename Use>
void for_each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    use(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
}

std::string_view trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) {
    return {};
  }
  return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

bool lists(const std::vector<std::string>& names, std::string_view module) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return module_name(name) == module_name(module);
  });
}

// Drivers that some kernel has as a module and none lacks: dracut calls a driver that it cannot
// find an error.
std::vector<std::string> drivers_to_configure(const GuestView& guest,
                                              const Inspection& inspection) {
  std::vector<std::string> names;
  for (const RequiredModule& module : required_modules()) {
    if (module.for_future_kernels) {
      names.emplace_back(module.name);
    }
  }
  std::vector<std::string> as_module;
  std::vector<std::string> lacking;
  for (const KernelImage& kernel : inspection.kernels) {
    if (!kernel.vmlinuz) {
      continue;
    }
    const ModuleIndex index =
        load_module_index(guest, kernel.modules_directory, IndexDetail::dependencies, names);
    for (const std::string& name : names) {
      if (index.find(name) != nullptr) {
        as_module.push_back(name);
      } else if (!index.is_builtin(name)) {
        lacking.push_back(name);
      }
    }
  }
  std::erase_if(names, [&](const std::string& name) {
    return !lists(as_module, name) || lists(lacking, name);
  });
  return names;
}

Edit edit_of(std::string_view path, const std::optional<std::string>& old, std::string content,
             const std::vector<std::string>& drivers, std::string_view tool) {
  const GuestPath file(path);
  const std::string reason =
      fmt::format("{} builds {} into every later initramfs", tool, fmt::join(drivers, " and "));
  if (old && content.starts_with(*old)) {
    return {std::string(kFix), reason,
            AppendFile{file, content.substr(old->size()), hash_content(*old)}};
  }
  return {
      std::string(kFix), reason,
      WriteFile{file, std::move(content), old ? std::optional(hash_content(*old)) : std::nullopt}};
}

std::optional<Edit> plan_initramfs_tools(const GuestView& guest,
                                         const std::vector<std::string>& drivers) {
  constexpr std::string_view kFile = "/etc/initramfs-tools/modules";
  const std::optional<std::string> old = guest.read(GuestPath(kFile));
  std::string text = with_listed_modules(old.value_or(""), drivers);
  if (old ? text == *old : text.empty()) {
    return std::nullopt;
  }
  return edit_of(kFile, old, std::move(text), drivers, "initramfs-tools");
}

// What other files of dracut's configuration ask for already.
std::vector<std::string> configured_elsewhere(const GuestView& guest) {
  std::vector<GuestPath> files{GuestPath("/etc/dracut.conf")};
  for (const std::string_view place : {"/etc/dracut.conf.d", "/usr/lib/dracut/dracut.conf.d"}) {
    for (const DirectoryEntry& entry : guest.list(GuestPath(place))) {
      if (entry.name.ends_with(".conf")) {
        files.push_back(GuestPath(place) / entry.name);
      }
    }
  }
  std::vector<std::string> drivers;
  for (const GuestPath& file : files) {
    if (file != GuestPath(kDracutFile)) {
      const std::vector<std::string> words = dracut_drivers(guest.read(file).value_or(""));
      drivers.insert(drivers.end(), words.begin(), words.end());
    }
  }
  return drivers;
}

std::optional<Edit> plan_dracut(const GuestView& guest, std::vector<std::string> drivers) {
  const std::vector<std::string> elsewhere = configured_elsewhere(guest);
  std::erase_if(drivers, [&](const std::string& driver) { return lists(elsewhere, driver); });
  const std::optional<std::string> old = guest.read(GuestPath(kDracutFile));
  // The spaces matter: dracut puts the texts of all files behind one another.
  std::string text = fmt::format(
      "# Drivers of EC2 Nitro instances, for every initramfs (rehost)\nadd_drivers+=\" {} \"\n",
      fmt::join(drivers, " "));
  if (drivers.empty() || old == text) {
    return std::nullopt;
  }
  return edit_of(kDracutFile, old, std::move(text), drivers, "dracut");
}

// The list is of what the root file system needs: a card's driver is loaded when the system runs.
std::optional<Edit> plan_mkinitrd(const GuestView& guest, Mkinitrd tool,
                                  std::vector<std::string> drivers) {
  std::erase_if(drivers, [](const std::string& driver) {
    return std::any_of(required_modules().begin(), required_modules().end(),
                       [&](const RequiredModule& module) {
                         return module.name == driver && module.need != ModuleNeed::initramfs;
                       });
  });
  const std::string_view file = mkinitrd_file(tool);
  const std::optional<std::string> old = guest.read(GuestPath(file));
  std::string text = with_mkinitrd_modules(tool, old.value_or(""), drivers);
  if (old ? text == *old : text.empty()) {
    return std::nullopt;
  }
  return edit_of(file, old, std::move(text), drivers, "mkinitrd");
}

}  // namespace

std::optional<std::vector<std::string>> rebuild_command(const GuestView& guest,
                                                        const KernelImage& kernel) {
  if (is_file(guest, GuestPath("/usr/sbin/update-initramfs"))) {
    return std::vector<std::string>{"update-initramfs", "-u", "-k", kernel.release};
  }
  const std::optional<GuestPath> dracut = find_dracut(guest);
  if (dracut && kernel.initramfs) {
    // The image and the release as words: --kver came later than dracut 004 of EL6.
    return std::vector<std::string>{dracut->str(), "-f", kernel.initramfs->str(), kernel.release};
  }
  const std::optional<Mkinitrd> mkinitrd = dracut ? std::nullopt : find_mkinitrd(guest);
  return mkinitrd ? mkinitrd_command(*mkinitrd, kernel) : std::nullopt;
}

std::string with_listed_modules(std::string_view text, const std::vector<std::string>& modules) {
  std::vector<std::string> listed;
  for_each_line(text, [&](std::string_view line) {
    const std::string_view words = trimmed(line.substr(0, line.find('#')));
    listed.emplace_back(words.substr(0, words.find_first_of(" \t")));
  });
  std::string result(text);
  for (const std::string& module : modules) {
    if (!lists(listed, module)) {
      result += result.empty() || result.back() == '\n' ? "" : "\n";
      result += module + "\n";
    }
  }
  return result;
}

std::vector<std::string> dracut_drivers(std::string_view text) {
  std::vector<std::string> drivers;
  for_each_line(text, [&](std::string_view line) {
    line = trimmed(line);
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos ||
        !(line.starts_with("add_drivers") || line.starts_with("force_drivers"))) {
      return;
    }
    std::string_view words = line.substr(equals + 1);
    constexpr std::string_view kBetween = " \t\"'";
    for (size_t at = words.find_first_not_of(kBetween);
         at != std::string_view::npos && words[at] != '#';) {
      const size_t end = std::min(words.find_first_of(kBetween, at), words.size());
      drivers.emplace_back(words.substr(at, end - at));
      at = words.find_first_not_of(kBetween, end);
    }
  });
  return drivers;
}

FixResult plan_initramfs_config(const GuestView& guest, const Inspection& inspection,
                                const Target& /*target*/) {
  const bool initramfs_tools = find_update_initramfs(guest).has_value();
  const bool dracut = find_dracut(guest).has_value();
  const std::optional<Mkinitrd> mkinitrd =
      initramfs_tools || dracut ? std::nullopt : find_mkinitrd(guest);
  FixResult result;
  if (!initramfs_tools && !dracut && !mkinitrd) {
    return result;
  }
  const std::vector<std::string> drivers = drivers_to_configure(guest, inspection);
  std::optional<Edit> edit = initramfs_tools ? plan_initramfs_tools(guest, drivers) : std::nullopt;
  if (edit) {
    result.edits.push_back(std::move(*edit));
  }
  edit = dracut     ? plan_dracut(guest, drivers)
         : mkinitrd ? plan_mkinitrd(guest, *mkinitrd, drivers)
                    : std::nullopt;
  if (edit) {
    result.edits.push_back(std::move(*edit));
  }
  return result;
}

}  // namespace rehost
