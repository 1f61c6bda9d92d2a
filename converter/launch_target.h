// What is known of the instance that the result is for: a job's "target", as the orchestrator knows
// it. All of it may be left unsaid.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "converter/json_reader.h"

namespace rehost {

enum class BootMode {
  keep,  // as the disk boots now
  legacy_bios,
  uefi,
};
std::string_view to_string(BootMode mode);

struct LaunchTarget {
  std::string architecture = {};  // as EC2 has it: "x86_64", "arm64"; empty: not said
  BootMode boot_mode = BootMode::keep;
  std::optional<int> nitro_generation = {};
  std::string instance_type = {};  // "m7i.large"; empty: not said
};

// A job's "target". Throws Error(usage) with the place of what is wrong.
LaunchTarget parse_launch_target(JsonObject object);

}  // namespace rehost
