// Text of a guest on its way into a page: whatever it is, it comes out as text.
#pragma once

#include <string>
#include <string_view>

namespace rehost {

// For element content and for attribute values in double quotes. Markup characters become
// references; control characters other than tab and newline become their pictures (U+2400 and on),
// those that turn the direction of writing are named, and bytes that are no UTF-8 become U+FFFD.
std::string html_text(std::string_view text);

}  // namespace rehost
