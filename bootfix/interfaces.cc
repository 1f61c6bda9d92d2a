#include "bootfix/interfaces.h"

#include <algorithm>
#include <array>

namespace rehost {
namespace {

std::string_view text_of(std::string_view text, const Field& field) {
  return text.substr(field.begin, field.end - field.begin);
}

bool starts_stanza(std::string_view word) {
  constexpr std::array<std::string_view, 10> kKeywords = {
      "iface",        "auto",       "mapping",  "source", "source-directory",
      "no-auto-down", "no-scripts", "template", "rename", "allow-hotplug"};
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end() ||
         word.starts_with("allow-");
}

// Files that a `source` or `source-directory` line names. Patterns: a star in the last component,
// which is all that Debian's own files use.
std::vector<GuestPath> sourced_files(const GuestView& guest, std::string_view keyword,
                                     std::string_view pattern) {
  GuestPath path(pattern.starts_with('/') ? std::string(pattern)
                                          : "/etc/network/" + std::string(pattern));
  std::vector<GuestPath> files;
  if (keyword == "source-directory" || path.name().find('*') != std::string_view::npos) {
    const GuestPath directory = keyword == "source-directory" ? path : path.parent();
    const std::string last = keyword == "source-directory" ? "*" : std::string(path.name());
    const size_t star = last.find('*');
    const std::string front = last.substr(0, star);
    const std::string back = last.substr(star + 1);
    for (const DirectoryEntry& entry : guest.list(directory)) {
      const bool matches = entry.name.size() >= front.size() + back.size() &&
                           entry.name.starts_with(front) && entry.name.ends_with(back);
      // interfaces(5): names of letters, digits, underscores and dashes only, in a
      // source-directory.
      const bool plain =
          keyword != "source-directory" || entry.name.find_first_of(".~ ") == std::string::npos;
      if (matches && plain && entry.name.front() != '.') {
        files.push_back(directory / entry.name);
      }
    }
  } else {
    files.push_back(path);
  }
  return files;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text, const InterfacesLine& line) {
  std::vector<std::string> words;
  for (const Field& field : line.words) {
    words.emplace_back(text_of(text, field));
  }
  return words;
}

bool is_well_formed(std::string_view text) {
  bool in_stanza = false;
  for (const InterfacesLine& line : parse_interfaces_lines(text)) {
    if (line.words.empty()) {
      continue;
    }
    const std::string_view first = text_of(text, line.words[0]);
    if (starts_stanza(first)) {
      in_stanza = first == "mapping" || (first == "iface" && line.words.size() >= 4);
    } else if (!in_stanza) {
      return false;
    }
  }
  return true;
}

bool is_physical_interface(std::string_view name) {
  name = name.substr(0, name.find(':'));
  const auto digits_behind = [&](std::string_view prefix) {
    return name.starts_with(prefix) && all_digits(name.substr(prefix.size()));
  };
  if (digits_behind("eth") || digits_behind("em")) {
    return true;
  }
  if (name.size() < 4 || name.find('.') != std::string_view::npos) {
    return false;
  }
  if (name.starts_with("en")) {  // systemd.net-naming-scheme(7)
    constexpr std::string_view kSchemes = "opsxbcaPX";
    return kSchemes.find(name[2]) != std::string_view::npos &&
           name.find_first_of("0123456789") != std::string_view::npos;
  }
  const size_t port = name.find('p', 1);  // biosdevname: p4p1
  return name[0] == 'p' && port != std::string_view::npos && all_digits(name.substr(1, port - 1)) &&
         all_digits(name.substr(port + 1));
}

std::vector<InterfacesLine> parse_interfaces_lines(std::string_view text) {
  std::vector<InterfacesLine> lines;
  bool continued = false;
  for (const Line& line : split_lines(text)) {
    std::vector<Field> words = split_fields(text, line);
    const bool comment = !continued && !words.empty() && text[words[0].begin] == '#';
    const bool goes_on =
        !comment && !words.empty() && words.back().end == line.end && text[line.end - 1] == '\\';
    if (goes_on) {
      --words.back().end;
      if (words.back().begin == words.back().end) {
        words.pop_back();
      }
    }
    if (comment) {
      words.clear();
    }
    if (continued) {
      InterfacesLine& last = lines.back();
      last.next = line.next;
      last.words.insert(last.words.end(), words.begin(), words.end());
    } else {
      lines.push_back({.begin = line.begin, .next = line.next, .words = std::move(words)});
    }
    continued = goes_on;
  }
  return lines;
}

std::vector<InterfaceStanza> parse_interface_stanzas(std::string_view text) {
  std::vector<InterfaceStanza> stanzas;
  bool in_stanza = false;
  for (const InterfacesLine& line : parse_interfaces_lines(text)) {
    if (line.words.empty()) {
      continue;
    }
    const std::string_view first = text_of(text, line.words[0]);
    if (first == "iface" && line.words.size() >= 4) {
      stanzas.push_back({.name = std::string(text_of(text, line.words[1])),
                         .family = std::string(text_of(text, line.words[2])),
                         .method = std::string(text_of(text, line.words[3])),
                         .header = line,
                         .options = {}});
      in_stanza = true;
    } else if (starts_stanza(first)) {
      in_stanza = false;
    } else if (in_stanza) {
      stanzas.back().options.push_back(line);
    }
  }
  return stanzas;
}

std::vector<TextFile> read_interfaces(const GuestView& guest) {
  std::vector<TextFile> files;
  std::optional<TextFile> main = read_text_file(guest, GuestPath("/etc/network/interfaces"));
  if (!main) {
    return files;
  }
  files.push_back(std::move(*main));
  const std::string text = files.front().content;
  for (const InterfacesLine& line : parse_interfaces_lines(text)) {
    if (line.words.size() < 2) {
      continue;
    }
    const std::string_view keyword = text_of(text, line.words[0]);
    if (keyword != "source" && keyword != "source-directory") {
      continue;
    }
    for (const GuestPath& path : sourced_files(guest, keyword, text_of(text, line.words[1]))) {
      std::optional<TextFile> file = read_text_file(guest, path);
      const bool known = file && std::any_of(files.begin(), files.end(), [&](const TextFile& f) {
                           return f.path == file->path;
                         });
      if (file && !known) {
        files.push_back(std::move(*file));
      }
    }
  }
  return files;
}

}  // namespace rehost
