#include "converter/worker_needs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

#include "converter/core/error.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// "NAME   123 kB" or "NAME 123" among the lines of a file of /proc or a control group.
std::optional<uint64_t> row_of(const fs::path& file, std::string_view name) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with(name)) {
      const size_t begin = line.find_first_not_of(' ', name.size());
      return begin == std::string::npos ? std::nullopt
                                        : number_of(std::string_view(line).substr(begin));
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> content_of(const fs::path& file) {
  return row_of(file, "");  // "max" is no number, and no limit
}

// What a control group leaves of its limit; pages of files that it can give back do not count.
std::optional<uint64_t> left_in(const fs::path& group) {
  const std::optional<uint64_t> most = content_of(group / "memory.max");
  const std::optional<uint64_t> current = content_of(group / "memory.current");
  if (!most || !current) {
    return std::nullopt;
  }
  const uint64_t given_back = row_of(group / "memory.stat", "inactive_file ").value_or(0);
  const uint64_t used = *current - std::min(*current, given_back);
  return *most - std::min(*most, used);
}

// Version 2, whose line in /proc/self/cgroup is "0::/path". A container may see its own group as /.
uint64_t left_by_groups(const fs::path& root) {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  std::ifstream in(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with("0::/")) {
      continue;
    }
    fs::path group = fs::path(line.substr(4)).lexically_normal();
    while (true) {
      least = std::min(least, left_in(root / "sys/fs/cgroup" / group).value_or(least));
      if (!group.has_relative_path() || group == ".") {
        return least;
      }
      group = group.parent_path();
    }
  }
  return least;
}

}  // namespace

uint64_t available_memory(const fs::path& root) {
  constexpr uint64_t kKibibyte = 1024;
  const std::optional<uint64_t> kernel = row_of(root / "proc/meminfo", "MemAvailable:");
  return std::min(kernel ? *kernel * kKibibyte : std::numeric_limits<uint64_t>::max(),
                  left_by_groups(root));
}

uint64_t available_memory() {
  return available_memory("/");
}

void require_memory(uint64_t needed, uint64_t available) {
  if (available < needed) {
    throw Error(ErrorKind::environment,
                fmt::format("a conversion needs {} of memory, and this worker has {} available: "
                            "give it more, or run fewer jobs on it at a time",
                            human_bytes(needed), human_bytes(available)));
  }
}

}  // namespace rehost
