#include "bootfix/boot_rules.h"

#include "bootfix/default_kernel.h"
#include "bootfix/network.h"

namespace rehost {
namespace {

// The fix default-kernel comes first and may have chosen another one than the inspection knows.
const KernelImage* default_image(const GuestView& guest, const Inspection& inspection,
                                 const Target& target) {
  const KernelImage* image = nullptr;
  for (const KernelImage& kernel : inspection.kernels) {
    image = kernel.is_default ? &kernel : image;
  }
  const bool may_have_changed =
      image == nullptr || !image->lacking_drivers.empty() || !target.default_kernel.empty();
  if (const KernelImage* now =
          may_have_changed ? current_default_kernel(guest, inspection) : nullptr) {
    return now;
  }
  return image == nullptr && !inspection.kernels.empty() ? &inspection.kernels.back() : image;
}

}  // namespace

BootRules::BootRules(const GuestView& guest, const Inspection& inspection, const Target& target,
                     const NameMap& names) {
  rules_.names = &names;
  if (const Filesystem* root = find_filesystem(inspection, inspection.root)) {
    rules_.own_root = stable_name(inspection, *root);
    root_partition_ = stable_partition_name(*root);
  }
  if (const KernelImage* image = default_image(guest, inspection, target)) {
    rules_.io_timeout = image->io_timeout_argument;
  }
  rules_.network_by_dhcp = target.network != NetworkMode::keep;
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
          .classic_interface_names = false,
          .network_by_dhcp = false};
}

}  // namespace rehost
