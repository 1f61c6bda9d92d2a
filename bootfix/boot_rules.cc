#include "bootfix/boot_rules.h"

#include "bootfix/network.h"

namespace rehost {
namespace {

const KernelImage* default_image(const Inspection& inspection) {
  for (const KernelImage& kernel : inspection.kernels) {
    if (kernel.is_default) {
      return &kernel;
    }
  }
  return inspection.kernels.empty() ? nullptr : &inspection.kernels.back();
}

}  // namespace

BootRules::BootRules(const GuestView& guest, const Inspection& inspection, const Target& target,
                     const NameMap& names) {
  rules_.names = &names;
  if (const Filesystem* root = find_filesystem(inspection, inspection.root)) {
    rules_.own_root = stable_name(inspection, *root);
    root_partition_ = stable_partition_name(*root);
  }
  if (const KernelImage* image = default_image(inspection)) {
    rules_.io_timeout = image->io_timeout_argument;
  }
  rules_.classic_interface_names = needs_classic_interface_names(guest, target);
  for (const KernelImage& kernel : inspection.kernels) {
    const auto file = kernel.vmlinuz ? resolve(guest, *kernel.vmlinuz) : std::nullopt;
    if (file) {
      kernels_[*file] = &kernel;
    }
  }
}

ArgumentRules BootRules::for_all_kernels() const {
  ArgumentRules rules = rules_;
  for (const auto& [file, kernel] : kernels_) {
    if (kernel->io_timeout_argument != rules_.io_timeout) {
      rules.io_timeout.clear();
    }
  }
  return rules;
}

ArgumentRules BootRules::for_kernel(const GuestPath& file) const {
  ArgumentRules rules = rules_;
  const auto found = kernels_.find(file);
  if (found == kernels_.end()) {
    return rules;
  }
  if (!found->second->io_timeout_argument.empty()) {
    rules.io_timeout = found->second->io_timeout_argument;
  }
  if (!found->second->initramfs && root_partition_) {
    // A kernel that is alone finds partitions, and knows nothing of file systems.
    rules.own_root = root_partition_;
  }
  return rules;
}

ArgumentRules BootRules::for_another_system() const {
  return {.names = rules_.names,
          .own_root = std::nullopt,
          .io_timeout = "",
          .classic_interface_names = false};
}

}  // namespace rehost
