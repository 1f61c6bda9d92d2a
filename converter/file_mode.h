// The kind of a file in a st_mode, as stat(2) of any Linux says it.
#pragma once

#include <cstdint>

#include "converter/core/guest.h"

namespace rehost {

// A kind that has no name here is treated as a regular file.
FileType file_type(uint32_t mode);
// 07777: permissions, set-ID and sticky bits.
uint32_t permissions(uint32_t mode);

}  // namespace rehost
