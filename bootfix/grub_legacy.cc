#include "bootfix/grub_legacy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "bootfix/boot_rules.h"
#include "bootfix/grub2.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

constexpr size_t kMaxEntries = 1000;
constexpr std::string_view kSerialCommand = "serial --unit=0 --speed=115200";
// Both, whichever hears a key first; after the timeout the serial line.
constexpr std::string_view kTerminals = "--timeout=5 serial console";

std::string_view argument_of(std::string_view text, const LegacyCommand& command) {
  return text.substr(command.argument_begin, command.argument_end - command.argument_begin);
}

bool names_root(std::string_view text, const LegacyKernelLine& line) {
  return KernelArguments::parse(
             text.substr(line.arguments_begin, line.arguments_end - line.arguments_begin))
      .has("root");
}

// "kernel [--type=..] [--no-mem-option] FILE ..."
LegacyKernelLine kernel_line_of(std::string_view text, const LegacyCommand& command) {
  LegacyKernelLine line{.entry = *command.entry,
                        .line = command.line,
                        .arguments_begin = command.argument_end,
                        .arguments_end = command.argument_end,
                        .path = ""};
  for (const Field& word :
       split_fields(text, {command.argument_begin, command.argument_end, command.argument_end})) {
    const std::string_view written = text.substr(word.begin, word.end - word.begin);
    if (!written.starts_with("--")) {
      line.path = written;
      line.arguments_begin = word.end;
      break;
    }
  }
  return line;
}

void adapt_kernel_lines(std::string_view text, const GuestPath& file, const GuestView& guest,
                        const BootRules& rules, TextEdits& edits, std::vector<Warning>& warnings) {
  for (const LegacyKernelLine& line : legacy_kernel_lines(text, parse_grub_legacy(text))) {
    if (!names_root(text, line)) {
      continue;  // memtest86+
    }
    KernelArguments arguments = KernelArguments::parse(
        text.substr(line.arguments_begin, line.arguments_end - line.arguments_begin));
    const std::optional<GuestPath> kernel = file_of_boot_path(guest, line.path);
    const std::string subject = fmt::format("{} line {}", file.str(), line.line);
    if (!kernel) {
      clean_arguments(arguments, rules.for_another_system(), subject, warnings);
    } else if (line.under_xen) {
      clean_arguments(arguments, rules.for_kernel(*kernel), subject, warnings);
    } else {
      adapt_arguments(arguments, rules.for_kernel(*kernel), subject, warnings);
    }
    edits.replace(line.arguments_begin, line.arguments_end, arguments.text());
  }
}

// "# kopt=root=/dev/sda1 ro", "# kopt_2_6=...", "# defoptions=quiet": update-grub of Debian and
// Ubuntu before GRUB 2 makes its entries of them. "## " is a comment in truth.
struct MagicComment {
  std::string name;
  size_t value_begin = 0;
  size_t value_end = 0;
};

std::vector<MagicComment> magic_comments(std::string_view text) {
  std::vector<MagicComment> comments;
  for (const Line& line : split_lines(text)) {
    const std::string_view content = content_of(text, line);
    const size_t equals = content.find('=');
    if (!content.starts_with("# ") || equals == std::string_view::npos) {
      continue;
    }
    const std::string_view name = content.substr(2, equals - 2);
    if (name == "kopt" || name.starts_with("kopt_") || name == "defoptions") {
      comments.push_back({std::string(name), line.begin + equals + 1, line.end});
    }
  }
  return comments;
}

void adapt_magic_comments(std::string_view text, const GuestPath& file, const ArgumentRules& rules,
                          TextEdits& edits, std::vector<Warning>& warnings) {
  const std::vector<MagicComment> comments = magic_comments(text);
  KernelArguments defaults;
  const auto words_of = [&](const MagicComment& comment) {
    KernelArguments words = KernelArguments::parse(
        text.substr(comment.value_begin, comment.value_end - comment.value_begin));
    clean_arguments(words, rules, fmt::format("# {} in {}", comment.name, file.str()), warnings);
    return words;
  };
  for (const MagicComment& comment : comments) {
    if (comment.name == "defoptions") {
      defaults = words_of(comment);
      edits.replace(comment.value_begin, comment.value_end, defaults.text());
    }
  }
  for (const MagicComment& comment : comments) {
    if (comment.name != "defoptions") {
      KernelArguments words = words_of(comment);
      for (const std::string& word : missing_arguments({words, defaults}, rules)) {
        words.add(word);
      }
      edits.replace(comment.value_begin, comment.value_end, words.text());
    }
  }
}

bool is_other_port(std::string_view serial) {
  for (const std::string& word : split_words(serial)) {
    if ((word.starts_with("--unit=") && word != "--unit=0") || word.starts_with("--port")) {
      return true;
    }
  }
  return false;
}

// Both commands must stand in front of the first title.
std::string with_legacy_serial(std::string_view text) {
  const std::vector<LegacyCommand> commands = parse_grub_legacy(text);
  if (commands.empty()) {
    return std::string(text);
  }
  bool has_serial = false;
  bool has_terminal = false;
  size_t place = 0;
  TextEdits edits;
  for (const LegacyCommand& command : commands) {
    if (command.entry) {
      break;
    }
    place = command.next_line;
    const std::string_view argument = argument_of(text, command);
    if (command.name == "serial") {
      has_serial = true;
      if (is_other_port(argument)) {
        edits.replace(command.argument_begin, command.argument_end,
                      kSerialCommand.substr(kSerialCommand.find(' ') + 1));
      }
    } else if (command.name == "terminal") {
      const std::vector<std::string> words = split_words(argument);
      has_terminal = true;
      if (std::find(words.begin(), words.end(), "serial") == words.end()) {
        edits.replace(command.argument_begin, command.argument_end, kTerminals);
      }
    }
  }
  const std::string ending = line_ending(text);
  const bool newline = place == 0 || text[place - 1] == '\n';
  std::string lines = newline ? "" : ending;
  // `serial` has to come before `terminal`: behind one that is there already it does no good.
  if (!has_serial) {
    if (has_terminal) {
      edits.insert(commands.front().begin, std::string(kSerialCommand) + ending);
    } else {
      lines += std::string(kSerialCommand) + ending;
    }
  }
  if (!has_terminal) {
    lines += fmt::format("terminal {}{}", kTerminals, ending);
  }
  if (!has_terminal) {
    edits.insert(place, lines);
  }
  return edits.apply(text);
}

FixResult plan_grub_legacy(const GuestView& guest, const Inspection& inspection,
                           const Target& target) {
  FixResult result;
  for (const GuestPath& path : grub_legacy_files(guest, inspection.firmware)) {
    const std::optional<TextFile> file = read_text_file(guest, path);
    if (!file) {
      continue;
    }
    GrubLegacyRewrite rewrite = adapt_grub_legacy(file->content, path, guest, inspection, target);
    plan_rewrite(
        result, kGrubLegacyFix.name, *file, rewrite.text,
        "the boot menu must find the root file system and speak on the serial console of EC2");
    std::move(rewrite.warnings.begin(), rewrite.warnings.end(),
              std::back_inserter(result.warnings));
  }
  return result;
}

std::optional<size_t> number_in(std::string_view text) {
  text = trim(text);
  size_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && (at == end || *at == '\n' || *at == ' ') ? std::optional(number)
                                                                          : std::nullopt;
}

// grub-set-default(8) keeps the number in the first line of a file of fixed size.
size_t default_number(const GuestView& guest, const GuestPath& menu, std::string_view text,
                      const std::vector<LegacyCommand>& commands) {
  std::optional<size_t> number;
  for (const LegacyCommand& command : commands) {
    if (command.name != "default" || command.entry) {
      continue;
    }
    const std::string_view argument = trim(argument_of(text, command));
    const std::string saved =
        argument == "saved" ? guest.read(menu.parent() / "default").value_or("") : "";
    number = number_in(argument == "saved" ? saved.substr(0, saved.find('\n')) : argument);
  }
  return number.value_or(0);
}

}  // namespace

constinit const Fix kGrubLegacyFix = {
    .name = "grub-legacy",
    .heading = "Prepare the menu of GRUB legacy for EC2",
    .description =
        "In menu.lst or grub.conf, on every kernel line and in the defaults of Debian's old "
        "update-grub: root by UUID, serial console, the NVMe timeout that its kernel accepts. The "
        "menu shows on the serial console too.",
    .plan = plan_grub_legacy,
};

std::vector<LegacyCommand> parse_grub_legacy(std::string_view text) {
  std::vector<LegacyCommand> commands;
  std::optional<size_t> entry;
  int number = 0;
  for (const Line& line : split_lines(text)) {
    ++number;
    size_t at = line.begin;
    while (at < line.end && is_blank(text[at])) {
      ++at;
    }
    if (at == line.end || text[at] == '#') {
      continue;
    }
    LegacyCommand command;
    command.line = number;
    command.begin = line.begin;
    command.next_line = line.next;
    const size_t name = at;
    while (at < line.end && !is_blank(text[at]) && text[at] != '=') {
      ++at;
    }
    command.name = text.substr(name, at - name);
    while (at < line.end && (is_blank(text[at]) || text[at] == '=')) {
      ++at;
    }
    command.argument_begin = at;
    command.argument_end = line.end;
    if (command.name == "title") {
      entry = entry ? *entry + 1 : 0;
    }
    command.entry = entry;
    commands.push_back(std::move(command));
  }
  return commands;
}

std::vector<LegacyKernelLine> legacy_kernel_lines(std::string_view text,
                                                  const std::vector<LegacyCommand>& commands) {
  std::vector<LegacyKernelLine> lines;
  for (const LegacyCommand& command : commands) {
    if (!command.entry || lines.size() >= kMaxEntries) {
      continue;
    }
    const bool same_entry = !lines.empty() && lines.back().entry == *command.entry;
    if (command.name == "kernel") {
      lines.push_back(kernel_line_of(text, command));
    } else if (command.name == "module" && same_entry && !lines.back().under_xen) {
      // The first module of a hypervisor is Linux; the next one is its initramfs.
      lines.back() = kernel_line_of(text, command);
      lines.back().under_xen = true;
    }
  }
  return lines;
}

GrubLegacyRewrite adapt_grub_legacy(std::string_view text, const GuestPath& file,
                                    const GuestView& guest, const Inspection& inspection,
                                    const Target& target) {
  const NameMap names(inspection);
  const BootRules rules(guest, inspection, target, names);
  GrubLegacyRewrite rewrite;
  TextEdits edits;
  adapt_kernel_lines(text, file, guest, rules, edits, rewrite.warnings);
  adapt_magic_comments(text, file, rules.for_default_kernel(), edits, rewrite.warnings);
  rewrite.text = with_legacy_serial(edits.apply(text));
  return rewrite;
}

std::vector<GuestPath> grub_legacy_files(const GuestView& guest, Firmware firmware) {
  std::vector<GuestPath> files;
  if (!grub_cfg_files(guest, firmware).empty()) {
    return files;
  }
  for (const std::string_view candidate : {"/boot/grub/grub.conf", "/boot/grub/menu.lst"}) {
    const std::optional<TextFile> file = read_text_file(guest, GuestPath(candidate));
    if (!file || std::find(files.begin(), files.end(), file->path) != files.end()) {
      continue;
    }
    if (!legacy_kernel_lines(file->content, parse_grub_legacy(file->content)).empty()) {
      files.push_back(file->path);
    }
  }
  return files;
}

std::optional<BootConfig> read_grub_legacy(const GuestView& guest, Firmware firmware) {
  const std::vector<GuestPath> files = grub_legacy_files(guest, firmware);
  const auto file = files.empty() ? std::nullopt : read_text_file(guest, files.front());
  if (!file) {
    return std::nullopt;
  }
  const std::vector<LegacyCommand> commands = parse_grub_legacy(file->content);
  const size_t wanted = default_number(guest, file->path, file->content, commands);
  BootConfig config;
  config.file = file->path;
  for (const LegacyKernelLine& line : legacy_kernel_lines(file->content, commands)) {
    if (line.entry == wanted) {
      config.default_entry = config.entries.size();
    }
    BootEntry entry;
    entry.kernel = line.path;
    entry.kernel_file = file_of_boot_path(guest, line.path);
    entry.arguments =
        file->content.substr(line.arguments_begin, line.arguments_end - line.arguments_begin);
    entry.default_name = std::to_string(line.entry);
    entry.under_xen = line.under_xen;
    entry.file = file->path;
    for (const LegacyCommand& command : commands) {
      if (command.entry != line.entry) {
        continue;
      }
      if (command.name == "title") {
        entry.title = trim(argument_of(file->content, command));
      } else if (command.name == "initrd" ||
                 (command.name == "module" && command.line > line.line)) {
        const std::vector<std::string> words = split_words(argument_of(file->content, command));
        entry.initrds.insert(entry.initrds.end(), words.begin(), words.end());
      }
    }
    for (const std::string& initrd : entry.initrds) {
      if (std::optional<GuestPath> found = file_of_boot_path(guest, initrd)) {
        entry.initrd_files.push_back(std::move(*found));
      }
    }
    config.entries.push_back(std::move(entry));
  }
  return config;
}

}  // namespace rehost
