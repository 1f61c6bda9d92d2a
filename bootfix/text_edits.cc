#include "bootfix/text_edits.h"

#include <algorithm>

namespace rehost {

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  size_t at = 0;
  while (at < text.size()) {
    const size_t newline = text.find('\n', at);
    Line line{.begin = at, .end = text.size(), .next = text.size()};
    if (newline != std::string_view::npos) {
      line.end = newline;
      line.next = newline + 1;
      if (line.end > line.begin && text[line.end - 1] == '\r') {
        --line.end;
      }
    }
    lines.push_back(line);
    at = line.next;
  }
  return lines;
}

std::string_view content_of(std::string_view text, const Line& line) {
  return text.substr(line.begin, line.end - line.begin);
}

std::string line_ending(std::string_view text) {
  const size_t newline = text.find('\n');
  const bool dos = newline != std::string_view::npos && newline > 0 && text[newline - 1] == '\r';
  return dos ? "\r\n" : "\n";
}

namespace {

std::string_view trim_end(std::string_view text) {
  const size_t last = text.find_last_not_of("\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace

std::string with_line_appended(std::string_view text, std::string_view line) {
  const std::string ending = line_ending(text);
  std::string result(text);
  if (!result.empty() && result.back() != '\n') {
    result += ending;
  }
  if (trim_end(result).ends_with('\\')) {
    result += ending;  // a last line that goes on would swallow ours
  }
  result += line;
  result += ending;
  return result;
}

std::vector<Field> split_fields(std::string_view text, const Line& line) {
  std::vector<Field> fields;
  size_t at = line.begin;
  while (at < line.end) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    Field field{.begin = at, .end = at};
    while (field.end < line.end && !is_blank(text[field.end])) {
      ++field.end;
    }
    fields.push_back(field);
    at = field.end;
  }
  return fields;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (const Line& line : split_lines(text)) {
    for (const Field& field : split_fields(text, line)) {
      words.emplace_back(text.substr(field.begin, field.end - field.begin));
    }
  }
  return words;
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> options;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    options.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return options;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return is_blank(c) || c == '\r'; };
  while (!text.empty() && blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

void TextEdits::replace(size_t begin, size_t end, std::string_view replacement) {
  splices_.push_back({begin, end, std::string(replacement)});
}

std::string TextEdits::apply(std::string_view text) const {
  std::vector<Splice> ordered = splices_;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Splice& a, const Splice& b) { return a.begin < b.begin; });
  std::string result;
  size_t at = 0;
  for (const Splice& splice : ordered) {
    result += text.substr(at, splice.begin - at);
    result += splice.replacement;
    at = splice.end;
  }
  result += text.substr(at);
  return result;
}

}  // namespace rehost
