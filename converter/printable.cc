#include "converter/printable.h"

#include <array>
#include <cstdint>

namespace rehost {
namespace {

struct Decoded {
  uint32_t code = 0;
  size_t length = 0;  // 0: no UTF-8
};

// One character of UTF-8 (RFC 3629), strictly enough to know what a terminal would make of it.
Decoded decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) {
    return {byte(0), 1};
  }
  constexpr std::array<unsigned char, 3> kLead{0xc0, 0xe0, 0xf0};
  constexpr std::array<unsigned char, 3> kMask{0xe0, 0xf0, 0xf8};
  for (size_t extra = 1; extra <= kLead.size(); ++extra) {
    if ((byte(0) & kMask[extra - 1]) != kLead[extra - 1] || text.size() <= extra) {
      continue;
    }
    uint32_t code = byte(0) & static_cast<unsigned char>(~kMask[extra - 1]);
    for (size_t i = 1; i <= extra; ++i) {
      if ((byte(i) & 0xc0) != 0x80) {
        return {};
      }
      code = code << 6 | (byte(i) & 0x3f);
    }
    return {code, extra + 1};
  }
  return {};
}

bool controls_a_terminal(uint32_t code) {
  return (code < 0x20 && code != '\t' && code != '\n') || (code >= 0x7f && code < 0xa0);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Decoded next = decode(text);
    const size_t length = next.length == 0 ? 1 : next.length;
    if (next.length == 0 || controls_a_terminal(next.code)) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace rehost
