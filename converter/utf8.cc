#include "converter/utf8.h"

#include <array>

namespace rehost {
namespace {

struct Form {
  unsigned char mask;
  unsigned char lead;
  uint32_t least;  // smaller codes have a shorter form
};
constexpr std::array<Form, 3> kForms{
    {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}}};
constexpr uint32_t kLastCode = 0x10ffff;

bool is_surrogate(uint32_t code) {
  return code >= 0xd800 && code < 0xe000;
}

}  // namespace

Utf8Character first_character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) {
    return {byte(0), 1};
  }
  for (size_t extra = 1; extra <= kForms.size(); ++extra) {
    const Form& form = kForms.at(extra - 1);
    if ((byte(0) & form.mask) != form.lead) {
      continue;
    }
    uint32_t code = byte(0) & static_cast<unsigned char>(~form.mask);
    for (size_t i = 1; i <= extra; ++i) {
      if (i >= text.size() || (byte(i) & 0xc0) != 0x80) {
        return {};
      }
      code = code << 6 | (byte(i) & 0x3f);
    }
    return code < form.least || code > kLastCode || is_surrogate(code)
               ? Utf8Character{}
               : Utf8Character{code, extra + 1};
  }
  return {};
}

}  // namespace rehost
