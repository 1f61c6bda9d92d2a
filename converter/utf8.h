// Characters of UTF-8, strictly (RFC 3629): texts of guests go to terminals and browsers, which are
// strict in ways of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rehost {

struct Utf8Character {
  uint32_t code = 0;
  size_t length = 0;  // in bytes; 0: no UTF-8 begins here
};

// The first character of a text that is not empty. Overlong forms, halves of surrogate pairs and
// what lies beyond U+10FFFF are none.
Utf8Character first_character(std::string_view text);

}  // namespace rehost
