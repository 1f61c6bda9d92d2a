#include "tests/support/source_dir.h"

namespace rehost {

std::string in_source_dir(const std::string& path) {
  return std::string(REHOST_SOURCE_DIR) + "/" + path;
}

}  // namespace rehost
