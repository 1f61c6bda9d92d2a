#include "drivers/driver_bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "converter/core/error.h"

namespace rehost {
namespace {

constexpr size_t kMostFilesToAsk = 16;
constexpr std::string_view kRefused = "driver-bundle-refused";

const DriverState& state_of(const KernelDrivers& drivers, std::string_view module) {
  return *std::find_if(drivers.states.begin(), drivers.states.end(),
                       [&](const DriverState& state) { return state.module == module; });
}

// Words of the module go into the text indexes, one line each.
bool would_break_lines(const KernelModule& module) {
  for (const std::vector<std::string>* words :
       {&module.aliases, &module.softdeps, &module.exported_symbols}) {
    if (std::any_of(words->begin(), words->end(), [](const std::string& word) {
          return word.find_first_of("\r\n") != std::string::npos;
        })) {
      return true;
    }
  }
  return false;
}

// Finds modules in the bundles for one kernel and says why it does not take those that it does not.
class BundleSearch {
 public:
  BundleSearch(const GuestView& guest, const KernelImage& kernel, const KernelDrivers& drivers,
               const std::optional<ModuleFamily>& family, const Target& target)
      : guest_(guest), kernel_(kernel), drivers_(drivers), family_(family), target_(target) {}

  // The first module of this name that fits, behind those that it needs. Empty: none.
  std::vector<const BundledModule*> find(std::string_view name) {
    for (const BundledModule& module : target_.bundled_modules) {
      if (module.release != kernel_.release || module_name(module.name) != module_name(name)) {
        continue;
      }
      std::vector<const BundledModule*> needed;
      const std::string why_not = obstacle_to(module, needed);
      if (why_not.empty()) {
        return needed;
      }
      refusals_.push_back({std::string(kRefused), module.bundle + "/" + module.file,
                           fmt::format("{} cannot be used: {}", module.file, why_not)});
    }
    return {};
  }

  std::vector<Warning> refusals() && { return std::move(refusals_); }

 private:
  // Why `wanted` cannot be installed; "" when it can, and then `needed` is filled. What it depends
  // on comes in front of it.
  std::string obstacle_to(const BundledModule& wanted, std::vector<const BundledModule*>& needed) {
    std::set<std::string> seen{module_name(wanted.name)};
    std::vector<const BundledModule*> found{&wanted};
    for (size_t at = 0; at < found.size(); ++at) {
      KernelModule module;
      std::string why_not = misfit(*found[at], module);
      for (const std::string& dependency : module.depends) {
        const std::string name = module_name(dependency);
        if (!why_not.empty() || is_in_guest(name) || !seen.insert(name).second) {
          continue;
        }
        const BundledModule* other = from_same_bundle(*found[at], name);
        if (other == nullptr) {
          why_not = fmt::format("it depends on {}, which neither the kernel nor the bundle has",
                                dependency);
        } else {
          found.push_back(other);
        }
      }
      if (!why_not.empty()) {
        return at == 0 ? why_not
                       : fmt::format("it depends on {}, and {}", found[at]->file, why_not);
      }
    }
    needed.assign(found.rbegin(), found.rend());
    return "";
  }

  // Is this a module for this kernel, and new enough? Fills `module`.
  std::string misfit(const BundledModule& bundled, KernelModule& module) const {
    if (!family_) {
      return "the kernel has no module of its own to compare its vermagic with";
    }
    try {
      module = parse_kernel_module(bundled.content);
    } catch (const Error& error) {
      return error.what();
    }
    if (module.vermagic != family_->vermagic) {
      return fmt::format("its vermagic is '{}', and the kernel's own modules have '{}'",
                         module.vermagic, family_->vermagic);
    }
    if (module.architecture != family_->architecture) {
      return fmt::format("it is for {}, and the kernel's own modules are for {}",
                         module.architecture, family_->architecture);
    }
    if (would_break_lines(module)) {
      return "a line break in its .modinfo or in a symbol would break the index";
    }
    const NitroReach reach = nitro_reach(bundled.name, module.version, kernel_.release);
    return reach.serves(target_.nitro_generation.value_or(kOldestNitroGeneration)) ? "" : reach.why;
  }

  bool is_in_guest(std::string_view name) const {
    if (drivers_.index.is_builtin(name)) {
      return true;
    }
    const ModuleRecord* record = drivers_.index.find(name);
    return record != nullptr && is_file(guest_, kernel_.modules_directory / record->path);
  }

  const BundledModule* from_same_bundle(const BundledModule& wants, std::string_view name) const {
    for (const BundledModule& module : target_.bundled_modules) {
      if (module.bundle == wants.bundle && module.release == wants.release &&
          module_name(module.name) == name) {
        return &module;
      }
    }
    return nullptr;
  }

  const GuestView& guest_;
  const KernelImage& kernel_;
  const KernelDrivers& drivers_;
  const std::optional<ModuleFamily>& family_;
  const Target& target_;
  std::vector<Warning> refusals_;
};

}  // namespace

std::optional<ModuleFamily> module_family(const GuestView& guest, const KernelImage& kernel,
                                          const ModuleIndex& index) {
  size_t asked = 0;
  for (const ModuleRecord& record : index.modules()) {
    if (asked++ == kMostFilesToAsk) {
      break;
    }
    const auto module = read_kernel_module(guest, kernel.modules_directory / record.path);
    if (module && !module->vermagic.empty() && is_module_file(record.path)) {
      return ModuleFamily{module->vermagic, module->architecture,
                          record.path.substr(record.path.rfind(".ko"))};
    }
  }
  return std::nullopt;
}

ModuleChoice choose_module(const GuestView& guest, const KernelImage& kernel,
                           const KernelDrivers& drivers, const std::optional<ModuleFamily>& family,
                           const Target& target, std::string_view module) {
  const DriverState& state = state_of(drivers, module);
  ModuleChoice choice;
  choice.module = state.module;
  if (state.place == DriverPlace::built_in) {
    choice.source = ModuleSource::built_in;  // nothing can take its place
    return choice;
  }
  const bool too_old =
      !state.root_reach.serves(target.nitro_generation.value_or(kOldestNitroGeneration));
  if (state.in_root && !too_old) {
    choice.source = ModuleSource::from_guest;
    return choice;
  }
  choice.need = state.in_root ? state.root_reach.why
                              : fmt::format("kernel {} has no {} module of its own", kernel.release,
                                            state.module);
  BundleSearch search(guest, kernel, drivers, family, target);
  choice.modules = search.find(module);
  choice.refusals = std::move(search).refusals();
  if (!choice.modules.empty()) {
    choice.source = ModuleSource::from_bundle;
  } else if (state.in_root) {
    choice.source = ModuleSource::from_guest;
  }
  return choice;
}

}  // namespace rehost
