// What /lib/modules/RELEASE knows about its modules: dependencies, aliases, symbols, what is built
// in. Read from the modules.* files of a guest, or from the modules themselves, and written again
// for a part of them, .bin twins included.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "converter/core/guest.h"
#include "drivers/kernel_module.h"

namespace rehost {

struct ModuleRecord {
  std::string name;  // "nvme_core"
  std::string path;  // relative to the modules directory: "kernel/drivers/nvme/host/nvme-core.ko"
  std::vector<std::string> dependencies =
      {};                                  // names, the one to load first last, as in modules.dep
  std::vector<std::string> softdeps = {};  // "pre: crc32c post: foo"
  std::vector<std::string> aliases = {};
  std::vector<std::string> symbols = {};
  std::vector<std::string> devnames = {};  // "fuse c10:229"
  friend bool operator==(const ModuleRecord&, const ModuleRecord&) = default;
};

ModuleRecord record_of(const KernelModule& module, std::string_view path);

// An alias as the .bin files and lookups have it: "-" is "_", except within brackets, where it is a
// range.
std::string normal_alias(std::string_view alias);

// The texts of the files of the same names, empty when there is no such file.
struct ModuleIndexTexts {
  std::string dep;
  std::string alias;
  std::string symbols;
  std::string softdep;
  std::string devname;
  std::string builtin;
  std::string builtin_modinfo;  // "module.key=value", each ended by a NUL
};

class ModuleIndex {
 public:
  ModuleIndex() = default;
  explicit ModuleIndex(const ModuleIndexTexts& texts);

  // Modules in the order of modules.dep, which is the order of preference when an alias fits
  // several.
  const std::vector<ModuleRecord>& modules() const { return modules_; }
  const ModuleRecord* find(std::string_view name) const;  // "-" and "_" are the same
  bool is_builtin(std::string_view name) const;
  const std::set<std::string, std::less<>>& builtin_names() const { return builtin_; }
  const ModuleIndexTexts& builtin_texts() const {
    return builtin_texts_;
  }  // only `builtin` and `builtin_modinfo` are kept
  // What modules.builtin.modinfo says of a built-in module: ("nvme_core", "parmtype") ->
  // {"io_timeout:uint", ...}.
  std::vector<std::string> builtin_info(std::string_view module, std::string_view key) const;
  std::vector<std::pair<std::string, std::string>> builtin_aliases() const;  // module, alias

  void add(ModuleRecord record);  // behind the others, or in place of the one of the same name
  void set_builtin(std::string text, std::string modinfo);

  // The modules that a name or an alias without wildcards means; a soft dependency may name either.
  // Empty: none, or built in.
  std::vector<const ModuleRecord*> lookup(std::string_view name) const;
  // What to load for `names`, in order: soft dependencies and dependencies first, then the module,
  // then what it wants behind it. Built-in modules and soft dependencies that do not exist are left
  // out, and so are names not known.
  std::vector<const ModuleRecord*> closure(std::span<const std::string> names) const;
  std::vector<const ModuleRecord*> closure(std::string_view name) const;
  // Hard dependencies of a module, all of them, the one to load first last; without those that are
  // not in this index.
  std::vector<const ModuleRecord*> all_dependencies(const ModuleRecord& module) const;

 private:
  std::vector<ModuleRecord> modules_;
  std::map<std::string, size_t, std::less<>> by_name_;
  std::set<std::string, std::less<>> builtin_;
  ModuleIndexTexts builtin_texts_;
};

// How much to read. Aliases and symbols are megabytes; they are needed to follow soft dependencies
// and to write an index.
enum class IndexDetail { dependencies, all };

inline constexpr uint64_t kMaxIndexBytes = 64u << 20;  // of one file; ten times the usual

// The files as they are; empty texts for those that are not there.
ModuleIndexTexts read_index_texts(const GuestView& guest, const GuestPath& modules_directory,
                                  IndexDetail detail);

// Reads the index of a modules directory. When modules.dep is missing (depmod was never run) the
// files are searched and asked themselves, but only `wanted` and what they depend on.
ModuleIndex load_module_index(const GuestView& guest, const GuestPath& modules_directory,
                              IndexDetail detail, std::span<const std::string> wanted);

// A module file of the guest. nullopt when it is absent, or too damaged to be asked.
std::optional<KernelModule> read_kernel_module(const GuestView& guest, const GuestPath& path);

struct IndexFile {
  std::string name;  // "modules.dep.bin"
  std::string content;
};
// modules.dep, .alias, .softdep, .symbols and .devname of exactly these modules, with the .bin
// files of the first ones.
std::vector<IndexFile> index_files(const ModuleIndex& index);
// modules.builtin, .builtin.bin, and .builtin.modinfo with .builtin.alias.bin if there is one.
std::vector<IndexFile> builtin_index_files(const ModuleIndex& index);

}  // namespace rehost
