// The files of module_index.h: reading them from a guest, searching the modules themselves when
// there are none, writing them.
#include <algorithm>
#include <array>
#include <deque>
#include <optional>

#include "converter/core/error.h"
#include "drivers/module_index.h"
#include "drivers/module_index_bin.h"

namespace rehost {
namespace {

constexpr size_t kMaxDirectories = 20000;  // a kernel of a large distribution has a thousand

std::string read_or_empty(const GuestView& guest, const GuestPath& path) {
  return guest.read(path, kMaxIndexBytes).value_or("");
}

// Of modules with one name depmod prefers the one that was installed to replace the kernel's own.
int preference(std::string_view path) {
  constexpr std::array<std::string_view, 4> kOrder{"updates/", "extra/", "kernel/",
                                                   "weak-updates/"};
  const auto found = std::find_if(kOrder.begin(), kOrder.end(), [&](std::string_view directory) {
    return path.starts_with(directory);
  });
  return static_cast<int>(found - kOrder.begin());
}

// Name -> path of every module file below the directory. Linked directories (build, source) are not
// entered.
std::map<std::string, std::string> find_module_files(const GuestView& guest,
                                                     const GuestPath& directory) {
  std::map<std::string, std::string> files;
  std::deque<std::string> todo{""};
  for (size_t visited = 0; !todo.empty() && visited < kMaxDirectories; ++visited) {
    const std::string relative = std::move(todo.front());
    todo.pop_front();
    for (const DirectoryEntry& entry :
         guest.list(relative.empty() ? directory : directory / relative)) {
      std::string path = relative.empty() ? entry.name : relative + "/" + entry.name;
      if (entry.stat.type == FileType::directory ||
          (path == "kernel" && is_directory(guest, directory / path))) {
        todo.push_back(std::move(path));
      } else if (is_module_file(path)) {
        const auto [place, is_new] = files.try_emplace(module_name(path), path);
        if (!is_new && preference(path) < preference(place->second)) {
          place->second = path;
        }
      }
    }
  }
  return files;
}

void add_from_files(ModuleIndex& index, const GuestView& guest, const GuestPath& directory,
                    std::span<const std::string> wanted) {
  const std::map<std::string, std::string> files = find_module_files(guest, directory);
  std::deque<std::string> todo(wanted.begin(), wanted.end());
  while (!todo.empty()) {
    const std::string name = module_name(todo.front());
    todo.pop_front();
    const auto file = files.find(name);
    if (file == files.end() || index.find(name) != nullptr || index.is_builtin(name)) {
      continue;
    }
    const std::optional<KernelModule> module = read_kernel_module(guest, directory / file->second);
    if (!module) {
      continue;
    }
    todo.insert(todo.end(), module->depends.begin(), module->depends.end());
    for (const std::string& softdep : module->softdeps) {
      for (size_t at = 0; at < softdep.size();) {
        const size_t end = std::min(softdep.find(' ', at), softdep.size());
        todo.push_back(softdep.substr(at, end - at));
        at = end + 1;
      }
    }
    index.add(record_of(*module, file->second));
  }
}

struct IndexTextsAndBins {
  std::string dep;
  std::string alias = "# Aliases extracted from modules themselves.\n";
  std::string softdep = "# Soft dependencies extracted from modules themselves.\n";
  std::string symbols = "# Aliases for symbols, used by symbol_request().\n";
  std::string devname = "# Device nodes to trigger on-demand module loading.\n";
  std::vector<BinEntry> dep_bin;
  std::vector<BinEntry> alias_bin;
  std::vector<BinEntry> symbols_bin;
};

void describe_module(IndexTextsAndBins& files, const ModuleIndex& index, const ModuleRecord& module,
                     uint32_t priority) {
  std::string line = module.path + ":";
  for (const ModuleRecord* dependency : index.all_dependencies(module)) {
    line += " " + dependency->path;
  }
  files.dep += line + "\n";
  files.dep_bin.push_back({module.name, line, priority});
  for (const std::string& alias : module.aliases) {
    files.alias += "alias " + alias + " " + module.name + "\n";
    files.alias_bin.push_back({normal_alias(alias), module.name, priority});
  }
  for (const std::string& softdep : module.softdeps) {
    files.softdep += "softdep " + module.name + " " + softdep + "\n";
  }
  for (const std::string& symbol : module.symbols) {
    files.symbols += "alias symbol:" + symbol + " " + module.name + "\n";
    files.symbols_bin.push_back({"symbol:" + symbol, module.name, priority});
  }
  for (const std::string& devname : module.devnames) {
    files.devname += module.name + " " + devname + "\n";
  }
}

}  // namespace

ModuleIndexTexts read_index_texts(const GuestView& guest, const GuestPath& modules_directory,
                                  IndexDetail detail) {
  const auto text = [&](std::string_view name) {
    return read_or_empty(guest, modules_directory / name);
  };
  const bool all = detail == IndexDetail::all;
  return {.dep = text("modules.dep"),
          .alias = all ? text("modules.alias") : "",
          .symbols = all ? text("modules.symbols") : "",
          .softdep = text("modules.softdep"),
          .devname = all ? text("modules.devname") : "",
          .builtin = text("modules.builtin"),
          .builtin_modinfo = text("modules.builtin.modinfo")};
}

ModuleIndex load_module_index(const GuestView& guest, const GuestPath& modules_directory,
                              IndexDetail detail, std::span<const std::string> wanted) {
  ModuleIndex index(read_index_texts(guest, modules_directory, detail));
  if (index.modules().empty() && !is_file(guest, modules_directory / "modules.dep")) {
    add_from_files(index, guest, modules_directory, wanted);
  }
  return index;
}

std::optional<KernelModule> read_kernel_module(const GuestView& guest, const GuestPath& path) {
  try {
    const std::optional<std::string> bytes = guest.read(path, kMaxModuleBytes);
    return bytes ? std::optional(parse_kernel_module(*bytes)) : std::nullopt;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::guest_damaged) {
      throw;
    }
    return std::nullopt;
  }
}

std::vector<IndexFile> index_files(const ModuleIndex& index) {
  IndexTextsAndBins files;
  uint32_t priority = 0;
  for (const ModuleRecord& module : index.modules()) {
    describe_module(files, index, module, priority++);
  }
  return {{"modules.dep", std::move(files.dep)},
          {"modules.dep.bin", write_index_bin(std::move(files.dep_bin))},
          {"modules.alias", std::move(files.alias)},
          {"modules.alias.bin", write_index_bin(std::move(files.alias_bin))},
          {"modules.softdep", std::move(files.softdep)},
          {"modules.symbols", std::move(files.symbols)},
          {"modules.symbols.bin", write_index_bin(std::move(files.symbols_bin))},
          {"modules.devname", std::move(files.devname)}};
}

std::vector<IndexFile> builtin_index_files(const ModuleIndex& index) {
  const ModuleIndexTexts& texts = index.builtin_texts();
  std::vector<BinEntry> names;
  std::vector<BinEntry> aliases;
  for (const std::string& name : index.builtin_names()) {
    names.push_back({name, "", 0});
  }
  // Some that can only be built in (debugfs) have aliases and are not in modules.builtin.
  for (const auto& [name, alias] : index.builtin_aliases()) {
    aliases.push_back({normal_alias(alias), name, 0});
  }
  std::vector<IndexFile> files{{"modules.builtin", texts.builtin},
                               {"modules.builtin.bin", write_index_bin(std::move(names))}};
  if (!texts.builtin_modinfo.empty()) {
    files.push_back({"modules.builtin.modinfo", texts.builtin_modinfo});
    files.push_back({"modules.builtin.alias.bin", write_index_bin(std::move(aliases))});
  }
  return files;
}

}  // namespace rehost
