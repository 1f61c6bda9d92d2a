// Unified diffs of planned edits, for people.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "converter/core/edit.h"
#include "converter/core/guest.h"

namespace rehost {

// A unified diff with three lines of context; nullopt for a side means that there is no such file.
// Bytes that are no text give one line that says so.
std::string unified_diff(const GuestPath& path, std::optional<std::string_view> before,
                         std::optional<std::string_view> after);

// What one edit does to the guest beneath it, as a diff or a few lines of words.
std::string describe_change(const GuestView& before, const Edit& edit);

}  // namespace rehost
