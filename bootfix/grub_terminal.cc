#include "bootfix/grub_terminal.h"

#include <algorithm>

#include "bootfix/grub_script.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kTerminals = "console serial";
constexpr std::string_view kSerialCommand = "serial --speed=115200";

bool has_word(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool has_serial(std::string_view terminals) {
  return has_word(split_words(terminals), "serial");
}

bool names_serial(const ScriptCommand& command) {
  return std::any_of(command.words.begin() + 1, command.words.end(), [](const ScriptWord& word) {
    return word.text == "serial" || word.text.starts_with("serial_");
  });
}

// A line of its own in front of `command`, indented as it is; behind `then` on the same line, a
// command of its own.
void insert_command_before(std::string_view text, const ScriptCommand& command,
                           std::string_view inserted, TextEdits& edits) {
  const size_t at = command.begin();
  size_t indent = at;
  while (indent > 0 && is_blank(text[indent - 1])) {
    --indent;
  }
  const bool starts_line = indent == 0 || text[indent - 1] == '\n';
  edits.insert(at, inserted);
  edits.insert(
      at, starts_line ? line_ending(text) + std::string(text.substr(indent, at - indent)) : "; ");
}

}  // namespace

void use_serial_terminal(GrubDefaults& defaults) {
  const std::string both =
      defaults.value("GRUB_TERMINAL");  // when set, it rules over the other two
  if (has_word(split_words(both), "ec2-console")) {
    return;  // Amazon Linux: its 00_header writes the serial port and both terminals for it
  }
  const std::string input = both.empty() ? defaults.value("GRUB_TERMINAL_INPUT") : both;
  const std::string output = both.empty() ? defaults.value("GRUB_TERMINAL_OUTPUT") : both;
  if (!has_serial(input) || !has_serial(output)) {
    defaults.set("GRUB_TERMINAL", kTerminals);
  }
  const std::string command = defaults.value("GRUB_SERIAL_COMMAND");
  const bool other_port = command.find("--unit") != std::string::npos &&
                          command.find("--unit=0") == std::string::npos &&
                          command.find("--unit 0") == std::string::npos;
  if (!has_serial(command) || other_port) {
    defaults.set("GRUB_SERIAL_COMMAND", kSerialCommand);
  }
}

std::string with_serial_terminal(std::string_view grub_cfg) {
  const GrubScript script = parse_grub_script(grub_cfg);
  const ScriptCommand* first_output = nullptr;
  bool has_input = false;
  bool has_command = false;
  TextEdits edits;
  for (const ScriptCommand& command : script.commands) {
    const std::string& name = command.words.front().text;
    has_command = has_command || name == "serial";
    has_input = has_input || name == "terminal_input";
    if (name == "terminal_output" && first_output == nullptr) {
      first_output = &command;
    }
    if ((name == "terminal_output" || name == "terminal_input") && command.words.size() > 1 &&
        !names_serial(command)) {
      edits.replace(command.words[1].begin, command.words.back().end, kTerminals);
    }
  }
  if (first_output == nullptr) {
    return std::string(grub_cfg);
  }
  const auto first_choice = std::find_if(
      script.commands.begin(), script.commands.end(), [](const ScriptCommand& command) {
        const std::string& name = command.words.front().text;
        return name == "terminal_output" || name == "terminal_input";
      });
  if (!has_command) {
    insert_command_before(grub_cfg, *first_choice, kSerialCommand, edits);
  }
  if (!has_input) {
    insert_command_before(grub_cfg, *first_output, "terminal_input " + std::string(kTerminals),
                          edits);
  }
  return edits.apply(grub_cfg);
}

}  // namespace rehost
