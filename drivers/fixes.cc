#include "drivers/fixes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "drivers/copied_settings.h"
#include "drivers/driver_bundle_plan.h"
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

const DriverState* outdated_of(const KernelDrivers& drivers) {
  const auto found = std::find_if(drivers.states.begin(), drivers.states.end(),
                                  [](const DriverState& state) { return state.outdated(); });
  return found == drivers.states.end() ? nullptr : &*found;
}

// A driver that some or all Nitro instances do not take, unless the target is known to take it.
void warn_of_age(FixResult& result, const KernelImage& kernel, const KernelDrivers& drivers,
                 const Target& target) {
  for (const DriverState& state : drivers.states) {
    const NitroReach& reach = state.in_root ? state.root_reach : state.reach;
    if (!reach.serves(target.nitro_generation.value_or(kEveryNitroGeneration))) {
      result.warnings.push_back(
          {state.module + "-too-old", kernel.release,
           fmt::format("{}; {}", reach.why,
                       reach.newest_generation == 0
                           ? "give a driver bundle with a newer one"
                           : fmt::format("start the instance with Nitro v{} or earlier, or give a "
                                         "driver bundle and --nitro-generation",
                                         reach.newest_generation))});
    }
  }
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

void warn_of_unified(FixResult& result, const KernelImage& kernel) {
  result.warnings.push_back(
      {"unified-kernel-image", kernel.initramfs->str(),
       fmt::format(
           "{} has kernel {} and an initramfs without nvme in one file, often a signed one: "
           "it is left as it is and does not start on EC2; build it anew with nvme in it",
           kernel.initramfs->str(), kernel.release)});
}

// For the initramfs of `kernel`, one of those that it may be started with.
void plan_image(FixResult& result, const GuestView& guest, const KernelImage& kernel,
                const KernelDrivers& drivers, const Target& target) {
  const DriverPlace nvme = nvme_of(drivers).place;
  const bool lacks_nvme = nvme == DriverPlace::in_root || nvme == DriverPlace::cannot_tell;
  const bool stale = drivers.initramfs && !stale_settings(guest, *drivers.initramfs).empty();
  const DriverState* outdated = outdated_of(drivers);
  if (!lacks_nvme && !stale && outdated == nullptr) {
    return;
  }
  if (!kernel.initramfs || (!drivers.initramfs && !drivers.unreadable)) {
    result.warnings.push_back(
        {"initramfs-missing", kernel.release,
         fmt::format("kernel {} has nvme as a module and no initramfs to load it from",
                     kernel.release)});
    return;
  }
  if (drivers.unified) {
    if (lacks_nvme) {
      warn_of_unified(result, kernel);
    }
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
  const bool hides_disks = image != nullptr && !stale_copies(guest, *image).empty();
  std::string reason = hides_disks
                           ? "its copy of the LVM or md configuration hides the disks of EC2"
                           : "it waits for a resume device that EC2 does not have";
  if (lacks_nvme) {
    reason = fmt::format("kernel {} needs nvme in it to reach the disks of a Nitro instance",
                         kernel.release);
  } else if (outdated != nullptr) {
    reason = fmt::format("the {} in it would be loaded before the newer one of the system",
                         outdated->module);
  }
  reason += "; " + choice.reason;
  if (choice.strategy == InitramfsStrategy::rebuild) {
    if (!lacks_nvme && outdated == nullptr && !hides_disks) {
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

void plan_kernel(FixResult& result, const GuestView& guest, const KernelImage& kernel,
                 const Target& target) {
  if (!can_be_started(kernel)) {
    return;
  }
  const KernelDrivers drivers = read_kernel_drivers(guest, kernel);
  warn_of_missing(result, kernel, drivers);
  warn_of_age(result, kernel, drivers, target);
  plan_image(result, guest, kernel, drivers, target);
  for (const GuestPath& other : kernel.other_initramfs) {
    KernelImage copy = kernel;
    copy.initramfs = other;
    plan_image(result, guest, copy, read_kernel_drivers(guest, copy), target);
  }
}

FixResult plan_initramfs_drivers(const GuestView& guest, const Inspection& inspection,
                                 const Target& target) {
  FixResult result;
  for (const KernelImage& kernel : inspection.kernels) {
    plan_kernel(result, guest, kernel, target);
  }
  return result;
}

constexpr std::array<Fix, 3> kFixes{{
    {"driver-bundle", "Install the drivers that the guest lacks from the driver bundles",
     "A kernel without a module that EC2 needs, or with an ENA that the target's generation of "
     "Nitro refuses, gets the one built for exactly that kernel from --driver-bundle, under extra "
     "(Red Hat) or updates, with the index of its modules. The guest's own modules stay.",
     plan_driver_bundle},
    {"initramfs-config", "Have every later initramfs built with the drivers of EC2",
     "Lists nvme and ena in the configuration of initramfs-tools, dracut or mkinitrd. Without it "
     "the next "
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
