#include "converter/core/inspection.h"

namespace rehost {

bool is_rescue_or_kdump(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.find("rescue") != std::string_view::npos ||
         name.find("kdump") != std::string_view::npos;
}

const Filesystem* find_filesystem(const Inspection& inspection, const DeviceName& device) {
  for (const Filesystem& filesystem : inspection.filesystems) {
    if (filesystem.device == device) {
      return &filesystem;
    }
  }
  return nullptr;
}

}  // namespace rehost
