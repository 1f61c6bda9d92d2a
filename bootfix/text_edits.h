// Lines and splices: how the text modules of this directory change a few bytes of a file and keep
// all others.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

// One line of a text. `end` is where its content ends, `next` where the following line begins: the
// bytes between them are the line ending ("\n", "\r\n" or, on the last line, nothing).
struct Line {
  size_t begin = 0;
  size_t end = 0;
  size_t next = 0;
};

std::vector<Line> split_lines(std::string_view text);
std::string_view content_of(std::string_view text, const Line& line);

// The ending new lines of this text should have: that of its first line, "\n" when it has none.
std::string line_ending(std::string_view text);
// The text with one more line at its end, and the newline that was missing before it.
std::string with_line_appended(std::string_view text, std::string_view line);

// A field of a line, by position.
struct Field {
  size_t begin = 0;
  size_t end = 0;
};
// Fields separated by spaces and tabs, as fstab(5) and its kind have them.
std::vector<Field> split_fields(std::string_view text, const Line& line);
std::vector<std::string> split_words(std::string_view text);
std::vector<std::string> split_at_commas(std::string_view text);  // mount options

std::string_view trim(std::string_view text);   // spaces, tabs and carriage returns at both ends
bool is_blank(char c);                          // space or tab
bool all_digits(std::string_view text);         // at least one digit and nothing else
std::string lower_case(std::string_view text);  // ASCII only

// Replacements collected while reading and made all at once. Positions are those of the original
// text; two replacements must not overlap. Several insertions at one place come out in the order in
// which they were made.
class TextEdits {
 public:
  void replace(size_t begin, size_t end, std::string_view replacement);
  void insert(size_t at, std::string_view inserted) { replace(at, at, inserted); }
  void remove(size_t begin, size_t end) { replace(begin, end, ""); }
  bool empty() const { return splices_.empty(); }
  std::string apply(std::string_view text) const;

 private:
  struct Splice {
    size_t begin;
    size_t end;
    std::string replacement;
  };
  std::vector<Splice> splices_;
};

}  // namespace rehost
