// Where a kernel of a guest gets each driver from: built in, its own modules, a driver bundle, or
// nowhere. The guest's own module is preferred; docs/driver-bundle.md has the rules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/target.h"
#include "drivers/required_modules.h"

namespace rehost {

enum class ModuleSource { built_in, from_guest, from_bundle, missing };

struct ModuleChoice {
  std::string module;
  ModuleSource source = ModuleSource::missing;
  // Why the guest's own is not enough: "kernel 6.1.0-56-amd64 has no ena module". Empty when it is.
  std::string need;
  // Of a bundle: the module behind all those of the bundles that it depends on and the kernel does
  // not have. They are target.bundled_modules'.
  std::vector<const BundledModule*> modules;
  std::vector<Warning> refusals;  // what bundles have for this kernel and module, and does not fit
};

// What the modules of one kernel have in common, as one of the guest's own says it.
struct ModuleFamily {
  std::string vermagic;
  std::string architecture;
  std::string ending;  // of the file's name: ".ko.xz"
};

// Asks the first module in the index that can be read. nullopt: none can.
std::optional<ModuleFamily> module_family(const GuestView& guest, const KernelImage& kernel,
                                          const ModuleIndex& index);

// `drivers` of this kernel, as read_root_drivers finds them. `family` as module_family does;
// without one no bundle can be trusted.
ModuleChoice choose_module(const GuestView& guest, const KernelImage& kernel,
                           const KernelDrivers& drivers, const std::optional<ModuleFamily>& family,
                           const Target& target, std::string_view module);

}  // namespace rehost
