// Files in which a guest remembers its old disks. They are caches: it makes them anew, and is
// misled until then.
#pragma once

#include <span>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// Every path that is removed.
std::span<const std::string_view> device_cache_files();

extern const Fix kDeviceCachesFix;

}  // namespace rehost
