// NAME=value lines of files that a shell reads: /etc/default/grub, /etc/initramfs-tools/conf.d/*,
// os-release(5).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

// How a value is written.
enum class Quoting {
  bare,          // NAME=value
  single_quote,  // NAME='value'
  double_quote,  // NAME="value"
  mixed,  // pieces of several kinds, or a command substitution: to be read, not to be edited in
          // place
};

struct ShellAssignment {
  std::string name;
  bool appends = false;  // NAME+=value, which bash understands and dash does not
  bool closed = true;    // false: a quote is never closed, and no shell will read this file
  Quoting quoting = Quoting::bare;
  size_t line_begin = 0;   // of the line it starts on
  size_t value_begin = 0;  // the value with its quotes
  size_t value_end = 0;
  size_t text_begin = 0;  // the value without its outer quotes; as value_* when mixed
  size_t text_end = 0;
  size_t next_line = 0;  // where the line after it begins
  std::string value;  // quotes and escapes taken away; variables and commands are left as written
};

// All assignments in order, also those inside of if and for. Everything else is passed over. A
// quote that is never closed ends its value at the end of the text.
std::vector<ShellAssignment> parse_shell_assignments(std::string_view text);
bool all_closed(const std::vector<ShellAssignment>& assignments);

}  // namespace rehost
