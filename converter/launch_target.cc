#include "converter/launch_target.h"

#include <fmt/format.h>

#include <array>

#include "converter/instance_types.h"
#include "drivers/nitro_reach.h"

namespace rehost {
namespace {

constexpr std::array<std::string_view, 2> kArchitectures{"x86_64", "arm64"};
constexpr std::array<std::string_view, 3> kBootModes{"keep", "legacy-bios", "uefi"};
constexpr int kNewestNitroGeneration = 99;  // of which nobody has heard yet

BootMode to_boot_mode(std::string_view name) {
  if (name == "legacy-bios") {
    return BootMode::legacy_bios;
  }
  return name == "uefi" ? BootMode::uefi : BootMode::keep;
}

}  // namespace

std::string_view to_string(BootMode mode) {
  switch (mode) {
    case BootMode::keep:
      return "keep";
    case BootMode::legacy_bios:
      return "legacy-bios";
    case BootMode::uefi:
      return "uefi";
  }
  return "";
}

LaunchTarget parse_launch_target(JsonObject object) {
  LaunchTarget target;
  target.architecture = object.optional_choice("architecture", kArchitectures).value_or("");
  target.boot_mode = to_boot_mode(object.optional_choice("boot_mode", kBootModes).value_or("keep"));
  if (const auto generation = object.optional_number("nitro_generation", kOldestNitroGeneration,
                                                     kNewestNitroGeneration)) {
    target.nitro_generation = static_cast<int>(*generation);
  }
  if (const auto type = object.optional_text("instance_type")) {
    if (!is_instance_type_name(*type)) {
      throw object.wrong("instance_type", "is no instance type, which looks like m7i.large");
    }
    target.instance_type = *type;
  }
  object.finish();
  return target;
}

}  // namespace rehost
