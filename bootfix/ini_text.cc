#include "bootfix/ini_text.h"

#include <fmt/format.h>

#include <optional>

#include "bootfix/text_edits.h"

namespace rehost {
namespace {

std::optional<std::string_view> section_of_line(std::string_view line) {
  line = trim(line);
  if (line.size() < 2 || line.front() != '[' || line.back() != ']') {
    return std::nullopt;
  }
  return line.substr(1, line.size() - 2);
}

bool is_comment(std::string_view line) {
  line = trim(line);
  return line.empty() || line.front() == '#' || line.front() == ';';
}

}  // namespace

std::vector<IniEntry> parse_ini(std::string_view text, LineEnds ends) {
  std::vector<IniEntry> entries;
  std::string section;
  bool goes_on = false;
  for (const Line& line : split_lines(text)) {
    const std::string_view content = content_of(text, line);
    const bool ends_open = ends == LineEnds::backslash_goes_on && trim(content).ends_with('\\');
    if (goes_on) {
      IniEntry& last = entries.back();
      last.value += ' ';
      last.value += trim(content);
      last.value_end = line.end;
      last.next = line.next;
    } else if (is_comment(content)) {
      continue;
    } else if (const std::optional<std::string_view> name = section_of_line(content)) {
      section = *name;
      continue;
    } else {
      const size_t equals = content.find('=');
      if (equals == std::string_view::npos) {
        continue;
      }
      entries.push_back({.section = section,
                         .key = std::string(trim(content.substr(0, equals))),
                         .value = std::string(trim(content.substr(equals + 1))),
                         .begin = line.begin,
                         .value_begin = line.begin + equals + 1,
                         .value_end = line.end,
                         .next = line.next});
    }
    goes_on = ends_open;
    if (goes_on && entries.back().value.ends_with('\\')) {
      entries.back().value.pop_back();
    }
  }
  return entries;
}

std::vector<std::string> ini_sections(std::string_view text) {
  std::vector<std::string> sections;
  for (const Line& line : split_lines(text)) {
    if (const std::optional<std::string_view> name = section_of_line(content_of(text, line))) {
      sections.emplace_back(*name);
    }
  }
  return sections;
}

std::string ini_value(const std::vector<IniEntry>& entries, std::string_view section,
                      std::string_view key) {
  std::string value;
  for (const IniEntry& entry : entries) {
    if (entry.section == section && entry.key == key) {
      value = entry.value;
    }
  }
  return value;
}

std::string with_ini_value(std::string_view text, std::string_view section, std::string_view key,
                           std::string_view value) {
  TextEdits edits;
  const std::vector<IniEntry> entries = parse_ini(text, LineEnds::plain);
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->section == section && entry->key == key) {
      edits.replace(entry->value_begin, entry->value_end, value);
      return edits.apply(text);
    }
  }
  const std::string line = fmt::format("{}={}", key, value);
  for (const Line& header : split_lines(text)) {
    if (section_of_line(content_of(text, header)) != section) {
      continue;
    }
    if (header.next == header.end) {
      return with_line_appended(text, line);
    }
    edits.insert(header.next, line + line_ending(text));
    return edits.apply(text);
  }
  std::string result(text);
  if (!result.empty()) {
    result = with_line_appended(result, "");
  }
  return with_line_appended(with_line_appended(result, fmt::format("[{}]", section)), line);
}

}  // namespace rehost
