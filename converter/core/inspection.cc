#include "converter/core/inspection.h"

namespace rehost {

const Filesystem* find_filesystem(const Inspection& inspection, const DeviceName& device) {
  for (const Filesystem& filesystem : inspection.filesystems) {
    if (filesystem.device == device) {
      return &filesystem;
    }
  }
  return nullptr;
}

}  // namespace rehost
