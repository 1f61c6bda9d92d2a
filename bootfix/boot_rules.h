// What the command line of each of a guest's kernels must say on EC2: the rules for
// kernel_arguments.h, taken from the facts of the inspection.
#pragma once

#include <map>
#include <optional>

#include "bootfix/kernel_arguments.h"
#include "converter/core/fix.h"

namespace rehost {

class BootRules {
 public:
  BootRules(const GuestView& guest, const Inspection& inspection, const Target& target,
            const NameMap& names);

  // For settings that serve every kernel: what the NVMe module of the default kernel accepts.
  const ArgumentRules& for_default_kernel() const { return rules_; }
  // For words that all kernels are given and each may add to: the NVMe timeout only when all of
  // them accept the same.
  ArgumentRules for_all_kernels() const;
  // For the kernel in this file of the guest, links resolved.
  ArgumentRules for_kernel(const GuestPath& file) const;
  // For a kernel that is not in this guest: only its devices are named anew, and its root is not
  // ours to know.
  ArgumentRules for_another_system() const;

 private:
  ArgumentRules rules_;
  std::optional<std::string> root_partition_;
  std::map<GuestPath, const KernelImage*>
      kernels_;  // by their files; of the inspection, which outlives this
};

}  // namespace rehost
