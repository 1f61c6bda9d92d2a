// GRUB's script language as far as a grub.cfg needs it: commands, words, blocks, all with their
// places in the text. Conditions are not evaluated: both branches of an `if` are there.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

struct ScriptWord {
  size_t begin = 0;  // as written
  size_t end = 0;
  std::string
      text;  // quotes and escapes taken away; variables ($root, ${saved_entry}) are left as written
};

// `set default="0"`, or the words in front of a "{". Keywords (if, then, else, fi, ...) are no
// words of a command.
struct ScriptCommand {
  std::vector<ScriptWord> words;  // never empty
  std::optional<size_t> block;    // the block it stands in; nullopt at top level

  size_t begin() const { return words.front().begin; }
  size_t end() const { return words.back().end; }
};

// menuentry, submenu or function ... { ... }
struct ScriptBlock {
  std::optional<size_t> opener;  // the command in front of "{"
  std::optional<size_t> parent;  // the block around it
};

struct GrubScript {
  std::vector<ScriptCommand> commands;
  std::vector<ScriptBlock> blocks;
};

GrubScript parse_grub_script(std::string_view text);

}  // namespace rehost
