#include "bootfix/bls_entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "bootfix/bootloaders.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

// blscfg reads no larger files, and nobody has more kernels.
constexpr uint64_t kMaxEntryBytes = 64u << 10;
constexpr size_t kMaxEntries = 1000;

constexpr std::string_view kSuffix = ".conf";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_variable_char(char c) {
  return c == '_' || is_digit(c) || is_letter(c);
}

// systemd.io/AUTOMATIC_BOOT_ASSESSMENT: "+LEFT" or "+LEFT-DONE" at the end of the name.
void take_boot_counter(BlsEntry& entry) {
  const size_t plus = entry.id.rfind('+');
  if (plus == std::string::npos) {
    return;
  }
  const std::string_view counter = std::string_view(entry.id).substr(plus + 1);
  const size_t dash = counter.find('-');
  const std::string_view left = counter.substr(0, dash);
  if (!all_digits(left) ||
      (dash != std::string_view::npos && !all_digits(counter.substr(dash + 1)))) {
    return;
  }
  entry.out_of_tries = left.find_first_not_of('0') == std::string_view::npos;
  entry.id.resize(plus);
}

struct PackageName {
  std::string_view name;
  std::string_view version;
  std::string_view release;
};

PackageName split_package_name(std::string_view text) {
  PackageName package{.name = text, .version = {}, .release = {}};
  const size_t last = text.rfind('-');
  if (last == std::string_view::npos) {
    return package;
  }
  package.name = text.substr(0, last);
  package.release = text.substr(last + 1);
  const size_t middle = package.name.rfind('-');
  if (middle == std::string_view::npos) {
    package.version = std::exchange(package.release, {});
    return package;
  }
  package.version = package.name.substr(middle + 1);
  package.name = package.name.substr(0, middle);
  return package;
}

int compare_packages(std::string_view a, std::string_view b) {
  const PackageName left = split_package_name(a);
  const PackageName right = split_package_name(b);
  if (const int order = compare_rpm_versions(left.name, right.name)) {
    return order;
  }
  if (const int order = compare_rpm_versions(left.version, right.version)) {
    return order;
  }
  return compare_rpm_versions(left.release, right.release);
}

std::string_view take_segment(std::string_view& text, bool digits) {
  size_t end = 0;
  while (end < text.size() && (digits ? is_digit(text[end]) : is_letter(text[end]))) {
    ++end;
  }
  const std::string_view segment = text.substr(0, end);
  text.remove_prefix(end);
  return segment;
}

void skip_separators(std::string_view& text) {
  while (!text.empty() && !is_digit(text.front()) && !is_letter(text.front()) &&
         text.front() != '~') {
    text.remove_prefix(1);
  }
}

std::string_view without_zeros(std::string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

struct OptionsLine {
  BlsField field;
  KernelArguments arguments;
};

std::vector<OptionsLine> options_lines(std::string_view text) {
  std::vector<OptionsLine> lines;
  for (BlsField& field : parse_bls_fields(text)) {
    if (field.key == "options") {
      KernelArguments arguments = KernelArguments::parse(
          text.substr(field.value_begin, field.value_end - field.value_begin));
      lines.push_back({std::move(field), std::move(arguments)});
    }
  }
  return lines;
}

std::string with_options(std::string_view text, const std::vector<OptionsLine>& lines) {
  TextEdits edits;
  for (const OptionsLine& line : lines) {
    edits.replace(line.field.value_begin, line.field.value_end, line.arguments.text());
  }
  return edits.apply(text);
}

}  // namespace

std::vector<BlsField> parse_bls_fields(std::string_view text) {
  std::vector<BlsField> fields;
  for (const Line& line : split_lines(text)) {
    const std::vector<Field> words = split_fields(text, line);
    if (words.size() < 2 || text[words[0].begin] == '#') {
      continue;
    }
    BlsField field;
    field.key = text.substr(words[0].begin, words[0].end - words[0].begin);
    field.value_begin = words[1].begin;
    field.value_end = line.end;
    field.value = trim(text.substr(field.value_begin, field.value_end - field.value_begin));
    fields.push_back(std::move(field));
  }
  return fields;
}

std::string BlsEntry::value(std::string_view key) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const BlsField& field) { return field.key == key; });
  return found == fields.end() ? "" : found->value;
}

std::vector<std::string> BlsEntry::words(std::string_view key) const {
  std::vector<std::string> words;
  for (const BlsField& field : fields) {
    if (field.key == key) {
      const std::vector<std::string> more = split_words(field.value);
      words.insert(words.end(), more.begin(), more.end());
    }
  }
  return words;
}

std::vector<BlsEntry> read_bls_entries(const GuestView& guest, const GuestPath& partition) {
  const GuestPath directory = partition / "loader/entries";
  std::vector<BlsEntry> entries;
  for (const DirectoryEntry& listed : guest.list(directory)) {
    if (!listed.name.ends_with(kSuffix) || listed.name.front() == '.' ||
        entries.size() >= kMaxEntries) {
      continue;
    }
    const std::optional<FileStat> stat = stat_target(guest, directory / listed.name);
    if (!stat || stat->size > kMaxEntryBytes) {
      continue;
    }
    std::optional<TextFile> file = read_text_file(guest, directory / listed.name);
    if (!file) {
      continue;
    }
    BlsEntry entry;
    entry.file = file->path;
    entry.partition = partition;
    entry.id = listed.name.substr(0, listed.name.size() - kSuffix.size());
    take_boot_counter(entry);
    entry.text = std::move(file->content);
    entry.fields = parse_bls_fields(entry.text);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<BlsEntry> read_bls_entries(const GuestView& guest) {
  std::vector<BlsEntry> all;
  for (const std::string_view partition : {"/boot", "/boot/efi", "/efi"}) {
    for (BlsEntry& entry : read_bls_entries(guest, GuestPath(partition))) {
      const bool known = std::any_of(
          all.begin(), all.end(), [&](const BlsEntry& other) { return other.file == entry.file; });
      if (!known) {
        all.push_back(std::move(entry));
      }
    }
  }
  return all;
}

void sort_as_blscfg(std::vector<BlsEntry>& entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const BlsEntry& a, const BlsEntry& b) {
    return compare_packages(a.id, b.id) > 0;
  });
}

int compare_rpm_versions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    skip_separators(a);
    skip_separators(b);
    if (a.starts_with('~') || b.starts_with('~')) {
      if (!a.starts_with('~') || !b.starts_with('~')) {
        return a.starts_with('~') ? -1 : 1;
      }
      a.remove_prefix(1);
      b.remove_prefix(1);
      continue;
    }
    if (a.empty() || b.empty()) {
      break;
    }
    const bool digits = is_digit(a.front());
    std::string_view left = take_segment(a, digits);
    std::string_view right = take_segment(b, digits);
    if (right.empty()) {
      return digits ? 1 : -1;  // numbers are newer than letters
    }
    if (digits) {
      left = without_zeros(left);
      right = without_zeros(right);
      if (left.size() != right.size()) {
        return left.size() < right.size() ? -1 : 1;
      }
    }
    if (const int order = left.compare(right)) {
      return order < 0 ? -1 : 1;
    }
  }
  return static_cast<int>(!a.empty()) - static_cast<int>(!b.empty());
}

std::string expand_variables(std::string_view text,
                             const std::map<std::string, std::string>& variables) {
  std::string expanded;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '$') {
      expanded += text[at++];
      continue;
    }
    size_t begin = at + 1;
    const bool braced = text.substr(begin, 1) == "{";
    begin += braced ? 1 : 0;
    size_t end = begin;
    while (end < text.size() && is_variable_char(text[end])) {
      ++end;
    }
    const auto found = variables.find(std::string(text.substr(begin, end - begin)));
    expanded += found == variables.end() ? "" : found->second;
    at = end + (braced && text.substr(end, 1) == "}" ? 1 : 0);
  }
  return expanded;
}

std::optional<GuestPath> file_of_entry(const GuestView& guest, const BlsEntry& entry,
                                       std::string_view path) {
  std::optional<GuestPath> real = resolve(guest, entry.partition / path);
  if (path.starts_with('/') && real && is_file(guest, *real)) {
    return real;
  }
  return file_of_boot_path(guest, path);
}

BlsRewrite adapt_bls_options(std::string_view text, const GuestPath& file,
                             const ArgumentRules& rules, const KernelArguments& inherited) {
  BlsRewrite rewrite;
  std::vector<OptionsLine> lines = options_lines(text);
  std::vector<KernelArguments> all = {inherited};
  for (OptionsLine& line : lines) {
    clean_arguments(line.arguments, rules, file.str(), rewrite.warnings);
    all.push_back(line.arguments);
  }
  const std::vector<std::string> missing = missing_arguments(all, rules);
  if (lines.empty() && !missing.empty()) {
    // An options line of its own takes the place of what was inherited.
    KernelArguments whole = inherited;
    for (const std::string& word : missing) {
      whole.add(word);
    }
    rewrite.text = with_line_appended(text, fmt::format("options {}", whole.text()));
    return rewrite;
  }
  for (const std::string& word : missing) {
    lines.front().arguments.add(word);
  }
  rewrite.text = with_options(text, lines);
  return rewrite;
}

BlsRewrite clean_bls_options(std::string_view text, const GuestPath& file,
                             const ArgumentRules& rules) {
  BlsRewrite rewrite;
  std::vector<OptionsLine> lines = options_lines(text);
  for (OptionsLine& line : lines) {
    clean_arguments(line.arguments, rules, file.str(), rewrite.warnings);
  }
  rewrite.text = with_options(text, lines);
  return rewrite;
}

}  // namespace rehost
