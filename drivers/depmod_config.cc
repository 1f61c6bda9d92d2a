#include "drivers/depmod_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace rehost {
namespace {

constexpr std::string_view kBuiltIn = "built-in";
constexpr std::array<std::string_view, 4> kDirectories{"/etc/depmod.d", "/usr/local/lib/depmod.d",
                                                       "/usr/lib/depmod.d", "/lib/depmod.d"};

std::vector<std::string_view> words(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<std::string_view> result;
  for (size_t at = line.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    result.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlanks, end);
  }
  return result;
}

template <typename Use>
void for_each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    use(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
}

// "updates/ena.ko.xz" -> "updates/ena"
std::string_view without_ending(std::string_view path) {
  const size_t slash = path.rfind('/');
  return path.substr(0, path.find(".ko", slash == std::string_view::npos ? 0 : slash));
}

}  // namespace

void DepmodConfig::add(std::string_view text) {
  for_each_line(text, [&](std::string_view line) {
    const std::vector<std::string_view> parts = words(line);
    if (parts.size() > 1 && parts[0] == "search") {
      searches_.insert(searches_.end(), parts.begin() + 1, parts.end());
    } else if (parts.size() > 3 && parts[0] == "override") {
      overrides_.push_back(fmt::format("{}/{}", parts[3], parts[1]));
    }
  });
}

std::ptrdiff_t DepmodConfig::rank(std::string_view path) const {
  // Without any "search" line: updates, and all others alike.
  static const std::vector<std::string> kDefault{"updates"};
  const std::vector<std::string>& searches = searches_.empty() ? kDefault : searches_;
  const auto found =
      std::find_if(searches.begin(), searches.end(), [&](const std::string& directory) {
        return directory != kBuiltIn && path.starts_with(directory);
      });
  if (found != searches.end()) {
    return searches.end() - found;
  }
  return searches.end() - std::find(searches.begin(), searches.end(), kBuiltIn);
}

bool DepmodConfig::prefers(std::string_view path, std::string_view other) const {
  for (auto line = overrides_.rbegin(); line != overrides_.rend(); ++line) {
    const bool ours = *line == without_ending(path);
    if (ours || *line == without_ending(other)) {
      return ours && *line != without_ending(other);
    }
  }
  return rank(path) > rank(other);
}

DepmodConfig read_depmod_config(const GuestView& guest) {
  std::map<std::string, GuestPath> files;
  for (const std::string_view directory : kDirectories) {
    for (const DirectoryEntry& entry : guest.list(GuestPath(directory))) {
      if (entry.name.ends_with(".conf") && !entry.name.starts_with('.')) {
        files.try_emplace(entry.name, GuestPath(directory) / entry.name);
      }
    }
  }
  DepmodConfig config;
  for (const auto& [name, path] : files) {
    config.add(guest.read(path).value_or(""));
  }
  return config;
}

std::string with_override(std::string_view text, std::string_view file_name,
                          std::string_view directory) {
  const std::string wanted = fmt::format("override {} * {}", file_name, directory);
  bool there = false;
  for_each_line(text, [&](std::string_view line) { there = there || line == wanted; });
  std::string result(text);
  if (!there) {
    result += result.empty() || result.back() == '\n' ? "" : "\n";
    result += wanted + "\n";
  }
  return result;
}

}  // namespace rehost
