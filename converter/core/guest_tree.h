// A directory of the guest with everything below it: what RemoveTree is about to remove.
#pragma once

#include <cstdint>
#include <optional>

#include "converter/core/edit.h"
#include "converter/core/guest.h"

namespace rehost {

// More entries than an agent installs. A directory that holds more is somebody's data.
inline constexpr uint64_t kMaxTreeEntries = 20'000;

struct TreeListing {
  uint64_t entries = 0;  // below the directory, itself not counted
  // Over names, types, modes and sizes, not over contents: reading an agent's hundreds of megabytes
  // to remove them would take longer than the rest of the plan.
  ContentHash hash;
};

// Links are listed and not followed. nullopt: the path is no directory itself (a link to one is
// none), or more than kMaxTreeEntries lie below it.
std::optional<TreeListing> list_tree(const GuestView& guest, const GuestPath& directory);

}  // namespace rehost
