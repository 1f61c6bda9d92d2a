#include "bootfix/grub_defaults.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/boot_rules.h"
#include "bootfix/grub_terminal.h"
#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kCommandLines[] = {"GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"};

// NAME="$NAME more" or NAME="${NAME} more": adds to what was there.
bool builds_on_itself(const ShellAssignment& assignment) {
  if (assignment.appends) {
    return true;
  }
  const std::string& value = assignment.value;
  size_t at = value.find(assignment.name);
  while (at != std::string::npos) {
    const size_t behind = at + assignment.name.size();
    const bool braced = at >= 2 && value[at - 1] == '{' && value[at - 2] == '$';
    const bool plain =
        at >= 1 && value[at - 1] == '$' &&
        (behind == value.size() ||
         (value[behind] != '_' && !isalnum(static_cast<unsigned char>(value[behind]))));
    if (braced || plain) {
      return true;
    }
    at = value.find(assignment.name, behind);
  }
  return false;
}

// Means the same to the shell with and without quotes. "advanced>linux" does not.
bool is_plain_word(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-./:=,+@%").find(c) != std::string_view::npos;
  });
}

// One command line for all kernels: with 4294967295 on it an nvme_core that takes a byte does not
// load, and its kernel finds no disk. grub.cfg has each kernel's own value until then.
void warn_of_older_kernels(const Inspection& inspection, const std::string& timeout,
                           std::vector<Warning>& warnings) {
  const std::string name = timeout.substr(0, std::min(timeout.find('='), timeout.size()));
  for (const KernelImage& kernel : inspection.kernels) {
    const std::string& own = kernel.io_timeout_argument;
    if (kernel.vmlinuz && own != timeout && own.starts_with(name + "=") &&
        own.size() < timeout.size()) {
      warnings.push_back({.code = "grub-defaults-older-kernel",
                          .subject = kernel.release,
                          .sentence = fmt::format(
                              "kernel {} takes no more than {}, and the next update-grub gives "
                              "it {} as it does all others: it would not start any more; "
                              "remove that kernel before",
                              kernel.release, own, timeout)});
    }
  }
}

FixResult plan_grub_defaults(const GuestView& guest, const Inspection& inspection,
                             const Target& target) {
  FixResult result;
  GrubDefaults defaults = GrubDefaults::read(guest);
  for (const GrubDefaults::SettingsFile& file : defaults.files()) {
    if (!all_closed(parse_shell_assignments(file.content))) {
      const std::string path = file.original.path.str();
      result.warnings.push_back(
          {.code = "grub-defaults-damaged",
           .subject = path,
           .sentence = fmt::format(
               "a quote in {} is never closed, so update-grub cannot read it: it was left as "
               "it is, and the boot menu alone was prepared for EC2",
               path)});
      return result;
    }
  }
  if (defaults.empty()) {
    return result;
  }
  const NameMap names(inspection);
  const BootRules rules(guest, inspection, target, names);
  defaults.adapt_command_lines(rules.for_default_kernel(), result.warnings);
  warn_of_older_kernels(inspection, rules.for_default_kernel().io_timeout, result.warnings);
  for (const std::string_view name : {"GRUB_DISABLE_LINUX_UUID", "GRUB_DISABLE_UUID"}) {
    if (defaults.value(name) == "true") {
      defaults.set(name, "false");
    }
  }
  use_serial_terminal(defaults);
  for (const GrubDefaults::SettingsFile& file : defaults.files()) {
    plan_rewrite(result, kGrubDefaultsFix.name, file.original, file.content,
                 "the next update-grub must write a grub.cfg that starts on EC2");
  }
  return result;
}

}  // namespace

constinit const Fix kGrubDefaultsFix = {
    .name = "grub-defaults",
    .heading = "Prepare the settings of update-grub for EC2",
    .description =
        "In /etc/default/grub and grub.d: root by UUID, serial console for GRUB and the kernel, "
        "the NVMe "
        "timeout, eth0 as interface name where the network fix needs it.",
    .plan = plan_grub_defaults,
};

// An assignment in one of the files.
struct GrubDefaults::Place {
  size_t file = 0;
  ShellAssignment assignment;
};

GrubDefaults::GrubDefaults(std::vector<TextFile> files) {
  for (TextFile& file : files) {
    std::string content = file.content;
    files_.push_back({std::move(file), std::move(content)});
  }
}

GrubDefaults GrubDefaults::read(const GuestView& guest) {
  std::vector<TextFile> files;
  if (std::optional<TextFile> main = read_text_file(guest, GuestPath("/etc/default/grub"))) {
    files.push_back(std::move(*main));
  } else {
    return GrubDefaults({});
  }
  const GuestPath directory("/etc/default/grub.d");
  for (const DirectoryEntry& entry : guest.list(directory)) {
    if (!entry.name.ends_with(".cfg") || entry.name.front() == '.') {
      continue;
    }
    if (std::optional<TextFile> file = read_text_file(guest, directory / entry.name)) {
      files.push_back(std::move(*file));
    }
  }
  return GrubDefaults(std::move(files));
}

// From the last assignment that starts anew to the end.
std::vector<GrubDefaults::Place> GrubDefaults::contributing(std::string_view name) const {
  std::vector<Place> places;
  for (size_t file = 0; file < files_.size(); ++file) {
    for (ShellAssignment& assignment : parse_shell_assignments(files_[file].content)) {
      if (assignment.name != name) {
        continue;
      }
      if (!builds_on_itself(assignment)) {
        places.clear();
      }
      places.push_back({file, std::move(assignment)});
    }
  }
  return places;
}

std::string GrubDefaults::value(std::string_view name) const {
  const std::vector<Place> places = contributing(name);
  std::string value;
  for (const Place& place : places) {
    value += (value.empty() ? "" : " ") + place.assignment.value;
  }
  return value;
}

void GrubDefaults::set(std::string_view name, std::string_view value) {
  const std::vector<Place> places = contributing(name);
  if (places.empty()) {
    files_.front().content =
        with_line_appended(files_.front().content, fmt::format("{}=\"{}\"", name, value));
    return;
  }
  const Place& place = places.back();
  const ShellAssignment& assignment = place.assignment;
  const bool quoted =
      assignment.quoting == Quoting::single_quote || assignment.quoting == Quoting::double_quote;
  const bool plain = is_plain_word(value);
  TextEdits edits;
  if (quoted || (plain && assignment.quoting == Quoting::bare)) {
    edits.replace(assignment.text_begin, assignment.text_end, value);
  } else {
    edits.replace(assignment.value_begin, assignment.value_end, fmt::format("\"{}\"", value));
  }
  std::string& content = files_[place.file].content;
  content = edits.apply(content);
}

std::vector<KernelArguments> GrubDefaults::command_line(std::string_view name) const {
  std::vector<KernelArguments> parts;
  for (const Place& place : contributing(name)) {
    const ShellAssignment& a = place.assignment;
    const std::string_view content = files_[place.file].content;
    parts.push_back(
        KernelArguments::parse(content.substr(a.text_begin, a.text_end - a.text_begin)));
  }
  return parts;
}

void GrubDefaults::set_text(const Place& place, std::string_view text) {
  const ShellAssignment& a = place.assignment;
  const bool needs_quotes =
      a.quoting == Quoting::bare && text.find_first_of(" \t") != std::string_view::npos;
  TextEdits edits;
  edits.replace(a.text_begin, a.text_end,
                needs_quotes ? fmt::format("\"{}\"", text) : std::string(text));
  std::string& content = files_[place.file].content;
  content = edits.apply(content);
}

void GrubDefaults::add_words(std::string_view name, const std::vector<std::string>& words) {
  if (words.empty()) {
    return;
  }
  const std::vector<Place> places = contributing(name);
  if (places.empty()) {
    set(name, fmt::format("{}", fmt::join(words, " ")));
    return;
  }
  const Place& last = places.back();
  std::string& content = files_[last.file].content;
  if (last.assignment.quoting == Quoting::mixed) {
    // Pieces and substitutions are the owner's program; one more assignment behind it is plain.
    const std::string line = fmt::format("{0}=\"${0} {1}\"", name, fmt::join(words, " "));
    const size_t at = last.assignment.next_line;
    const std::string rest = content.substr(at);
    content = with_line_appended(content.substr(0, at), line) + rest;
    return;
  }
  const ShellAssignment& a = last.assignment;
  KernelArguments arguments = KernelArguments::parse(
      std::string_view(content).substr(a.text_begin, a.text_end - a.text_begin));
  for (const std::string& word : words) {
    arguments.add(word);
  }
  set_text(last, arguments.text());
}

void GrubDefaults::adapt_command_lines(const ArgumentRules& rules, std::vector<Warning>& warnings) {
  std::vector<KernelArguments> all;
  for (const std::string_view name : kCommandLines) {
    // Places move when text in front of them changes: each is looked up again before it is
    // rewritten.
    for (size_t i = 0; i < contributing(name).size(); ++i) {
      const Place place = contributing(name)[i];
      KernelArguments arguments = command_line(name)[i];
      if (place.assignment.quoting != Quoting::mixed) {
        clean_arguments(arguments, rules, files_[place.file].original.path.str(), warnings);
        set_text(place, arguments.text());
      }
      all.push_back(std::move(arguments));
    }
  }
  add_words(kCommandLines[0], missing_arguments(all, rules));
}

}  // namespace rehost
