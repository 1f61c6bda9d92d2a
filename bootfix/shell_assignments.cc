#include "bootfix/shell_assignments.h"

#include <algorithm>

#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool is_name_char(char c, bool first) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (!first && c >= '0' && c <= '9');
}

bool ends_bare_value(char c) {
  return is_blank(c) || c == '\n' || c == '\r' || c == ';' || c == '&' || c == '|' || c == ')';
}

// Reads one shell word from `at`, piece by piece.
class ValueReader {
 public:
  ValueReader(std::string_view text, size_t at) : text_(text), at_(at) {}

  void read(ShellAssignment& assignment) {
    assignment.value_begin = at_;
    while (at_ < text_.size() && !ends_bare_value(text_[at_])) {
      read_piece();
    }
    assignment.value_end = at_;
    assignment.value = std::move(value_);
    assignment.closed = closed_ && !unfinished_;
    assignment.quoting = pieces_ == 1 && !substitution_ ? kind_ : Quoting::mixed;
    if (pieces_ == 0) {
      assignment.quoting = Quoting::bare;
    }
    const bool quoted =
        assignment.quoting == Quoting::single_quote || assignment.quoting == Quoting::double_quote;
    assignment.text_begin = assignment.value_begin + (quoted ? 1 : 0);
    assignment.text_end = assignment.value_end - (quoted && closed_ ? 1 : 0);
  }

 private:
  void read_piece() {
    const char c = text_[at_];
    if (c == '\'') {
      start_piece(Quoting::single_quote);
      read_single_quoted();
    } else if (c == '"') {
      start_piece(Quoting::double_quote);
      read_double_quoted();
    } else if (c == '`') {
      substitution_ = true;
      start_piece(Quoting::bare);
      read_backquoted();
    } else {
      if (!in_bare_) {
        start_piece(Quoting::bare);
        in_bare_ = true;
      }
      read_bare_char();
    }
  }

  void start_piece(Quoting kind) {
    ++pieces_;
    kind_ = kind;
    in_bare_ = false;
  }

  void read_single_quoted() {
    const size_t close = text_.find('\'', at_ + 1);
    closed_ = close != kNone;
    const size_t end = closed_ ? close : text_.size();
    value_ += text_.substr(at_ + 1, end - at_ - 1);
    at_ = closed_ ? close + 1 : end;
  }

  void read_double_quoted() {
    ++at_;
    closed_ = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        closed_ = true;
        ++at_;
        return;
      }
      if (c == '\\' && at_ + 1 < text_.size()) {
        read_escape();
        continue;
      }
      value_ += c;
      ++at_;
    }
  }

  // Inside double quotes a backslash is only special before these.
  void read_escape() {
    const char next = text_[at_ + 1];
    if (next == '"' || next == '\\' || next == '$' || next == '`') {
      value_ += next;
    } else if (next != '\n') {
      value_ += '\\';
      value_ += next;
    }
    at_ += 2;
  }

  void read_backquoted() {
    const size_t close = text_.find('`', at_ + 1);
    unfinished_ = unfinished_ || close == kNone;
    const size_t end = close == kNone ? text_.size() : close + 1;
    value_ += text_.substr(at_, end - at_);
    at_ = end;
  }

  void read_bare_char() {
    if (text_[at_] == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '(') {
      substitution_ = true;
      const size_t close = text_.find(')', at_);
      unfinished_ = unfinished_ || close == kNone;
      const size_t end = close == kNone ? text_.size() : close + 1;
      value_ += text_.substr(at_, end - at_);
      at_ = end;
      return;
    }
    if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
      if (text_[at_ + 1] != '\n') {
        value_ += text_[at_ + 1];
      }
      at_ += 2;
      return;
    }
    unfinished_ = unfinished_ || text_[at_] == '\\';  // the last byte of the text
    value_ += text_[at_++];
  }

  std::string_view text_;
  size_t at_;
  std::string value_;
  int pieces_ = 0;
  Quoting kind_ = Quoting::bare;
  bool in_bare_ = false;
  bool substitution_ = false;
  bool closed_ = true;       // the last quote
  bool unfinished_ = false;  // a ` or $( without its end, a backslash without what it escapes
};

// Where the name of an assignment may begin on a line: behind blanks and `export`.
size_t skip_to_name(std::string_view text, size_t at) {
  const auto skip_blanks = [&] {
    while (at < text.size() && is_blank(text[at])) {
      ++at;
    }
  };
  skip_blanks();
  constexpr std::string_view kExport = "export";
  if (text.substr(at, kExport.size()) == kExport && at + kExport.size() < text.size() &&
      is_blank(text[at + kExport.size()])) {
    at += kExport.size();
    skip_blanks();
  }
  return at;
}

size_t next_line_after(std::string_view text, size_t at) {
  const size_t newline = text.find('\n', at);
  return newline == kNone ? text.size() : newline + 1;
}

}  // namespace

std::vector<ShellAssignment> parse_shell_assignments(std::string_view text) {
  std::vector<ShellAssignment> assignments;
  size_t line = 0;
  while (line < text.size()) {
    ShellAssignment assignment;
    assignment.line_begin = line;
    const size_t name = skip_to_name(text, line);
    size_t at = name;
    while (at < text.size() && is_name_char(text[at], at == name)) {
      ++at;
    }
    assignment.name = text.substr(name, at - name);
    assignment.appends = text.substr(at, 2) == "+=";
    at += assignment.appends ? 1 : 0;
    if (assignment.name.empty() || at >= text.size() || text[at] != '=') {
      line = next_line_after(text, line);
      continue;
    }
    ValueReader(text, at + 1).read(assignment);
    assignment.next_line = next_line_after(text, assignment.value_end);
    line = assignment.next_line;
    assignments.push_back(std::move(assignment));
  }
  return assignments;
}

bool all_closed(const std::vector<ShellAssignment>& assignments) {
  return std::all_of(assignments.begin(), assignments.end(),
                     [](const ShellAssignment& a) { return a.closed; });
}

}  // namespace rehost
