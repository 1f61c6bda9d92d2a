#include "drivers/initramfs_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "converter/core/error.h"
#include "drivers/copied_settings.h"

namespace rehost {
namespace {

// Modules that are in the image already, and which form they have there.
struct ModulesInside {
  std::string directory;                     // "lib/modules/6.1.0-10-amd64", links not followed
  std::map<std::string, std::string> paths;  // name -> path below that directory
  bool only_plain = false;                   // there are modules, and none is compressed
};

ModulesInside find_modules_inside(const Initramfs& initramfs, std::string_view release) {
  ModulesInside inside;
  const bool split =
      !initramfs.tree().is_directory("lib") && initramfs.tree().is_directory("usr/lib/modules");
  inside.directory = fmt::format("{}lib/modules/{}", split ? "usr/" : "", release);
  const std::optional<std::string> real = initramfs_modules_directory(initramfs, release);
  if (!real) {
    return inside;
  }
  inside.directory = *real;
  bool compressed = false;
  for (const std::string& file : initramfs.tree().files_below(*real)) {
    if (is_module_file(file)) {
      inside.paths.try_emplace(module_name(file), file.substr(real->size() + 1));
      compressed = compressed || !file.ends_with(".ko");
    }
  }
  inside.only_plain = !inside.paths.empty() && !compressed;
  // Of two files with one name the index of the image says which is used.
  if (const auto dep = initramfs.read(*real + "/modules.dep")) {
    ModuleIndexTexts texts;
    texts.dep = *dep;
    const ModuleIndex index(texts);
    for (auto& [name, path] : inside.paths) {
      const ModuleRecord* record = index.find(name);
      if (record != nullptr && initramfs.tree().is_file(*real + "/" + record->path)) {
        path = record->path;
      }
    }
  }
  return inside;
}

std::vector<std::string> lacking_modules(const KernelDrivers& drivers) {
  std::vector<std::string> names;
  for (const DriverState& state : drivers.states) {
    const bool lacks =
        state.place == DriverPlace::in_root || state.place == DriverPlace::cannot_tell;
    if (lacks || state.outdated()) {
      names.push_back(state.module);
    }
  }
  return names;
}

std::string without_module_ending(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return std::string(name.substr(0, name.find(".ko")));
}

// Builds the addition step by step: modules first, then the index of what is in the image with
// them, then the rest.
class Addition {
 public:
  Addition(const GuestView& guest, const KernelImage& kernel, const KernelDrivers& drivers)
      : guest_(guest),
        kernel_(kernel),
        initramfs_(*drivers.initramfs),
        wanted_(lacking_modules(drivers)),
        inside_(find_modules_inside(initramfs_, kernel.release)) {
    std::vector<std::string> names;
    for (const RequiredModule& module : required_modules()) {
      names.emplace_back(module.name);
    }
    index_ = load_module_index(guest, kernel.modules_directory, IndexDetail::all, names);
    for (const DriverState& state : drivers.states) {
      if (state.outdated()) {
        inside_.paths.erase(module_name(state.module));  // the index will name the newer one alone
      }
    }
  }

  InitramfsAddition plan() {
    add_modules();
    if (!wanted_.empty()) {
      add_index();
      add_builtin_index();
    }
    add_to_init();
    for (auto& [path, content] : stale_settings(guest_, initramfs_)) {
      add_file(path, std::move(content));
    }
    add_file(kInitramfsMarker, fmt::format("kernel {}\nmodules {}\n", kernel_.release,
                                           fmt::join(result_.modules, " ")));
    result_.entries = place_entries(initramfs_, result_.entries);
    return std::move(result_);
  }

 private:
  void add_file(std::string_view path, std::string content) {
    result_.entries.push_back(
        {.path = std::string(path), .mode = kRegularFile | 0644, .content = std::move(content)});
  }

  void add_modules() {
    for (const ModuleRecord* module : index_.closure(wanted_)) {
      if (inside_.paths.contains(module->name)) {
        continue;
      }
      std::optional<std::string> bytes =
          guest_.read(kernel_.modules_directory / module->path, kMaxModuleBytes);
      if (!bytes) {
        continue;  // a soft dependency: states() has seen that the hard ones are there
      }
      std::string path = module->path;
      // Where the image's own modules are unpacked, the libraries to unpack others may not be in
      // it.
      if (inside_.only_plain && is_module_file(path) && !path.ends_with(".ko")) {
        bytes = unpack_module(*bytes);
        path.resize(path.rfind(".ko") + 3);
      }
      add_file(inside_.directory + "/" + path, std::move(*bytes));
      result_.modules.push_back(without_module_ending(path));
      inside_.paths.emplace(module->name, path);
    }
  }

  // What the guest knows of the modules that are in the image; of others, what they say themselves.
  ModuleIndex index_of_image() const {
    ModuleIndex index;
    for (ModuleRecord record : index_.modules()) {
      const auto path = inside_.paths.find(record.name);
      if (path != inside_.paths.end()) {
        record.path = path->second;
        index.add(std::move(record));
      }
    }
    for (const auto& [name, path] : inside_.paths) {
      const auto bytes = initramfs_.read(inside_.directory + "/" + path);
      if (index.find(name) != nullptr || !bytes) {
        continue;
      }
      try {
        index.add(record_of(parse_kernel_module(*bytes), path));
      } catch (const Error&) {
        continue;  // depmod leaves out what it cannot read, too
      }
    }
    return index;
  }

  void add_index() {
    // With a part of the image unknown its modules are, too: then the index of the root file system
    // stands for them.
    const bool partly_known = initramfs_.unknown_contents().has_value();
    for (IndexFile& file : index_files(partly_known ? index_ : index_of_image())) {
      add_file(inside_.directory + "/" + file.name, std::move(file.content));
    }
  }

  // kmod opens these too. An image that had no modules so far may lack them.
  void add_builtin_index() {
    if (index_.builtin_texts().builtin.empty()) {
      return;
    }
    for (IndexFile& file : builtin_index_files(index_)) {
      std::string path = inside_.directory + "/" + file.name;
      if (!initramfs_.tree().is_file(path)) {
        add_file(path, std::move(file.content));
      }
    }
  }

  // udev loads the drivers by alias. Naming them as well costs a line and helps where it does not
  // run.
  void add_to_init() {
    std::vector<std::string> names;
    for (const RequiredModule& module : required_modules()) {
      const bool wanted = std::find(wanted_.begin(), wanted_.end(), module.name) != wanted_.end();
      if (wanted && module.need != ModuleNeed::optional) {
        names.emplace_back(module.name);
      }
    }
    if (names.empty()) {
      return;
    }
    const std::string lines = fmt::format("{}\n", fmt::join(names, "\n"));
    if (const auto list = initramfs_.read("conf/modules")) {  // initramfs-tools
      std::string text(*list);
      text += text.empty() || text.back() == '\n' ? "" : "\n";
      add_file("conf/modules", text + lines);
    } else if (initramfs_.tree().is_directory("usr/lib/systemd")) {  // dracut with systemd
      add_file("usr/lib/modules-load.d/rehost.conf", lines);
    }
  }

  const GuestView& guest_;
  const KernelImage& kernel_;
  const Initramfs& initramfs_;
  std::vector<std::string> wanted_;
  ModulesInside inside_;
  ModuleIndex index_;
  InitramfsAddition result_;
};

// The last RESUME= line, as initramfs-tools' init finds it by sourcing the file.
std::string_view resume_line(std::string_view text) {
  std::string_view found;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    found = line.starts_with("RESUME=") ? line : found;
    at = end + 1;
  }
  return found;
}

struct StrategyRow {
  InitramfsStrategy strategy;
  std::string_view done;   // "repacked"
  std::string_view works;  // why, when it is the first that is possible
};

// In the order of preference. Repacked images are what lsinitramfs and AWS's own checker can look
// into; the guest's own tool takes ten times as long and is code of the guest.
constexpr std::array<StrategyRow, 3> kStrategies{{
    {InitramfsStrategy::repack, "repacked", "every part of it can be read and written again"},
    {InitramfsStrategy::append, "appended to",
     "its main archive cannot be read, but more can follow it"},
    {InitramfsStrategy::rebuild, "rebuilt by the guest's own tool", "nothing can be added to it"},
}};

std::optional<std::string> obstacle_to(InitramfsStrategy strategy, const Initramfs* initramfs) {
  if (strategy == InitramfsStrategy::rebuild) {
    return std::nullopt;
  }
  if (initramfs == nullptr) {
    return "it is larger than any initramfs";
  }
  if (!loads_modules_by_alias(*initramfs)) {
    return "its init loads only the modules that it was built with";
  }
  return strategy == InitramfsStrategy::repack ? repack_obstacle(*initramfs)
                                               : append_obstacle(*initramfs);
}

}  // namespace

std::map<std::string, std::string> stale_settings(const GuestView& guest,
                                                  const Initramfs& initramfs) {
  std::map<std::string, std::string> stale;
  // mkinitramfs(8) copies initramfs.conf and the directory conf.d.
  constexpr std::string_view kSettings = "conf/";
  std::vector<std::string> paths = initramfs.tree().files_below("conf/conf.d");
  paths.emplace_back("conf/initramfs.conf");
  for (const std::string& path : paths) {
    const std::optional<std::string_view> inside = initramfs.read(path);
    const std::optional<std::string> outside =
        guest.read(GuestPath("/etc/initramfs-tools") / path.substr(kSettings.size()));
    if (inside && outside && resume_line(*inside) != resume_line(*outside)) {
      stale[path] = *outside;
    }
  }
  stale.merge(stale_copies(guest, initramfs));
  return stale;
}

InitramfsAddition plan_addition(const GuestView& guest, const KernelImage& kernel,
                                const KernelDrivers& drivers) {
  return Addition(guest, kernel, drivers).plan();
}

StrategyChoice choose_strategy(const Initramfs* initramfs, std::optional<InitramfsStrategy> asked) {
  std::string refused;
  if (asked) {
    const StrategyRow& row = kStrategies.at(static_cast<size_t>(*asked));
    const std::optional<std::string> obstacle = obstacle_to(*asked, initramfs);
    if (!obstacle) {
      return {*asked, fmt::format("{}, as asked", row.done)};
    }
    refused = fmt::format("{} was asked for, but {}; ", to_string(*asked), *obstacle);
  }
  std::optional<std::string> obstacle;
  for (const StrategyRow& row : kStrategies) {
    std::optional<std::string> next = obstacle_to(row.strategy, initramfs);
    if (!next) {
      const std::string why = obstacle && refused.empty() ? *obstacle : std::string(row.works);
      return {row.strategy, fmt::format("{}{}, because {}", refused, row.done, why)};
    }
    obstacle = std::move(next);
  }
  throw Error(ErrorKind::internal, "no way to change an initramfs");
}

}  // namespace rehost
