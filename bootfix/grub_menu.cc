#include "bootfix/grub_menu.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace rehost {
namespace {

// Menus are small. A file that is not must not keep us busy for hours.
constexpr int kMaxDepth = 16;
constexpr size_t kMaxEntries = 1000;

bool is_kernel_command(std::string_view name) {
  return name == "linux" || name == "linux16" || name == "linuxefi";
}

bool is_initrd_command(std::string_view name) {
  return name == "initrd" || name == "initrd16" || name == "initrdefi";
}

// 20_linux_xen: `multiboot2 /boot/xen.gz`, then the kernel of dom0 and its initrds, each a module.
bool is_hypervisor_command(std::string_view name) {
  return name == "multiboot" || name == "multiboot2" || name == "xen_hypervisor";
}

bool is_module_command(std::string_view name) {
  return name == "module" || name == "module2" || name == "xen_module";
}

// The first word that is no option: `module2 --nounzip /boot/initrd.img`.
size_t first_path(const ScriptCommand& command) {
  size_t i = 1;
  while (i < command.words.size() && command.words[i].text.starts_with("--")) {
    ++i;
  }
  return i;
}

// A menuentry or a submenu.
struct MenuItem {
  std::string title;
  std::string id;
  bool is_submenu = false;
  size_t block = 0;
};

std::optional<MenuItem> menu_item(const GrubScript& script, size_t block) {
  const std::optional<size_t> opener = script.blocks[block].opener;
  if (!opener) {
    return std::nullopt;
  }
  const std::vector<ScriptWord>& words = script.commands[*opener].words;
  const bool submenu = words.front().text == "submenu";
  if (!submenu && words.front().text != "menuentry") {
    return std::nullopt;
  }
  MenuItem item{.title = "", .id = "", .is_submenu = submenu, .block = block};
  bool titled = false;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i].text;
    const bool id =
        word == "--id" || word == "$menuentry_id_option" || word == "${menuentry_id_option}";
    if (id || word == "--class" || word == "--users" || word == "--hotkey" || word == "--source") {
      ++i;
      if (id && i < words.size()) {
        item.id = words[i].text;
      }
    } else if (word.starts_with("--id=")) {
      item.id = word.substr(5);
    } else if (!word.starts_with("--") && !titled) {
      item.title = word;
      titled = true;
    }
  }
  return item;
}

// The menu item that a command belongs to: the innermost around it.
std::optional<MenuItem> item_around(const GrubScript& script, std::optional<size_t> block) {
  for (int depth = 0; block && depth < kMaxDepth; ++depth) {
    if (std::optional<MenuItem> item = menu_item(script, *block)) {
      return item;
    }
    block = script.blocks[*block].parent;
  }
  return std::nullopt;
}

// One step of a path through menus. An id with a variable in it is known to GRUB only.
std::string step_of(const MenuItem& item) {
  const std::string& name =
      item.id.empty() || item.id.find('$') != std::string::npos ? item.title : item.id;
  std::string step;
  for (const char c : name) {
    step += c;
    step += c == '>' ? ">" : "";
  }
  return step;
}

// grubby copies an entry with its id. GRUB finds the first of them by it; the others go by title.
class KnownIds {
 public:
  // The item without an id that an earlier one of the same menu has.
  MenuItem telling(const GrubScript& script, MenuItem item) {
    const auto [first, is_new] =
        first_.try_emplace({script.blocks[item.block].parent, item.id}, item.block);
    if (!is_new && first->second != item.block) {
      item.id.clear();
    }
    return item;
  }

 private:
  std::map<std::pair<std::optional<size_t>, std::string>, size_t> first_;
};

BootEntry entry_of(const GrubScript& script, const MenuItem& item) {
  BootEntry entry;
  entry.title = item.title;
  entry.id = item.id;
  entry.default_name = step_of(item);
  auto outer = item_around(script, script.blocks[item.block].parent);
  for (int depth = 0; outer && depth < kMaxDepth; ++depth) {
    entry.submenus.insert(entry.submenus.begin(), outer->title);
    entry.default_name = step_of(*outer) + ">" + entry.default_name;
    outer = item_around(script, script.blocks[outer->block].parent);
  }
  return entry;
}

// The items of one menu, in order. nullopt: the main menu.
std::vector<MenuItem> items_in(const GrubScript& script, std::optional<size_t> menu) {
  std::vector<MenuItem> items;
  for (size_t block = 0; block < script.blocks.size(); ++block) {
    std::optional<MenuItem> item = menu_item(script, block);
    // SUSE's 00_header writes a menu that is shown only when a snapshot is booted.
    if (!item || (item->is_submenu && item->title.find("$snapshot_num") != std::string::npos)) {
      continue;
    }
    const auto around = item_around(script, script.blocks[block].parent);
    if ((around ? std::optional(around->block) : std::nullopt) == menu) {
      items.push_back(std::move(*item));
    }
  }
  return items;
}

// "1>2", "gnulinux-advanced-x>gnulinux-6.1-advanced-x": split at ">", where ">>" is a ">" of a
// title.
std::vector<std::string> split_menu_path(std::string_view path) {
  std::vector<std::string> parts(1);
  for (size_t at = 0; at < path.size(); ++at) {
    if (path[at] != '>') {
      parts.back() += path[at];
    } else if (path.substr(at, 2) == ">>") {
      parts.back() += '>';
      ++at;
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

const MenuItem* chosen_item(const std::vector<MenuItem>& items, const std::string& name) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size()) {
    return number < items.size() ? &items[number] : nullptr;
  }
  for (const MenuItem& item : items) {
    if (name == item.title || (!item.id.empty() && name == item.id)) {
      return &item;
    }
  }
  return nullptr;
}

// The block of the entry that `setting` means, following it into submenus.
std::optional<size_t> default_block(const GrubScript& script, const std::string& setting) {
  std::optional<size_t> menu;
  int depth = 0;
  for (const std::string& part : split_menu_path(setting)) {
    if (++depth > kMaxDepth) {
      return std::nullopt;
    }
    const std::vector<MenuItem> items = items_in(script, menu);
    const MenuItem* item = chosen_item(items, part);
    if (item == nullptr && !menu && !items.empty()) {
      item = &items.front();  // GRUB falls back on the first entry
    }
    if (item == nullptr) {
      return std::nullopt;
    }
    menu = item->block;
    if (!item->is_submenu) {
      return menu;
    }
  }
  // A submenu by itself: its first entry.
  const std::vector<MenuItem> items = items_in(script, menu);
  return items.empty() ? std::nullopt : std::optional(items.front().block);
}

// An old title from before there were submenus: 10_linux writes a correction for it, which finds it
// anywhere.
std::optional<size_t> line_with_title(const std::vector<GrubKernelLine>& lines,
                                      const std::string& title) {
  const auto found = std::find_if(lines.begin(), lines.end(), [&](const GrubKernelLine& line) {
    return line.entry.title == title || (!line.entry.id.empty() && line.entry.id == title);
  });
  if (found == lines.end()) {
    return std::nullopt;
  }
  return static_cast<size_t>(found - lines.begin());
}

}  // namespace

std::vector<GrubKernelLine> kernel_lines(std::string_view text, const GrubScript& script) {
  std::vector<GrubKernelLine> lines;
  KnownIds known;
  std::optional<size_t> hypervisor;  // the block of the entry that has started one
  size_t counted = 0;
  int number = 1;
  for (const ScriptCommand& command : script.commands) {
    const std::string& name = command.words.front().text;
    const bool starts_hypervisor = is_hypervisor_command(name);
    const bool module = is_module_command(name);
    if (!is_kernel_command(name) && !is_initrd_command(name) && !module && !starts_hypervisor) {
      continue;
    }
    auto item = item_around(script, command.block);
    if (!item || item->is_submenu || lines.size() >= kMaxEntries) {
      continue;
    }
    hypervisor = starts_hypervisor ? std::optional(item->block) : hypervisor;
    const bool same_entry = !lines.empty() && lines.back().block == item->block;
    const bool dom0 = module && hypervisor == item->block && !same_entry;
    const size_t path = first_path(command);
    if ((is_kernel_command(name) || dom0) && command.words.size() > path) {
      number += static_cast<int>(
          std::count(text.begin() + static_cast<std::ptrdiff_t>(counted),
                     text.begin() + static_cast<std::ptrdiff_t>(command.begin()), '\n'));
      counted = command.begin();
      GrubKernelLine line{.block = item->block,
                          .line = number,
                          .arguments_begin = command.words[path].end,
                          .arguments_end = command.end(),
                          .entry = entry_of(script, known.telling(script, *item))};
      line.entry.kernel = command.words[path].text;
      line.entry.arguments =
          text.substr(line.arguments_begin, line.arguments_end - line.arguments_begin);
      line.entry.under_xen = dom0;
      lines.push_back(std::move(line));
    } else if ((is_initrd_command(name) || module) && same_entry) {
      for (size_t i = path; i < command.words.size(); ++i) {
        lines.back().entry.initrds.push_back(command.words[i].text);
      }
    }
  }
  return lines;
}

std::vector<const ScriptCommand*> default_assignments(const GrubScript& script) {
  std::vector<const ScriptCommand*> assignments;
  // 08_fallback_counting of Fedora: `set default=1` when all starts have failed.
  bool counts_failures = false;
  for (const ScriptCommand& command : script.commands) {
    if (command.words.front().text == "[") {
      counts_failures =
          std::any_of(command.words.begin(), command.words.end(), [](const ScriptWord& word) {
            return word.text.find("boot_counter") != std::string::npos;
          });
    }
    if (command.words.front().text == "set" && command.words.size() > 1 && !counts_failures &&
        command.words[1].text.starts_with("default=") &&
        command.words[1].text.find("next_entry") == std::string::npos) {
      assignments.push_back(&command);
    }
  }
  return assignments;
}

std::string default_setting(const GrubScript& script,
                            const std::map<std::string, std::string>& environment) {
  const std::vector<const ScriptCommand*> assignments = default_assignments(script);
  std::string setting = assignments.empty() ? "0" : assignments.back()->words[1].text.substr(8);
  if (setting == "${saved_entry}" || setting == "$saved_entry") {
    const auto saved = environment.find("saved_entry");
    setting = saved == environment.end() ? "" : saved->second;
  }
  return setting.empty() ? "0" : setting;
}

size_t main_menu_items_before(const GrubScript& script, size_t place) {
  const std::vector<MenuItem> items = items_in(script, std::nullopt);
  return static_cast<size_t>(std::count_if(items.begin(), items.end(), [&](const MenuItem& item) {
    return script.commands[*script.blocks[item.block].opener].begin() < place;
  }));
}

bool is_main_menu_item(const GrubScript& script, const std::string& name) {
  return chosen_item(items_in(script, std::nullopt), name) != nullptr;
}

std::optional<size_t> default_kernel_line(const GrubScript& script,
                                          const std::vector<GrubKernelLine>& lines,
                                          const std::string& setting) {
  if (!is_main_menu_item(script, split_menu_path(setting).front())) {
    if (const std::optional<size_t> line = line_with_title(lines, setting)) {
      return line;
    }
  }
  const std::optional<size_t> block = default_block(script, setting);
  for (size_t i = 0; block && i < lines.size(); ++i) {
    if (lines[i].block == *block) {
      return i;
    }
  }
  return std::nullopt;
}

std::optional<size_t> menuentry_around(const GrubScript& script, const ScriptCommand& command) {
  const std::optional<MenuItem> item = item_around(script, command.block);
  return item && !item->is_submenu ? std::optional(item->block) : std::nullopt;
}

}  // namespace rehost
