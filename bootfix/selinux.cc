#define PCRE2_CODE_UNIT_WIDTH 8
#include "bootfix/selinux.h"

#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <memory>

#include "bootfix/text_edits.h"

namespace rehost {
namespace {

// Fedora's policy has some 7,000 lines. With the limits below the worst policy costs seconds.
constexpr size_t kMostSpecs = 20'000;
constexpr size_t kLongestRegex = 1024;
constexpr uint32_t kMatchLimit = 10'000;  // pcre2api(3): calls of the matcher's inner function
constexpr uint32_t kDepthLimit = 500;
constexpr uint32_t kHeapLimit = 256;  // KiB
constexpr size_t kLongestContext = 4096;

constexpr std::string_view kMetaCharacters = ".^$?*+|[({";  // spec_hasMetaChars of libselinux

struct FreePcre2 {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreePcre2>;

bool has_meta_characters(std::string_view regex) {
  for (size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '\\') {
      ++i;
    } else if (kMetaCharacters.find(regex[i]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

bool is_alternation(std::string_view regex) {
  int depth = 0;
  for (size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '\\') {
      ++i;
    } else if (regex[i] == '(' || regex[i] == '[') {
      ++depth;
    } else if (regex[i] == ')' || regex[i] == ']') {
      --depth;
    } else if (regex[i] == '|' && depth <= 0) {
      return true;
    }
  }
  return false;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "/usr/lib/systemd" of "/usr/lib/systemd(/.*)?". What may be left out by a ?, * or {0} behind it
// is none of it.
std::string literal_prefix(std::string_view regex) {
  std::string prefix;
  if (is_alternation(regex)) {
    return prefix;
  }
  for (size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '\\') {
      if (i + 1 == regex.size() || is_alphanumeric(regex[i + 1])) {
        break;  // \d and its kind
      }
      prefix += regex[++i];
    } else if (kMetaCharacters.find(regex[i]) == std::string_view::npos) {
      prefix += regex[i];
    } else {
      if (!prefix.empty() && (regex[i] == '?' || regex[i] == '*' || regex[i] == '{')) {
        prefix.pop_back();
      }
      break;
    }
  }
  return prefix;
}

// "--", "-d" and so on of file_contexts(5).
std::optional<FileType> type_of_flag(std::string_view flag) {
  if (flag.size() != 2 || flag[0] != '-') {
    return std::nullopt;
  }
  switch (flag[1]) {
    case '-':
      return FileType::regular;
    case 'd':
      return FileType::directory;
    case 'l':
      return FileType::symlink;
    case 'b':
      return FileType::block_device;
    case 'c':
      return FileType::char_device;
    case 'p':
      return FileType::fifo;
    case 's':
      return FileType::socket;
    default:
      return std::nullopt;
  }
}

// user:role:type[:range], printable, of a length that the kernel takes.
bool is_context(std::string_view context) {
  const bool printable =
      std::all_of(context.begin(), context.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  return printable && context.size() <= kLongestContext &&
         std::count(context.begin(), context.end(), ':') >= 2;
}

void add_specs(std::vector<FileContext>& specs, std::string_view text) {
  for (const Line& line : split_lines(text)) {
    const std::vector<std::string> words = split_words(content_of(text, line));
    if (words.size() < 2 || words.size() > 3 || words[0].starts_with("#")) {
      continue;
    }
    FileContext spec{.regex = words[0], .type = {}, .context = words.back(), .prefix = {}};
    if (words.size() == 3) {
      spec.type = type_of_flag(words[1]);
      if (!spec.type) {
        continue;  // libselinux refuses the line
      }
    }
    spec.prefix = literal_prefix(spec.regex);
    specs.push_back(std::move(spec));
    if (specs.size() > kMostSpecs) {
      return;
    }
  }
}

FileContexts::Substitutions parse_substitutions(std::string_view text) {
  FileContexts::Substitutions pairs;
  for (const Line& line : split_lines(text)) {
    const std::vector<std::string> words = split_words(content_of(text, line));
    if (words.size() >= 2 && !words[0].starts_with("#")) {
      pairs.emplace_back(words[0], words[1]);
    }
  }
  std::reverse(pairs.begin(), pairs.end());  // libselinux asks the last line of the file first
  return pairs;
}

std::string substituted(const FileContexts::Substitutions& pairs, const std::string& path) {
  for (const auto& [from, to] : pairs) {
    if (path.starts_with(from) && (path.size() == from.size() || path[from.size()] == '/')) {
      const std::string rest = path.substr(from.size());
      return to == "/" && !rest.empty() ? rest : to + rest;
    }
  }
  return path;
}

// true, false, or a problem in words.
struct MatchAnswer {
  bool matches = false;
  std::string problem;
};

MatchAnswer matches_regex(const std::string& regex, const std::string& path) {
  if (regex.size() > kLongestRegex) {
    return {false, "it is longer than any policy needs"};
  }
  const std::string anchored = "^" + regex + "$";
  int error = 0;
  PCRE2_SIZE offset = 0;
  const Owned<pcre2_code> code(pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(anchored.data()), anchored.size(),  // NOLINT: the C API
      PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
      nullptr));
  if (code == nullptr) {
    return {false, fmt::format("it is no regular expression (PCRE2 error {})", error)};
  }
  const Owned<pcre2_match_data> data(pcre2_match_data_create(1, nullptr));
  const Owned<pcre2_match_context> limits(pcre2_match_context_create(nullptr));
  if (data == nullptr || limits == nullptr) {
    throw std::bad_alloc();
  }
  pcre2_set_match_limit(limits.get(), kMatchLimit);
  pcre2_set_depth_limit(limits.get(), kDepthLimit);
  pcre2_set_heap_limit(limits.get(), kHeapLimit);
  const int result = pcre2_match(code.get(),
                                 reinterpret_cast<PCRE2_SPTR>(path.data()),  // NOLINT: the C API
                                 path.size(), 0, 0, data.get(), limits.get());
  if (result >= 0) {
    return {true, ""};
  }
  if (result == PCRE2_ERROR_NOMATCH) {
    return {false, ""};
  }
  return {false, fmt::format("it takes too long to match (PCRE2 error {})", result)};
}

}  // namespace

SelinuxConfig parse_selinux_config(std::string_view text) {
  SelinuxConfig config{.on = false, .type = "targeted"};
  constexpr std::string_view kMode = "SELINUX=";
  constexpr std::string_view kType = "SELINUXTYPE=";
  bool decided = false;
  for (const Line& line : split_lines(text)) {
    const std::string_view content = content_of(text, line);
    if (!decided && content.starts_with(kMode)) {
      const std::string mode = lower_case(trim(content.substr(kMode.size())));
      config.on = mode.starts_with("enforcing") || mode.starts_with("permissive");
      decided = config.on || mode.starts_with("disabled");
    } else if (trim(content).starts_with(kType)) {
      config.type = trim(trim(content).substr(kType.size()));
    }
  }
  return config;
}

SelinuxConfig read_selinux_config(const GuestView& guest) {
  return parse_selinux_config(guest.read(GuestPath("/etc/selinux/config")).value_or(""));
}

FileContexts::FileContexts(const std::vector<std::string_view>& texts, std::string_view subs,
                           std::string_view subs_dist)
    : subs_(parse_substitutions(subs)), subs_dist_(parse_substitutions(subs_dist)) {
  for (const std::string_view text : texts) {
    add_specs(specs_, text);
  }
  std::stable_partition(specs_.begin(), specs_.end(),
                        [](const FileContext& spec) { return has_meta_characters(spec.regex); });
}

LabelLookup FileContexts::label_for(const GuestPath& path, FileType type) const {
  const std::string key = substituted(subs_dist_, substituted(subs_, path.str()));
  for (auto spec = specs_.rbegin(); spec != specs_.rend(); ++spec) {
    if ((spec->type && spec->type != type) || !key.starts_with(spec->prefix)) {
      continue;
    }
    const MatchAnswer answer = matches_regex(spec->regex, key);
    if (!answer.problem.empty()) {
      return {
          .context = "",
          .problem = fmt::format("file_contexts has the line {}: {}", spec->regex, answer.problem)};
    }
    if (!answer.matches) {
      continue;
    }
    if (spec->context == "<<none>>") {
      return {};
    }
    if (!is_context(spec->context)) {
      return {.context = "",
              .problem = fmt::format("file_contexts gives {} no context for a label", spec->regex)};
    }
    return {.context = spec->context, .problem = ""};
  }
  return {};
}

std::optional<FileContexts> read_file_contexts(const GuestView& guest, std::string_view type) {
  const GuestPath base = GuestPath("/etc/selinux") / type / "contexts/files/file_contexts";
  const auto read = [&](std::string_view suffix) -> std::optional<std::string> {
    const GuestPath path(base.str() + std::string(suffix));
    const std::optional<FileStat> stat = stat_target(guest, path);
    return stat && stat->size <= kMaxTextBytes ? guest.read(path) : std::nullopt;
  };
  const std::optional<std::string> policy = read("");
  if (!policy) {
    return std::nullopt;
  }
  const std::string homedirs = read(".homedirs").value_or("");
  const std::string local = read(".local").value_or("");
  FileContexts contexts({*policy, homedirs, local}, read(".subs").value_or(""),
                        read(".subs_dist").value_or(""));
  if (contexts.size() == 0 || contexts.size() > kMostSpecs) {
    return std::nullopt;
  }
  return contexts;
}

}  // namespace rehost
