#include "converter/html_text.h"

#include <fmt/format.h>

#include "converter/utf8.h"

namespace rehost {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Unicode's bidirectional controls and its invisible separators: a file name with one of them reads
// as another.
bool hides_or_turns(uint32_t code) {
  return code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
         code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
         (code >= 0xe0000 && code < 0xe1000);
}

// HTML's parser takes no noncharacters.
bool is_noncharacter(uint32_t code) {
  return (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
}

void add_character(std::string& out, uint32_t code, std::string_view bytes) {
  switch (code) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '"':
      out += "&quot;";
      return;
    case '\'':
      out += "&#39;";
      return;
    case '\t':
    case '\n':
      out += static_cast<char>(code);
      return;
    default:
      break;
  }
  if (code < 0x20) {
    out += fmt::format("&#x{:x};", 0x2400 + code);
  } else if (code == 0x7f) {
    out += "&#x2421;";
  } else if ((code > 0x7f && code < 0xa0) || is_noncharacter(code)) {
    out += kReplacement;
  } else if (hides_or_turns(code)) {
    out += fmt::format("[U+{:04X}]", code);
  } else {
    out += bytes;
  }
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const Utf8Character next = first_character(text);
    if (next.length == 0) {
      out += kReplacement;
      text.remove_prefix(1);
    } else {
      add_character(out, next.code, text.substr(0, next.length));
      text.remove_prefix(next.length);
    }
  }
  return out;
}

}  // namespace rehost
