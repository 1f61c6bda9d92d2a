#include "bootfix/network_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bootfix/interfaces.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kReason =
    "the network card of EC2 has another name and MAC address, and its address comes by DHCP";
constexpr size_t kMaxQuoted = 1000;

// Text of the guest in a sentence of ours: on one line, and not without end.
std::string in_one_line(const std::vector<std::string>& words) {
  std::string line = fmt::format("{}", fmt::join(words, ", "));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      c = ' ';
    }
  }
  if (line.size() > kMaxQuoted) {
    line.resize(kMaxQuoted);
    line += "...";
  }
  return line;
}

// [abc] or [a-z] or [!abc] at `at`; nullopt: the bracket is never closed.
std::optional<bool> matches_bracket(char c, std::string_view pattern, size_t& at) {
  size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  i += negated ? 1 : 0;
  bool found = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 3;
    } else {
      found = found || pattern[i] == c;
      ++i;
    }
  }
  if (i >= pattern.size()) {
    return std::nullopt;
  }
  at = i + 1;
  return found != negated;
}

// Does one character match what stands at `at` (no star)? Then `at` moves behind it.
bool matches_one(char c, std::string_view pattern, size_t& at) {
  if (pattern[at] == '[') {
    size_t behind = at;
    const std::optional<bool> matches = matches_bracket(c, pattern, behind);
    if (matches) {
      at = behind;
      return *matches;
    }
  }
  return pattern[at] == '?' ? (++at, true) : pattern[at++] == c;
}

constexpr std::array<std::string_view, 2> kEc2Cards = {"ens5", "eth0"};

}  // namespace

std::vector<NetworkFile> read_network_files(const GuestView& guest, std::string_view directory,
                                            bool (*wanted)(std::string_view name)) {
  std::vector<NetworkFile> files;
  const std::optional<GuestPath> real = resolve(guest, GuestPath(directory));
  if (!real) {
    return files;
  }
  for (const DirectoryEntry& entry : guest.list(*real)) {
    if (!wanted(entry.name)) {
      continue;
    }
    const GuestPath path = *real / entry.name;
    std::optional<TextFile> file = read_text_file(guest, path);
    if (file) {
      files.push_back({.path = path,
                       .real = file->path,
                       .link = guest.read_link(path),
                       .content = std::move(file->content)});
    }
  }
  return files;
}

GuestPath set_aside_path(const GuestPath& path) {
  return GuestPath("/var/lib/rehost/set-aside" + path.str());
}

void plan_copy_aside(FixResult& result, const GuestView& guest, std::string_view fix,
                     const NetworkFile& file) {
  const GuestPath copy = set_aside_path(file.path);
  const std::optional<TextFile> there = read_text_file(guest, copy);
  if (there && there->content == file.content) {
    return;
  }
  // 0600: keyfiles and netplan files may hold secrets.
  result.edits.push_back(Edit{
      .fix = std::string(fix),
      .reason = "what is set aside stays readable for the owner of the guest",
      .action =
          WriteFile{.path = there ? there->path : copy,
                    .content = file.content,
                    .expects = there ? std::optional(hash_content(there->content)) : std::nullopt,
                    .mode_if_new = 0600}});
}

void plan_set_aside(FixResult& result, const GuestView& guest, std::string_view fix,
                    const NetworkFile& file) {
  plan_copy_aside(result, guest, fix, file);
  result.edits.push_back(
      Edit{.fix = std::string(fix),
           .reason = std::string(kReason),
           .action = RemoveFile{.path = file.path,
                                .expects = hash_content(file.link ? *file.link : file.content)}});
}

void plan_rewrite_with_copy(FixResult& result, const GuestView& guest, std::string_view fix,
                            const NetworkFile& file, std::string_view new_content) {
  if (new_content == file.content) {
    return;
  }
  plan_copy_aside(result, guest, fix, file);
  plan_rewrite(result, fix, TextFile{.path = file.real, .content = file.content}, new_content,
               kReason);
}

void warn_set_aside(FixResult& result, const NetworkFile& file, std::string_view subject,
                    const std::vector<std::string>& what, std::string_view instead) {
  result.warnings.push_back(
      {.code = "network-set-aside",
       .subject = std::string(subject),
       .sentence = fmt::format("{} configured {}{}{}: set aside in {}, {}", file.path.str(),
                               subject, what.empty() ? "" : " with ", in_one_line(what),
                               set_aside_path(file.path).str(), instead)});
}

void warn_not_started(FixResult& result, const NetworkFile& file, std::string_view subject) {
  result.warnings.push_back(
      {.code = "network-not-started",
       .subject = std::string(subject),
       .sentence = fmt::format("{} builds {} on a network card of the old machine: it is not "
                               "brought up by itself any more, because its routes would cut the "
                               "instance off",
                               file.path.str(), subject)});
}

bool matches_glob(std::string_view name, std::string_view pattern) {
  size_t at = 0;
  size_t in_name = 0;
  std::optional<size_t> star;  // where to go back to: behind the last star
  size_t star_in_name = 0;
  while (in_name < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = ++at;
      star_in_name = in_name;
    } else if (at < pattern.size() && matches_one(name[in_name], pattern, at)) {
      ++in_name;
    } else if (star) {
      at = *star;
      in_name = ++star_in_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

bool matches_any_ec2_card(std::string_view pattern) {
  return std::all_of(kEc2Cards.begin(), kEc2Cards.end(),
                     [&](std::string_view name) { return matches_glob(name, pattern); });
}

bool matches_some_ec2_card(std::string_view pattern) {
  return std::any_of(kEc2Cards.begin(), kEc2Cards.end(),
                     [&](std::string_view name) { return matches_glob(name, pattern); });
}

bool names_cards(std::string_view pattern) {
  const bool glob = pattern.find_first_of("*?[") != std::string_view::npos;
  return is_physical_interface(pattern) || matches_some_ec2_card(pattern) ||
         (glob &&
          (pattern.starts_with("en") || pattern.starts_with("eth") || pattern.starts_with("em")));
}

bool has_program(const GuestView& guest, std::string_view name) {
  for (const std::string_view directory : {"/usr/sbin", "/sbin", "/usr/bin", "/bin"}) {
    if (is_file(guest, GuestPath(directory) / name)) {
      return true;
    }
  }
  return false;
}

}  // namespace rehost
