#include "drivers/required_modules.h"

#include <algorithm>
#include <array>
#include <set>

#include "converter/core/error.h"
#include "converter/core/pe_image.h"
#include "drivers/module_index_bin.h"

namespace rehost {
namespace {

// To add a driver, add a row.
constexpr std::array<RequiredModule, 4> kRequiredModules{{
    {"nvme", ModuleNeed::initramfs, true, "CONFIG_BLK_DEV_NVME", "the disks of a Nitro instance"},
    {"ena", ModuleNeed::root, true, "CONFIG_ENA_ETHERNET", "the network of a Nitro instance"},
    {"xen-blkfront", ModuleNeed::optional, false, "CONFIG_XEN_BLKDEV_FRONTEND",
     "the disks of a Xen instance"},
    {"xen-netfront", ModuleNeed::optional, false, "CONFIG_XEN_NETDEV_FRONTEND",
     "the network of a Xen instance"},
}};

bool is_in_list(std::string_view text, const std::string& line) {
  const size_t at = text.find(line);
  return at != std::string_view::npos && (at == 0 || text[at - 1] == '\n');
}

// Answers for one kernel; asks the guest about each file once.
class RootModules {
 public:
  RootModules(const GuestView& guest, const KernelImage& kernel, const ModuleIndex& index)
      : guest_(guest), kernel_(kernel), index_(index) {
    // Kernels before 2.6.33 have no list of what is built in.
    if (index.builtin_names().empty()) {
      config_ = guest.read(GuestPath("/boot") / ("config-" + kernel.release)).value_or("");
    }
  }

  bool is_builtin(const RequiredModule& module) const {
    return index_.is_builtin(module.name) ||
           is_in_list(config_, std::string(module.config_symbol) + "=y\n");
  }

  bool is_loadable(std::string_view name) {
    const ModuleRecord* module = index_.find(name);
    if (module == nullptr || !exists(*module)) {
      return false;
    }
    const std::vector<const ModuleRecord*> needed = index_.all_dependencies(*module);
    return std::all_of(needed.begin(), needed.end(),
                       [&](const ModuleRecord* dependency) { return exists(*dependency); });
  }

  // Of the module that is_loadable, or of the one that is built in.
  std::string version(std::string_view name) const {
    const ModuleRecord* module = index_.find(name);
    if (module == nullptr) {
      const std::vector<std::string> info = index_.builtin_info(name, "version");
      return info.empty() ? "" : info.front();
    }
    const auto file = read_kernel_module(guest_, kernel_.modules_directory / module->path);
    return file ? file->version : "";
  }

 private:
  bool exists(const ModuleRecord& module) {
    const auto [place, is_new] = known_.try_emplace(module.path, false);
    if (is_new) {
      const GuestPath path = kernel_.modules_directory / module.path;
      const std::optional<FileStat> stat = guest_.stat(path);
      place->second = stat && (stat->type == FileType::regular ||
                               (stat->type == FileType::symlink && is_file(guest_, path)));
    }
    return place->second;
  }

  const GuestView& guest_;
  const KernelImage& kernel_;
  const ModuleIndex& index_;
  std::string config_;
  std::map<std::string, bool> known_;
};

// What the tools inside the initramfs know: modules.dep.bin for kmod and udev, modules.dep for
// busybox and module-init-tools before 3.3.
ModuleIndex index_inside(const Initramfs& initramfs, const std::string& directory) {
  ModuleIndexTexts texts;
  if (const auto bin = initramfs.read(directory + "/modules.dep.bin")) {
    try {
      for (const BinEntry& entry : read_index_bin(*bin)) {
        texts.dep += entry.value + "\n";
      }
    } catch (const Error&) {
      texts.dep.clear();  // kmod cannot use it either
    }
  } else if (const auto text = initramfs.read(directory + "/modules.dep")) {
    texts.dep = *text;
  }
  return ModuleIndex(texts);
}

class InitramfsModules {
 public:
  InitramfsModules(const Initramfs& initramfs, std::string_view release) : initramfs_(initramfs) {
    if (!loads_modules_by_alias(initramfs)) {
      for (const std::string& file : initramfs.tree().files_below("lib")) {
        if (is_module_file(file)) {
          loaded_by_script_.insert(module_name(file));
        }
      }
    } else if (auto directory = initramfs_modules_directory(initramfs, release)) {
      directory_ = std::move(*directory);
      index_ = index_inside(initramfs, directory_);
    }
  }

  // `root` is the index of the root file system, which knows of dependencies that the one inside
  // may have lost.
  bool has(std::string_view name, const ModuleIndex& root) const {
    if (loaded_by_script_.contains(module_name(name))) {
      return true;
    }
    if (!is_there(name)) {
      return false;
    }
    const ModuleRecord* module = root.find(name);
    const std::vector<const ModuleRecord*> needed =
        module != nullptr ? root.all_dependencies(*module)
                          : index_.all_dependencies(*index_.find(name));
    return std::all_of(needed.begin(), needed.end(), [&](const ModuleRecord* dependency) {
      return root.is_builtin(dependency->name) || is_there(dependency->name);
    });
  }

  std::string version(std::string_view name) const {
    const ModuleRecord* module = index_.find(name);
    const auto bytes =
        module == nullptr ? std::nullopt : initramfs_.read(directory_ + "/" + module->path);
    try {
      return bytes ? parse_kernel_module(*bytes).version : "";
    } catch (const Error&) {
      return "";  // damaged: no kernel loads it, and no version speaks against it
    }
  }

 private:
  bool is_there(std::string_view name) const {
    const ModuleRecord* module = index_.find(name);
    return module != nullptr && initramfs_.tree().is_file(directory_ + "/" + module->path);
  }

  const Initramfs& initramfs_;
  std::string directory_;
  ModuleIndex index_;
  std::set<std::string> loaded_by_script_;
};

DriverPlace place_of(bool built_in, bool in_initramfs, bool in_root, bool is_fully_read) {
  if (built_in) {
    return DriverPlace::built_in;
  }
  if (in_initramfs) {
    return DriverPlace::in_initramfs;
  }
  if (!in_root) {
    return DriverPlace::missing;
  }
  return is_fully_read ? DriverPlace::in_root : DriverPlace::cannot_tell;
}

void read_initramfs(KernelDrivers& drivers, const GuestView& guest, const KernelImage& kernel) {
  if (!kernel.initramfs) {
    return;
  }
  drivers.unified = is_unified_kernel(guest, *kernel.initramfs);
  if (drivers.unified) {
    std::optional<std::string> image =
        read_pe_section(guest, *kernel.initramfs, ".initrd", kMaxInitramfsBytes);
    if (image) {
      drivers.initramfs.emplace(std::move(*image));
      drivers.unreadable = drivers.initramfs->unknown_contents();
    }
    return;
  }
  const std::optional<FileStat> stat = stat_target(guest, *kernel.initramfs);
  if (stat && stat->size > kMaxInitramfsBytes) {
    drivers.unreadable = "it is larger than any initramfs";
    return;
  }
  std::optional<std::string> image = guest.read(*kernel.initramfs, kMaxInitramfsBytes);
  if (image) {
    drivers.initramfs.emplace(std::move(*image));
    drivers.unreadable = drivers.initramfs->unknown_contents();
  }
}

ModuleIndex index_of_root(const GuestView& guest, const KernelImage& kernel) {
  std::vector<std::string> names;
  for (const RequiredModule& module : required_modules()) {
    names.emplace_back(module.name);
  }
  return load_module_index(guest, kernel.modules_directory, IndexDetail::dependencies, names);
}

void find_states(KernelDrivers& drivers, const GuestView& guest, const KernelImage& kernel) {
  RootModules root(guest, kernel, drivers.index);
  std::optional<InitramfsModules> inside;
  if (drivers.initramfs) {
    inside.emplace(*drivers.initramfs, kernel.release);
  }
  for (const RequiredModule& module : required_modules()) {
    DriverState state{.module = std::string(module.name), .need = module.need};
    state.in_root = root.is_loadable(module.name);
    state.place =
        place_of(root.is_builtin(module), inside && inside->has(module.name, drivers.index),
                 state.in_root, !drivers.unreadable);
    const auto reach = [&](const std::string& version) {
      return nitro_reach(module.name, version, kernel.release);
    };
    if (has_nitro_limits(module.name) && state.place != DriverPlace::missing) {
      state.root_reach = reach(root.version(module.name));
      state.reach = state.place == DriverPlace::in_initramfs ? reach(inside->version(module.name))
                                                             : state.root_reach;
    }
    drivers.states.push_back(std::move(state));
  }
}

}  // namespace

std::span<const RequiredModule> required_modules() {
  return kRequiredModules;
}

std::string_view to_string(DriverPlace place) {
  switch (place) {
    case DriverPlace::built_in:
      return "built in";
    case DriverPlace::in_initramfs:
      return "in the initramfs";
    case DriverPlace::in_root:
      return "in the root file system";
    case DriverPlace::missing:
      return "missing";
    case DriverPlace::cannot_tell:
      return "cannot tell";
  }
  return "";
}

std::vector<DriverState> driver_states(const GuestView& guest, const Inspection& /*inspection*/,
                                       const KernelImage& kernel) {
  return read_kernel_drivers(guest, kernel).states;
}

std::vector<std::string> lacking_drivers(const GuestView& guest, const KernelImage& kernel) {
  std::vector<std::string> lacking;
  for (const DriverState& state : read_root_drivers(guest, kernel).states) {
    if (state.need != ModuleNeed::optional && state.place == DriverPlace::missing) {
      lacking.push_back(state.module);
    }
  }
  return lacking;
}

KernelDrivers read_root_drivers(const GuestView& guest, const KernelImage& kernel) {
  KernelDrivers drivers;
  drivers.index = index_of_root(guest, kernel);
  find_states(drivers, guest, kernel);
  return drivers;
}

KernelDrivers read_kernel_drivers(const GuestView& guest, const KernelImage& kernel) {
  KernelDrivers drivers;
  drivers.index = index_of_root(guest, kernel);
  read_initramfs(drivers, guest, kernel);
  find_states(drivers, guest, kernel);
  return drivers;
}

std::optional<std::string> initramfs_modules_directory(const Initramfs& initramfs,
                                                       std::string_view release) {
  for (const std::string_view place : {"lib/modules/", "usr/lib/modules/"}) {
    const std::string path = std::string(place) + std::string(release);
    if (initramfs.tree().is_directory(path)) {
      return initramfs.tree().resolve(path);
    }
  }
  return std::nullopt;
}

bool loads_modules_by_alias(const Initramfs& initramfs) {
  // mkinitrd of EL5 (an interpreter of its own, with a list of insmod lines) and of SLES 11.
  return !initramfs.tree().is_file("bin/nash") && !initramfs.tree().is_file("run_all.sh");
}

}  // namespace rehost
