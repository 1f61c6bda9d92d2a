// The versions of what runs an appliance, for reports: a conversion that goes wrong on one worker
// and not on another is often a matter of these.
#pragma once

#include <string>

namespace rehost {

// Empty where it does not say.
struct ApplianceVersions {
  std::string libguestfs;
  std::string qemu;
};

// What follows "version " in the first line that `PROGRAM --version` prints; empty when it does
// not.
std::string version_of_program(const std::string& program);

}  // namespace rehost
