#include "bootfix/lvm_conf.h"

#include <algorithm>
#include <optional>

#include "bootfix/text_file.h"

namespace rehost {
namespace {

// What a disk is called on Nitro, for the patterns to be tried on.
constexpr std::string_view kNvmeName = "/dev/nvme0n1p1";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '/' || c == '-';
}

// Goes through the text token by token: words, strings and single characters.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // False at the end. The token is text().
  bool next() {
    skip();
    token_.begin = token_.end;
    if (token_.begin == text_.size()) {
      return false;
    }
    const char c = text_[token_.begin];
    if (is_quote(c)) {
      token_.end = end_of_string(token_.begin);
    } else {
      do {
        ++token_.end;
      } while (is_word(c) && token_.end < text_.size() && is_word(text_[token_.end]));
    }
    return true;
  }

  std::string_view text() const { return text_.substr(token_.begin, token_.end - token_.begin); }
  bool is_string() const { return is_quote(text_[token_.begin]); }
  const Field& place() const { return token_; }
  int line() const { return line_; }

 private:
  void skip() {
    while (token_.end < text_.size()) {
      const char c = text_[token_.end];
      if (c == '#') {
        token_.end = std::min(text_.find('\n', token_.end), text_.size());
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        line_ += c == '\n' ? 1 : 0;
        ++token_.end;
      } else {
        return;
      }
    }
  }

  // Behind the closing quote, or at the end of a line that has none.
  // LVM takes single quotes too, and knows no escapes in them.
  static bool is_quote(char c) { return c == '"' || c == '\''; }
  size_t end_of_string(size_t at) const {
    const char quote = text_[at];
    for (++at; at < text_.size() && text_[at] != '\n'; ++at) {
      if (quote == '"' && text_[at] == '\\' && at + 1 < text_.size() && text_[at + 1] != '\n') {
        ++at;
      } else if (text_[at] == quote) {
        return at + 1;
      }
    }
    return at;
  }

  std::string_view text_;
  Field token_;
  int line_ = 1;
};

std::string without_quotes(std::string_view string) {
  const char quote = string.front();
  string.remove_prefix(1);
  if (string.ends_with(quote)) {
    string.remove_suffix(1);
  }
  return std::string(string);
}

// "devices/filter" is another spelling for "filter" inside of "devices { }".
std::string filter_name(std::string_view word) {
  constexpr std::string_view kSection = "devices/";
  if (word.starts_with(kSection)) {
    word.remove_prefix(kSection.size());
  }
  return word == "filter" || word == "global_filter" ? std::string(word) : "";
}

// Behind the "=" of a filter. False: this is no value of a filter.
bool take_value(Scanner& scanner, LvmFilter& filter) {
  if (!scanner.next()) {
    return false;
  }
  filter.value = scanner.place();
  if (scanner.is_string()) {
    filter.first = scanner.place();
    filter.patterns = {without_quotes(scanner.text())};
    return true;
  }
  if (scanner.text() != "[") {
    return false;
  }
  filter.is_list = true;
  while (scanner.next() && scanner.text() != "]") {
    if (scanner.is_string()) {
      if (filter.patterns.empty()) {
        filter.first = scanner.place();
      }
      filter.patterns.push_back(without_quotes(scanner.text()));
    }
  }
  filter.value.end = scanner.place().end;
  return !filter.patterns.empty();
}

enum class Match { no, yes, maybe };

// The expression between its delimiters, which may be any character: "r|.*|", "r/.*/", "r(.*)".
std::string_view expression_of(std::string_view pattern) {
  if (pattern.size() < 3) {
    return "";
  }
  pattern.remove_prefix(2);
  return pattern.substr(0, pattern.size() - 1);
}

// Literal pieces of an expression that must all be in a name that it matches. nullopt: there is
// more in it than dots and stars.
std::optional<std::vector<std::string>> pieces_of(std::string_view expression) {
  if (expression.find_first_of("|()[]{}?+\\") != std::string_view::npos) {
    return std::nullopt;
  }
  std::vector<std::string> pieces(1);
  for (size_t at = 0; at < expression.size(); ++at) {
    const bool starred = at + 1 < expression.size() && expression[at + 1] == '*';
    if (expression[at] == '.' || expression[at] == '*' || starred) {
      pieces.emplace_back();
    } else {
      pieces.back() += expression[at];
    }
  }
  std::erase(pieces, "");
  return pieces;
}

Match match_nvme(std::string_view pattern) {
  std::string_view expression = expression_of(pattern);
  const bool from_start = expression.starts_with('^');
  const bool to_end = expression.ends_with('$');
  expression.remove_prefix(from_start ? 1 : 0);
  expression.remove_suffix(to_end && !expression.empty() ? 1 : 0);
  const auto pieces = pieces_of(expression);
  if (!pieces) {
    return Match::maybe;
  }
  if (std::any_of(pieces->begin(), pieces->end(), [](const std::string& piece) {
        return kNvmeName.find(piece) == std::string_view::npos;
      })) {
    return Match::no;
  }
  if (pieces->empty()) {
    return Match::yes;
  }
  const bool open_end = !to_end || expression.ends_with(".*");
  const bool at_start = !from_start || kNvmeName.starts_with(pieces->front());
  return pieces->size() == 1 && at_start && open_end ? Match::yes : Match::maybe;
}

std::string with_nvme_accepted(std::string_view text) {
  constexpr std::string_view kAccept = "\"a|^/dev/nvme|\"";
  TextEdits edits;
  for (const LvmFilter& filter : parse_lvm_filters(text)) {
    if (!hides_nvme(filter)) {
      continue;
    }
    edits.insert(filter.first.begin, (filter.is_list ? "" : "[ ") + std::string(kAccept) + ", ");
    if (!filter.is_list) {
      edits.insert(filter.value.end, " ]");
    }
  }
  return edits.apply(text);
}

FixResult plan_lvm_conf(const GuestView& guest, const Inspection& inspection, const Target&) {
  FixResult result;
  if (!uses_lvm(inspection)) {
    return result;
  }
  for (const GuestPath& path : lvm_conf_files(guest)) {
    if (const std::optional<TextFile> file = read_text_file(guest, path)) {
      plan_rewrite(result, kLvmConfFix.name, *file, with_nvme_accepted(file->content),
                   "its filter hides every disk but those of the old machine from LVM");
    }
  }
  return result;
}

}  // namespace

constinit const Fix kLvmConfFix = {
    .name = "lvm-conf",
    .heading = "Let LVM look at NVMe disks",
    .description =
        "A filter or global_filter of lvm.conf that would hide NVMe disks accepts them first. What "
        "else it accepts and rejects stays.",
    .plan = plan_lvm_conf,
};

bool uses_lvm(const Inspection& inspection) {
  return std::any_of(inspection.filesystems.begin(), inspection.filesystems.end(),
                     [](const Filesystem& f) { return f.type == "LVM2_member"; });
}

std::vector<LvmFilter> parse_lvm_filters(std::string_view text) {
  std::vector<LvmFilter> filters;
  Scanner scanner(text);
  std::string name;  // of a setting, when the last token was one
  int line = 0;
  while (scanner.next()) {
    if (!name.empty() && scanner.text() == "=") {
      LvmFilter filter{.name = name, .line = line, .value = {}, .first = {}, .patterns = {}};
      if (take_value(scanner, filter)) {
        filters.push_back(std::move(filter));
      }
    }
    name = filter_name(scanner.text());
    line = scanner.line();
  }
  return filters;
}

bool hides_nvme(const LvmFilter& filter) {
  for (const std::string& pattern : filter.patterns) {
    const Match match = match_nvme(pattern);
    if (pattern.starts_with('a') && match == Match::yes) {
      return false;
    }
    if (pattern.starts_with('r') && match != Match::no) {
      return true;
    }
  }
  return false;
}

std::vector<GuestPath> lvm_conf_files(const GuestView& guest) {
  std::vector<GuestPath> files;
  for (const char* path : {"/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf"}) {
    const std::optional<GuestPath> real = resolve(guest, GuestPath(path));
    if (real && is_file(guest, *real)) {
      files.push_back(*real);
    }
  }
  return files;
}

}  // namespace rehost
