#include "converter/html_diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "converter/html_text.h"

namespace rehost {
namespace {

constexpr size_t kMostLines = 400;        // of one diff
constexpr size_t kLongestLine = 4096;     // bytes
constexpr size_t kMostBytes = 64u << 10;  // of one diff

// `header`: before the first hunk, where "--- a/etc/fstab" is no removed line.
std::string_view line_class(std::string_view line, bool header) {
  if (line.starts_with("@@")) {
    return "at";
  }
  if (header && (line.starts_with("--- ") || line.starts_with("+++ "))) {
    return "file";
  }
  if (line.starts_with('+')) {
    return "add";
  }
  return line.starts_with('-') ? "del" : "";
}

std::string html_line(std::string_view line, std::string_view kind) {
  const std::string open =
      kind.empty() ? std::string("<span>") : fmt::format("<span class=\"{}\">", kind);
  if (line.size() <= kLongestLine) {
    return open + html_text(line) + "</span>";
  }
  return open + html_text(line.substr(0, kLongestLine)) +
         fmt::format(" [{} more bytes]</span>", line.size() - kLongestLine);
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

std::string html_diff(std::string_view diff, DiffRoom& room) {
  std::string out = "<pre class=\"diff\">";
  bool header = true;
  size_t bytes = 0;
  for (size_t lines = 0; !diff.empty(); ++lines) {
    if (lines == kMostLines || bytes >= std::min(kMostBytes, room.bytes)) {
      const auto left = static_cast<size_t>(std::count(diff.begin(), diff.end(), '\n')) +
                        (diff.ends_with('\n') ? 0 : 1);
      out += fmt::format(
          "<span class=\"cut\">{} more lines: the JSON report has all of them</span>", left);
      break;
    }
    const std::string_view line = take_line(diff);
    header = header && !line.starts_with("@@");
    out += html_line(line, line_class(line, header));
    bytes += std::min(line.size(), kLongestLine) + 1;
  }
  room.bytes -= std::min(room.bytes, bytes);
  return out + "</pre>\n";
}

}  // namespace rehost
