#include "bootfix/default_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bootfix/default_entry.h"
#include "bootfix/grubenv.h"
#include "bootfix/kernel_arguments.h"
#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kKeep = "keep";

// What it lacks once the driver bundles are installed. Whether a bundle's module really fits is for
// the drivers to find out; if it does not, check says so.
std::vector<std::string> lacking_drivers(const KernelImage& kernel, const Target& target) {
  std::vector<std::string> lacking = kernel.lacking_drivers;
  for (const BundledModule& module : target.bundled_modules) {
    if (module.release == kernel.release) {
      std::erase(lacking, module.name);
    }
  }
  return lacking;
}

// "2.6.18-398.el5xen", "3.0.101-63-xen": start as guest of a Xen hypervisor and nowhere else. A
// "-xen-amd64" of Debian starts anywhere.
bool is_paravirtual_only(const KernelImage& kernel) {
  return kernel.release.ends_with("xen") || kernel.release.ends_with("xenU");
}

bool is_debug(const KernelImage& kernel) {
  return kernel.release.find("debug") != std::string::npos;
}

// How well a kernel does on EC2, the weightiest first.
using Fitness = std::array<bool, 3>;

Fitness fitness(const KernelImage* kernel, bool under_xen, const Target& target) {
  if (kernel == nullptr || under_xen) {
    return {};
  }
  const std::vector<std::string> lacking = lacking_drivers(*kernel, target);
  const auto has = [&](std::string_view driver) {
    return std::find(lacking.begin(), lacking.end(), driver) == lacking.end();
  };
  return {!is_paravirtual_only(*kernel), has("nvme"), has("ena")};
}

// The first entry of a menu that starts this kernel for everyday work.
std::optional<size_t> entry_for(const GuestView& guest, const Inspection& inspection,
                                const BootConfig& config, const KernelImage& kernel) {
  for (size_t i = 0; i < config.entries.size(); ++i) {
    const BootEntry& entry = config.entries[i];
    if (!is_for_repairs(entry) && !entry.under_xen &&
        kernel_of_entry(guest, inspection, entry) == &kernel) {
      return i;
    }
  }
  return std::nullopt;
}

// The newest of the fittest that the menu offers; debug kernels only where there is nothing else.
// One whose initramfs is gone (a full /boot) takes the place of none that has its own.
const KernelImage* best_kernel(const GuestView& guest, const Inspection& inspection,
                               const Target& target, const BootConfig& config,
                               const KernelImage* now) {
  const KernelImage* best = nullptr;
  const auto rank = [&](const KernelImage& kernel) {
    return std::pair(fitness(&kernel, false, target), !is_debug(kernel));
  };
  for (const KernelImage& kernel : inspection.kernels) {  // newest first
    const bool complete = kernel.initramfs || now == nullptr || !now->initramfs;
    if (complete && entry_for(guest, inspection, config, kernel) &&
        (best == nullptr || rank(*best) < rank(kernel))) {
      best = &kernel;
    }
  }
  return best;
}

const BootEntry* default_entry_of(const BootConfig& config) {
  return config.default_entry ? &config.entries.at(*config.default_entry) : nullptr;
}

void warn(FixResult& result, std::string_view code, std::string_view subject,
          std::string sentence) {
  result.warnings.push_back({std::string(code), std::string(subject), std::move(sentence)});
}

std::string what_it_lacks(const KernelImage& kernel, const Target& target) {
  return is_paravirtual_only(kernel)
             ? "starts under a Xen hypervisor only"
             : fmt::format("has no {} module",
                           fmt::join(lacking_drivers(kernel, target), " and no "));
}

void warn_if_unfit(FixResult& result, const KernelImage& kernel, const Target& target,
                   std::string_view how, std::string_view why) {
  if (!lacking_drivers(kernel, target).empty() || is_paravirtual_only(kernel)) {
    warn(result, "default-kernel-unfit", kernel.release,
         fmt::format("kernel {}, {}, {}; {}", kernel.release, how, what_it_lacks(kernel, target),
                     why));
  }
}

constexpr std::string_view kByDefault = "which the boot loader starts by default";

// What to start instead of the default, and the warning that goes with it once that is done.
struct WantedKernel {
  const KernelImage* kernel = nullptr;
  std::optional<Warning> warning;
};

WantedKernel asked_kernel(FixResult& result, const Inspection& inspection, const Target& target,
                          const KernelImage* now) {
  for (const KernelImage& kernel : inspection.kernels) {
    if (kernel.release == target.default_kernel) {
      warn_if_unfit(result, kernel, target, "which --default-kernel names",
                    "it was asked for all the same");
      return {&kernel == now ? nullptr : &kernel, std::nullopt};
    }
  }
  warn(result, "default-kernel-unknown", target.default_kernel,
       fmt::format("--default-kernel {}: the guest has no such kernel, so its own default stays",
                   target.default_kernel));
  if (now != nullptr) {
    warn_if_unfit(result, *now, target, kByDefault,
                  "it was left, as no kernel was found to take its place");
  }
  return {};
}

// The kernel to start instead of the default; none: leave it as it is.
WantedKernel wanted_kernel(FixResult& result, const GuestView& guest, const Inspection& inspection,
                           const Target& target, const BootConfig& config) {
  const BootEntry* entry = default_entry_of(config);
  const KernelImage* now = entry == nullptr ? nullptr : kernel_of_entry(guest, inspection, *entry);
  if (!target.default_kernel.empty() && target.default_kernel != kKeep) {
    return asked_kernel(result, inspection, target, now);
  }
  const bool rescue = entry != nullptr && is_rescue_or_kdump(entry->kernel);
  if (entry == nullptr || (now == nullptr && !rescue)) {
    return {};  // another system's, or cannot tell: check says so
  }
  const Fitness fit = fitness(now, entry->under_xen, target);
  const KernelImage* best = best_kernel(guest, inspection, target, config, now);
  const bool better = best != nullptr && fit < fitness(best, false, target);
  if (target.default_kernel != kKeep && better) {
    const std::string subject = now == nullptr ? entry->title : now->release;
    return {best, Warning{"default-kernel-changed", subject,
                          fmt::format("{}, {}, {}: it starts {} now",
                                      now == nullptr ? entry->kernel : "kernel " + now->release,
                                      kByDefault,
                                      now == nullptr     ? "is a rescue image"
                                      : entry->under_xen ? "runs under a Xen hypervisor"
                                                         : what_it_lacks(*now, target),
                                      best->release)}};
  }
  if (entry->under_xen) {
    warn(result, "default-kernel-under-xen", entry->title,
         fmt::format(
             "the boot loader starts a Xen hypervisor by default ({}), which nobody is known "
             "to have run on EC2; {}",
             entry->title,
             better ? "it was kept, as asked" : "no entry starts a kernel without it"));
  } else if (now != nullptr) {
    warn_if_unfit(result, *now, target, kByDefault,
                  better ? "it was kept, as asked" : "no other installed kernel does better");
  }
  return {};
}

// /etc/sysconfig/kernel of Red Hat and Oracle: with UPDATEDEFAULT=yes the next kernel of this
// package becomes the default, so it must be one of the same make.
void change_default_package(const GuestView& guest, const KernelImage& kernel,
                            std::vector<FileChange>& changes) {
  const auto file = read_text_file(guest, GuestPath("/etc/sysconfig/kernel"));
  const bool uek = kernel.release.find("uek") != std::string::npos;
  TextEdits edits;
  for (const ShellAssignment& a : parse_shell_assignments(file ? file->content : "")) {
    const std::string_view core = a.value.ends_with("-core") ? "-core" : "";
    const bool known =
        a.value == fmt::format("kernel{}", core) || a.value == fmt::format("kernel-uek{}", core);
    if (a.name == "DEFAULTKERNEL" && a.quoting != Quoting::mixed && known) {
      edits.replace(a.text_begin, a.text_end, fmt::format("kernel{}{}", uek ? "-uek" : "", core));
    }
  }
  if (!edits.empty()) {
    changes.insert(changes.begin(), {file->path, file->content, edits.apply(file->content)});
  }
}

// grub-reboot of the old machine: the first start on EC2 would go by it, and only that.
void drop_one_time_choice(FixResult& result, const GuestView& guest,
                          std::vector<FileChange>& changes) {
  for (const TextFile& block : grubenv_files(guest)) {
    const auto variables = parse_grubenv(block.content);
    const auto next = variables.find("next_entry");
    if (next == variables.end() || next->second.empty()) {
      continue;
    }
    auto change = std::find_if(changes.begin(), changes.end(),
                               [&](const FileChange& c) { return c.path == block.path; });
    if (change == changes.end()) {
      changes.push_back({block.path, block.content, block.content});
      change = changes.end() - 1;
    }
    change->content =
        with_grubenv_variable(change->content, "next_entry", "").value_or(change->content);
    warn(result, "boot-once-dropped", block.path.str(),
         fmt::format("{} told GRUB to start '{}' once, at the next start of the old machine: "
                     "dropped, or EC2 would get it",
                     block.path.str(), next->second));
  }
}

void warn_of_flavours(FixResult& result, const Inspection& inspection) {
  struct Flavour {
    std::string_view suffix;
    std::string_view cloud;
  };
  constexpr Flavour kFlavours[] = {{"-azure", "Azure"}, {"-gcp", "Google Cloud"}};
  for (const KernelImage& kernel : inspection.kernels) {
    for (const Flavour& flavour : kFlavours) {
      if (kernel.release.find(flavour.suffix) != std::string::npos && kernel.vmlinuz) {
        warn(result, "kernel-for-another-cloud", kernel.release,
             fmt::format("kernel {} is built for {}: NVMe and ENA are looked for in it as in any "
                         "other, but its maker tests it there only; on EC2 install the -aws or "
                         "-generic one",
                         kernel.release, flavour.cloud));
      }
    }
  }
}

void plan_changes(FixResult& result, const std::vector<FileChange>& changes,
                  const std::string& reason) {
  for (const FileChange& change : changes) {
    if (!change.original) {
      plan_new_file(result, kDefaultKernelFix.name, change.path, change.content, reason);
    } else {
      plan_rewrite(result, kDefaultKernelFix.name, {change.path, *change.original}, change.content,
                   reason);
    }
  }
}

FixResult plan_default_kernel(const GuestView& guest, const Inspection& inspection,
                              const Target& target) {
  FixResult result;
  warn_of_flavours(result, inspection);
  const std::optional<BootConfig> config = read_boot_config(guest, inspection.firmware);
  if (!config) {
    if (!target.default_kernel.empty() && target.default_kernel != kKeep) {
      warn(result, "default-kernel-not-set", target.default_kernel,
           fmt::format("--default-kernel {}: no boot menu was found that could name it",
                       target.default_kernel));
    }
    return result;
  }
  std::vector<FileChange> changes;
  std::string reason = "a choice for one start of the old machine does not move with it";
  const WantedKernel wanted = wanted_kernel(result, guest, inspection, target, *config);
  if (const KernelImage* kernel = wanted.kernel) {
    const PickEntry pick = [&](const BootConfig& menu) {
      return entry_for(guest, inspection, menu, *kernel);
    };
    if (auto set = set_default_entry(guest, inspection.firmware, *config, pick)) {
      changes = std::move(*set);
      change_default_package(guest, *kernel, changes);
      reason = fmt::format("kernel {} is to be started by default", kernel->release);
      if (wanted.warning) {
        result.warnings.push_back(*wanted.warning);
      }
    } else {
      warn(result, "default-kernel-not-set", kernel->release,
           fmt::format("{} has no entry for kernel {} that could be made its default: the boot "
                       "loader starts what it started before",
                       config->file.str(), kernel->release));
    }
  }
  if (target.default_kernel != kKeep) {
    drop_one_time_choice(result, guest, changes);
  }
  plan_changes(result, changes, reason);
  return result;
}

}  // namespace

constinit const Fix kDefaultKernelFix = {
    .name = "default-kernel",
    .heading = "Start a kernel by default that can run on EC2",
    .description =
        "Where the default kernel has no driver for NVMe or ENA at all, makes the newest one that "
        "has both the default (or the one of --default-kernel): GRUB_DEFAULT and grub.cfg, "
        "saved_entry in grubenv, menu.lst or loader.conf. A choice for the next start only is "
        "dropped.",
    .plan = plan_default_kernel,
};

const KernelImage* kernel_of_entry(const GuestView& guest, const Inspection& inspection,
                                   const BootEntry& entry) {
  if (!entry.kernel_file || is_rescue_or_kdump(entry.kernel) ||
      is_rescue_or_kdump(entry.kernel_file->str())) {
    return nullptr;
  }
  for (const KernelImage& kernel : inspection.kernels) {
    if (kernel.vmlinuz && resolve(guest, *kernel.vmlinuz) == entry.kernel_file) {
      return &kernel;
    }
  }
  for (const KernelImage& kernel : inspection.kernels) {  // another copy of it
    if (entry.version == kernel.release || entry.kernel_file->parent().name() == kernel.release ||
        entry.kernel_file->name().ends_with("-" + kernel.release)) {
      return &kernel;
    }
  }
  return nullptr;
}

const KernelImage* current_default_kernel(const GuestView& guest, const Inspection& inspection) {
  const std::optional<BootConfig> config = read_boot_config(guest, inspection.firmware);
  const BootEntry* entry = config ? default_entry_of(*config) : nullptr;
  return entry == nullptr ? nullptr : kernel_of_entry(guest, inspection, *entry);
}

bool is_for_repairs(const BootEntry& entry) {
  const std::string title = lower_case(entry.title);
  if (is_rescue_or_kdump(entry.kernel) || title.find("recovery mode") != std::string::npos ||
      title.find("failsafe") != std::string::npos || title.find("rescue") != std::string::npos) {
    return true;
  }
  const KernelArguments arguments = KernelArguments::parse(entry.arguments);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments.word(i);
    if (word == "single" || word == "recovery" || word == "emergency" || word == "x11failsafe" ||
        word == "systemd.unit=rescue.target" || word == "systemd.unit=emergency.target") {
      return true;
    }
  }
  return std::any_of(entry.initrds.begin(), entry.initrds.end(), is_rescue_or_kdump);
}

}  // namespace rehost
