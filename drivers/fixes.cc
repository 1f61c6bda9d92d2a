#include "drivers/fixes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "drivers/initramfs_config.h"
#include "drivers/initramfs_plan.h"
#include "drivers/kernel_image.h"

namespace rehost {
namespace {

constexpr std::string_view kFix = "initramfs-drivers";

const DriverState& nvme_of(const KernelDrivers& drivers) {
  return *std::find_if(drivers.states.begin(), drivers.states.end(), [](const DriverState& state) {
    return state.need == ModuleNeed::initramfs;
  });
}

void warn_of_missing(FixResult& result, const KernelImage& kernel, const KernelDrivers& drivers) {
  for (const DriverState& state : drivers.states) {
    if (state.place == DriverPlace::missing && state.need != ModuleNeed::optional) {
      const auto row =
          std::find_if(required_modules().begin(), required_modules().end(),
                       [&](const RequiredModule& module) { return module.name == state.module; });
      result.warnings.push_back({"driver-missing", kernel.release,
                                 fmt::format("kernel {} has no {} module, which it needs for {}",
                                             kernel.release, state.module, row->what)});
    }
  }
}

void plan_rebuild(FixResult& result, const GuestView& guest, const KernelImage& kernel,
                  std::string reason) {
  std::optional<std::vector<std::string>> command = rebuild_command(guest, kernel);
  if (command) {
    result.edits.push_back({std::string(kFix), std::move(reason), RunInGuest{std::move(*command)}});
    return;
  }
  result.warnings.push_back(
      {"initramfs-unreadable", kernel.initramfs->str(),
       fmt::format("nvme cannot be added to {}, and the guest has no tool to build it anew: {}",
                   kernel.initramfs->str(), reason)});
}

void plan_kernel(FixResult& result, const GuestView& guest, const KernelImage& kernel,
                 const Target& target) {
  if (!can_be_started(kernel)) {
    return;
  }
  const KernelDrivers drivers = read_kernel_drivers(guest, kernel);
  warn_of_missing(result, kernel, drivers);
  const DriverPlace nvme = nvme_of(drivers).place;
  const bool lacks_nvme = nvme == DriverPlace::in_root || nvme == DriverPlace::cannot_tell;
  const bool stale = drivers.initramfs && !stale_settings(guest, *drivers.initramfs).empty();
  if (!lacks_nvme && !stale) {
    return;
  }
  if (!kernel.initramfs || (!drivers.initramfs && !drivers.unreadable)) {
    result.warnings.push_back(
        {"initramfs-missing", kernel.release,
         fmt::format("kernel {} has nvme as a module and no initramfs to load it from",
                     kernel.release)});
    return;
  }
  const GuestPath& path = *kernel.initramfs;
  if (drivers.unreadable) {
    result.warnings.push_back(
        {"initramfs-unreadable", path.str(),
         fmt::format("cannot tell all that {} holds: {}", path.str(), *drivers.unreadable)});
  }
  const Initramfs* image = drivers.initramfs ? &*drivers.initramfs : nullptr;
  const StrategyChoice choice = choose_strategy(image, target.initramfs);
  std::string reason =
      lacks_nvme
          ? fmt::format("kernel {} needs nvme in it to reach the disks of a Nitro instance; {}",
                        kernel.release, choice.reason)
          : fmt::format("it waits for a resume device that EC2 does not have; {}", choice.reason);
  if (choice.strategy == InitramfsStrategy::rebuild) {
    if (!lacks_nvme) {
      return;  // half a minute of waiting is no reason to run the guest's own tool
    }
    plan_rebuild(result, guest, kernel, std::move(reason));
    return;
  }
  InitramfsAddition addition = plan_addition(guest, kernel, drivers);
  result.edits.push_back({std::string(kFix), std::move(reason),
                          AddToInitramfs{.path = path,
                                         .strategy = choice.strategy,
                                         .entries = std::move(addition.entries),
                                         .modules = std::move(addition.modules),
                                         .expects = hash_content(image->image())}});
}

FixResult plan_initramfs_drivers(const GuestView& guest, const Inspection& inspection,
                                 const Target& target) {
  FixResult result;
  for (const KernelImage& kernel : inspection.kernels) {
    plan_kernel(result, guest, kernel, target);
  }
  return result;
}

constexpr std::array<Fix, 2> kFixes{{
    {"initramfs-config", "Have every later initramfs built with the drivers of EC2",
     "Lists nvme and ena in the configuration of initramfs-tools or dracut. Without it the next "
     "kernel update of the "
     "guest would build an initramfs that lacks them.",
     plan_initramfs_config},
    {"initramfs-drivers", "Add the drivers of EC2 to the initramfs of every kernel",
     "Adds nvme, and along with it ena and the Xen drivers, with all that they depend on, from the "
     "guest's own kernel "
     "modules. An initramfs that has nvme is left alone.",
     plan_initramfs_drivers},
}};

}  // namespace

std::span<const Fix> driver_fixes() {
  return kFixes;
}

}  // namespace rehost
