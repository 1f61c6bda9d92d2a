#include "bootfix/yaml_lines.h"

#include <optional>

#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr size_t kMaxDepth = 32;

// The text in front of a comment: # at the start or behind a blank, not in quotes.
std::string_view without_comment(std::string_view text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      quote = c == quote ? '\0' : quote;
    } else if ((c == '"' || c == '\'') && (i == 0 || text[i - 1] != '\\')) {
      quote = c;
    } else if (c == '#' && (i == 0 || is_blank(text[i - 1]))) {
      return text.substr(0, i);
    }
  }
  return text;
}

std::string unquoted(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  }
  return std::string(text);
}

// Where the colon behind a key is; nullopt: there is none.
std::optional<size_t> colon_of_key(std::string_view text) {
  size_t at = 0;
  if (!text.empty() && (text[0] == '"' || text[0] == '\'')) {
    const size_t close = text.find(text[0], 1);
    if (close == std::string_view::npos) {
      return std::nullopt;
    }
    at = close + 1;
  }
  for (; at < text.size(); ++at) {
    if (text[at] == ':' && (at + 1 == text.size() || is_blank(text[at + 1]))) {
      return at;
    }
  }
  return std::nullopt;
}

// Anchors, tags, blocks of text and what goes on in the next line.
bool is_beyond_us(std::string_view value) {
  if (value.empty()) {
    return false;
  }
  const char first = value.front();
  const bool opens = first == '[' || first == '{';
  const bool quoted = first == '"' || first == '\'';
  return first == '&' || first == '*' || first == '!' || first == '|' || first == '>' ||
         (opens && value.back() != (first == '[' ? ']' : '}')) ||
         (quoted && (value.size() < 2 || value.back() != first));
}

class YamlReader {
 public:
  YamlReading read(std::string_view text) {
    for (const Line& line : split_lines(text)) {
      read_line(without_comment(content_of(text, line)));
    }
    return std::move(reading_);
  }

 private:
  struct Level {
    size_t indent;
    std::string key;
  };

  void read_line(std::string_view content) {
    const std::string_view body = trim(content);
    if (body.empty() || body == "---" || body == "...") {
      reading_.understood = reading_.understood && (body.empty() || reading_.values.empty());
      return;
    }
    size_t indent = content.find_first_not_of(' ');
    if (content[indent] == '\t') {
      reading_.understood = false;
      return;
    }
    std::string_view rest = body;
    bool item = false;
    while (rest == "-" || rest.starts_with("- ")) {
      item = true;
      const std::string_view behind = trim(rest.substr(1));
      const size_t step = rest.size() - behind.size();
      leave_levels(indent, item);
      indent += step;
      rest = behind;
      if (rest.empty()) {
        return;
      }
    }
    read_node(indent, rest, item);
  }

  void read_node(size_t indent, std::string_view text, bool item) {
    const bool flow = text.front() == '{' || text.front() == '[';
    const std::optional<size_t> colon = flow ? std::nullopt : colon_of_key(text);
    if (!colon) {
      if (!item || levels_.empty()) {
        reading_.understood = false;  // a value that goes on, or no mapping at all
        return;
      }
      add_value(text);
      return;
    }
    leave_levels(indent, false);
    if (levels_.size() >= kMaxDepth) {
      reading_.understood = false;
      return;
    }
    levels_.push_back({indent, unquoted(text.substr(0, *colon))});
    add_value(trim(text.substr(*colon + 1)));
  }

  // An item of a list may stand as far left as the key that it belongs to.
  void leave_levels(size_t indent, bool item) {
    while (!levels_.empty() &&
           (item ? levels_.back().indent > indent : levels_.back().indent >= indent)) {
      levels_.pop_back();
    }
  }

  void add_value(std::string_view value) {
    if (is_beyond_us(value)) {
      reading_.understood = false;
    }
    std::vector<std::string> path;
    for (const Level& level : levels_) {
      path.push_back(level.key);
    }
    if (value.size() >= 2 && value.front() == '{' && value.back() == '}') {
      read_flow_mapping(path, value.substr(1, value.size() - 2));
      return;
    }
    reading_.values.push_back({std::move(path), unquoted(value)});
  }

  // {name: "e*", driver: ena}: one level of it, no more.
  void read_flow_mapping(const std::vector<std::string>& path, std::string_view inside) {
    reading_.values.push_back({path, ""});
    if (inside.find_first_of("{}[]") != std::string_view::npos) {
      reading_.understood = false;
      return;
    }
    for (const std::string& pair : split_at_commas(inside)) {
      const std::string_view text = trim(pair);
      const std::optional<size_t> colon = colon_of_key(text);
      if (!colon) {
        reading_.understood = reading_.understood && text.empty();
        continue;
      }
      std::vector<std::string> inner = path;
      inner.push_back(unquoted(text.substr(0, *colon)));
      reading_.values.push_back({std::move(inner), unquoted(text.substr(*colon + 1))});
    }
  }

  YamlReading reading_;
  std::vector<Level> levels_;
};

}  // namespace

YamlReading read_yaml_lines(std::string_view text) {
  return YamlReader().read(text);
}

}  // namespace rehost
