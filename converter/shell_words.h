// Words for a shell that must arrive as they are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"

namespace rehost {

// One line for sh(1) that runs exactly these words: each in single quotes.
std::string shell_line(const std::vector<std::string>& words);

// The same with its output, errors too, and its exit status as the last line.
std::string line_with_status(const std::vector<std::string>& words);
// What such a line has printed; nullopt when the status is missing.
std::optional<CommandResult> result_with_status(std::string_view printed);

}  // namespace rehost
