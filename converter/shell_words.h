// Words for a shell that must arrive as they are.
#pragma once

#include <string>
#include <vector>

namespace rehost {

// One line for sh(1) that runs exactly these words: each in single quotes.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace rehost
