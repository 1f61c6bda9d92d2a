// Guests choose names, and a terminal obeys escape codes: text for a terminal goes through here.
#pragma once

#include <string>
#include <string_view>

namespace rehost {

// Control characters other than tab and newline, C1 ones too, and bytes that are no UTF-8 become
// "?".
std::string printable(std::string_view text);

}  // namespace rehost
