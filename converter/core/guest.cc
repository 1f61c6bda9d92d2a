#include "converter/core/guest.h"

#include <deque>

namespace rehost {
namespace {

constexpr int kMaxLinks = 40;  // path_resolution(7): MAXSYMLINKS

void push_components_in_front(std::deque<std::string>& todo, std::string_view path) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (at <= path.size()) {
    size_t end = path.find('/', at);
    if (end == std::string_view::npos) {
      end = path.size();
    }
    if (end > at) {
      parts.emplace_back(path.substr(at, end - at));
    }
    at = end + 1;
  }
  todo.insert(todo.begin(), parts.begin(), parts.end());
}

}  // namespace

std::optional<GuestPath> resolve(const GuestView& guest, const GuestPath& path) {
  std::deque<std::string> todo;
  push_components_in_front(todo, path.str());
  GuestPath at("/");
  int links = 0;
  while (!todo.empty()) {
    const std::string part = todo.front();
    todo.pop_front();
    if (part == ".") {
      continue;
    }
    if (part == "..") {
      at = at.parent();
      continue;
    }
    const GuestPath next = at / part;
    const std::optional<FileStat> stat = guest.stat(next);
    if (!stat) {
      return std::nullopt;
    }
    if (stat->type != FileType::symlink) {
      if (!todo.empty() && stat->type != FileType::directory) {
        return std::nullopt;
      }
      at = next;
      continue;
    }
    const std::optional<std::string> target = guest.read_link(next);
    if (!target || target->empty() || ++links > kMaxLinks) {
      return std::nullopt;
    }
    if (target->front() == '/') {
      at = GuestPath("/");
    }
    push_components_in_front(todo, *target);
  }
  return at;
}

std::optional<FileStat> stat_target(const GuestView& guest, const GuestPath& path) {
  const std::optional<GuestPath> real = resolve(guest, path);
  return real ? guest.stat(*real) : std::nullopt;
}

bool is_file(const GuestView& guest, const GuestPath& path) {
  const std::optional<FileStat> stat = stat_target(guest, path);
  return stat && stat->type == FileType::regular;
}

bool is_directory(const GuestView& guest, const GuestPath& path) {
  const std::optional<FileStat> stat = stat_target(guest, path);
  return stat && stat->type == FileType::directory;
}

}  // namespace rehost
