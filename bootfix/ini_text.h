// [section] and key=value files: the keyfiles of NetworkManager and the units of systemd.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

struct IniEntry {
  std::string section;  // without its brackets
  std::string key;
  std::string value;  // blanks at both ends taken away; systemd's lines that go on are joined
  size_t begin = 0;   // of its first line
  size_t value_begin = 0;
  size_t value_end = 0;
  size_t next = 0;  // behind its last line
};

enum class LineEnds { plain, backslash_goes_on };

// In order. Comments (# and ;) and lines without = are passed over.
std::vector<IniEntry> parse_ini(std::string_view text, LineEnds ends);
// The sections in order, each as often as it is opened.
std::vector<std::string> ini_sections(std::string_view text);

// The last one counts; "": none.
std::string ini_value(const std::vector<IniEntry>& entries, std::string_view section,
                      std::string_view key);

// The value replaced where it stands, else a line added at the top of the section, else a section
// added at the end.
std::string with_ini_value(std::string_view text, std::string_view section, std::string_view key,
                           std::string_view value);

}  // namespace rehost
