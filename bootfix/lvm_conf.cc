#include "bootfix/lvm_conf.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <memory>

#include "bootfix/text_file.h"

namespace rehost {
namespace {

// What disks are called on Nitro, for the patterns to be tried on.
constexpr int kSampleDisks = 3;
constexpr int kSamplePartitions = 9;

struct FreePcre2 {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreePcre2>;

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
std::string_view setting_name(std::string_view word) {
  constexpr std::string_view kSection = "devices/";
  return word.starts_with(kSection) ? word.substr(kSection.size()) : word;
}

std::string filter_name(std::string_view word) {
  word = setting_name(word);
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

// LVM has regular expressions of its own: ^ $ . * + ? | () []. nullptr: there is something else in
// this one, and nobody can say here what it means.
Owned<pcre2_code> compile(std::string_view expression) {
  constexpr size_t kLongest = 256;
  constexpr std::string_view kQuantifiers = "*+?";
  bool quantified = true;  // by this, a quantifier means nothing or something else
  for (const char c : expression) {
    const bool quantifier = kQuantifiers.find(c) != std::string_view::npos;
    if (c == '\\' || c == '{' || c == '}' || (quantifier && quantified)) {
      return nullptr;
    }
    quantified = quantifier || c == '(' || c == '|';
  }
  if (expression.size() > kLongest || expression.find("[[") != std::string_view::npos ||
      expression.find("[:") != std::string_view::npos) {
    return nullptr;
  }
  int error = 0;
  PCRE2_SIZE offset = 0;
  return Owned<pcre2_code>(pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),  // NOLINT: the C API
      PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &offset, nullptr));
}

Match match_name(const pcre2_code* code, const std::string& name) {
  constexpr uint32_t kMatchLimit = 10'000;
  const Owned<pcre2_match_data> data(pcre2_match_data_create(1, nullptr));
  const Owned<pcre2_match_context> limits(pcre2_match_context_create(nullptr));
  if (code == nullptr || data == nullptr || limits == nullptr) {
    return Match::maybe;
  }
  pcre2_set_match_limit(limits.get(), kMatchLimit);
  const int result =
      pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(name.data()),  // NOLINT: the C API
                  name.size(), 0, 0, data.get(), limits.get());
  return result >= 0 ? Match::yes : result == PCRE2_ERROR_NOMATCH ? Match::no : Match::maybe;
}

struct Pattern {
  bool accepts = false;
  bool of_links =
      false;  // /dev/disk/by-id/...: EC2 has such names too, and they cannot be foretold
  Owned<pcre2_code> code;
};

std::vector<Pattern> patterns_of(const LvmFilter& filter) {
  std::vector<Pattern> patterns;
  for (const std::string& pattern : filter.patterns) {
    if (pattern.starts_with('a') || pattern.starts_with('r')) {
      const std::string_view expression = expression_of(pattern);
      patterns.push_back({pattern[0] == 'a',
                          expression.find("disk") != std::string_view::npos ||
                              expression.find("block") != std::string_view::npos,
                          compile(expression)});
    }
  }
  return patterns;
}

// lvm.conf(5): the first pattern that matches a name decides, and no match accepts. One name that
// is accepted is enough for a device.
NvmeView view_of(const std::vector<Pattern>& patterns, const std::string& name) {
  bool may_accept = false;
  bool may_reject = false;
  for (const Pattern& pattern : patterns) {
    const Match match = match_name(pattern.code.get(), name);
    may_accept = may_accept || (pattern.accepts && (match != Match::no || pattern.of_links));
    may_reject = may_reject || (!pattern.accepts && match != Match::no);
    if (match == Match::yes) {
      break;
    }
  }
  return !may_reject ? NvmeView::seen : may_accept ? NvmeView::cannot_tell : NvmeView::hidden;
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

NvmeView view_of_nvme(const LvmFilter& filter) {
  const std::vector<Pattern> patterns = patterns_of(filter);
  std::optional<NvmeView> view;
  for (int disk = 0; disk < kSampleDisks; ++disk) {
    const std::string name = "/dev/nvme" + std::to_string(disk) + "n1";
    for (int partition = 0; partition <= kSamplePartitions; ++partition) {
      const NvmeView of_name =
          view_of(patterns, partition == 0 ? name : name + "p" + std::to_string(partition));
      view = !view || *view == of_name ? of_name : NvmeView::cannot_tell;
    }
  }
  return *view;
}

bool hides_nvme(const LvmFilter& filter) {
  return view_of_nvme(filter) != NvmeView::seen;
}

std::optional<bool> devices_file_switch(std::string_view text) {
  std::optional<bool> on;
  Scanner scanner(text);
  bool named = false;
  while (scanner.next()) {
    if (named && scanner.text() == "=" && scanner.next()) {
      on = scanner.text() != "0";
    }
    named = setting_name(scanner.text()) == "use_devicesfile";
  }
  return on;
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
