#include "bootfix/grubenv.h"

#include <utility>

namespace rehost {

std::map<std::string, std::string> parse_grubenv(std::string_view block) {
  std::map<std::string, std::string> variables;
  if (!block.starts_with("# GRUB Environment Block\n")) {
    return variables;
  }
  std::string name;
  std::string text;
  bool in_value = false;
  for (size_t at = block.find('\n') + 1; at < block.size(); ++at) {
    const char c = block[at];
    if (c == '\\' && at + 1 < block.size()) {
      text += block[++at];  // a newline inside of a value, too
    } else if (c == '\n') {
      if (in_value) {
        variables[name] = text;
      }
      text.clear();
      in_value = false;
    } else if (c == '=' && !in_value) {
      name = std::exchange(text, "");
      in_value = true;
    } else {
      text += c;
    }
  }
  return variables;
}

}  // namespace rehost
