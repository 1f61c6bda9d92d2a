// What the name of an EC2 instance type says about the machine behind it: enough to tell before a
// launch that a disk cannot start there.
//
// rehost has no AWS account to ask. An orchestrator that has one asks DescribeInstanceTypes
// (ProcessorInfo, Hypervisor, SupportedBootModes) and does not depend on this table; of a type that
// is not in it nothing is known, which is a warning and never a refusal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rehost {

enum class Hypervisor { xen, nitro };
std::string_view to_string(Hypervisor hypervisor);

struct InstanceType {
  std::string name;          // "m7i.large"
  std::string architecture;  // as RegisterImage has it: "x86_64", "arm64"; "mac" runs macOS alone
  Hypervisor hypervisor = Hypervisor::nitro;
  int nitro_generation = 0;  // 2 to 6; 0 for Xen
  bool metal = false;        // no hypervisor at all, on Nitro hardware
  bool boots_bios = false;
  bool boots_uefi = false;
};

// "m7i-flex.large": a family, a dot and a size. False: no instance type is called so.
bool is_instance_type_name(std::string_view name);

// nullopt: nothing is known of it.
std::optional<InstanceType> find_instance_type(std::string_view name);

// "a Nitro v4 instance (x86_64, BIOS or UEFI)"
std::string describe(const InstanceType& type);

}  // namespace rehost
