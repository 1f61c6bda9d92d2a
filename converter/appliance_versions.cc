#include "converter/appliance_versions.h"

#include <string_view>

#include "converter/core/error.h"
#include "images/child_process.h"

namespace rehost {

std::string version_of_program(const std::string& program) {
  constexpr std::string_view kBefore = "version ";
  std::string output;
  try {
    output = run_command({program, "--version"}).output;
  } catch (const Error&) {
    return {};  // a report without it is better than none
  }
  const std::string line = output.substr(0, output.find('\n'));
  const size_t at = line.find(kBefore);
  return at == std::string::npos ? "" : line.substr(at + kBefore.size());
}

}  // namespace rehost
