#include "converter/printable.h"

#include "converter/utf8.h"

namespace rehost {
namespace {

bool controls_a_terminal(uint32_t code) {
  return (code < 0x20 && code != '\t' && code != '\n') || (code >= 0x7f && code < 0xa0);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Character next = first_character(text);
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
