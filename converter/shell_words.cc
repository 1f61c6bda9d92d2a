#include "converter/shell_words.h"

#include <charconv>

namespace rehost {
namespace {

constexpr std::string_view kStatusMark = "rehost-status:";

}  // namespace

std::string shell_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    line += line.empty() ? "'" : " '";
    for (const char c : word) {
      if (c == '\'') {
        line += "'\\''";
      } else {
        line += c;
      }
    }
    line += '\'';
  }
  return line;
}

std::string line_with_status(const std::vector<std::string>& words) {
  return "(" + shell_line(words) + ") 2>&1 </dev/null; echo \"" + std::string(kStatusMark) + "$?\"";
}

// The last mark counts: the command may print one, too.
std::optional<CommandResult> result_with_status(std::string_view printed) {
  const size_t mark = printed.rfind(kStatusMark);
  if (mark == std::string_view::npos) {
    return std::nullopt;
  }
  CommandResult result;
  result.output = printed.substr(0, mark);
  const std::string_view status = printed.substr(mark + kStatusMark.size());
  const auto [end, error] =
      std::from_chars(status.data(), status.data() + status.size(), result.exit_status);
  return error == std::errc() ? std::optional(result) : std::nullopt;
}

}  // namespace rehost
