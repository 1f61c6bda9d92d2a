#include "converter/printable.h"

#include <algorithm>

namespace rehost {

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(),
      [](unsigned char c) { return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f; }, '?');
  return out;
}

}  // namespace rehost
