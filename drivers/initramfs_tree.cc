#include "drivers/initramfs_tree.h"

#include <algorithm>
#include <deque>

#include "drivers/cpio.h"

namespace rehost {
namespace {

constexpr int kMaxLinks = 40;  // as in the kernel

void push_in_front(std::deque<std::string>& todo, std::string_view path) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (at < path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    if (end > at && path.substr(at, end - at) != ".") {
      parts.emplace_back(path.substr(at, end - at));
    }
    at = end + 1;
  }
  todo.insert(todo.begin(), parts.begin(), parts.end());
}

std::string child_of(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

bool is_type(uint32_t mode, uint32_t type) {
  return (mode & kFileTypeMask) == type;
}

}  // namespace

std::optional<std::string> InitramfsTree::walk(std::string_view path, bool follow_last) const {
  std::deque<std::string> todo;
  push_in_front(todo, path);
  std::string here;
  int links = 0;
  while (!todo.empty()) {
    const std::string part = std::move(todo.front());
    todo.pop_front();
    if (part == "..") {
      const size_t slash = here.rfind('/');
      here.resize(slash == std::string::npos ? 0 : slash);
      continue;
    }
    std::string next = child_of(here, part);
    if (todo.empty() && !follow_last) {
      return next;
    }
    const auto found = nodes_.find(next);
    if (found == nodes_.end()) {
      return std::nullopt;
    }
    if (is_type(found->second.mode, kSymlink)) {
      const std::string& target = found->second.target;
      if (target.empty() || ++links > kMaxLinks) {
        return std::nullopt;
      }
      if (target.front() == '/') {
        here.clear();
      }
      push_in_front(todo, target);
      continue;
    }
    if (!todo.empty() && !is_type(found->second.mode, kDirectory)) {
      return std::nullopt;
    }
    here = std::move(next);
  }
  return here;
}

void InitramfsTree::add(std::string_view path, uint32_t mode, uint32_t links,
                        std::string_view target, EntryPosition position) {
  if (assumes_parents_) {
    make_parents(path);
  }
  const std::optional<std::string> real = resolve_parent(path);
  if (!real || real->empty()) {
    return;
  }
  const size_t slash = real->rfind('/');
  if (slash != std::string::npos) {
    const Node* parent = at(real->substr(0, slash));
    if (parent == nullptr || !is_type(parent->mode, kDirectory)) {
      return;
    }
  }
  Node& node = nodes_[*real];
  if (!node.positions.empty() && is_type(node.mode, kDirectory) && !is_type(mode, kDirectory)) {
    const auto below = nodes_.lower_bound(*real + "/");
    if (below != nodes_.end() && below->first.starts_with(*real + "/")) {
      return;  // the kernel cannot remove a directory that is not empty
    }
  }
  node.mode = mode;
  node.links = links;
  node.target = target;
  node.positions.push_back(position);
}

void InitramfsTree::make_parents(std::string_view path) {
  for (size_t slash = path.find('/', 1); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    const std::string_view parent = path.substr(0, slash);
    if (!resolve(parent)) {
      if (const std::optional<std::string> real = resolve_parent(parent)) {
        nodes_[*real].mode = kDirectory | 0755;
      }
    }
  }
}

std::optional<std::string> InitramfsTree::resolve(std::string_view path) const {
  return walk(path, true);
}

std::optional<std::string> InitramfsTree::resolve_parent(std::string_view path) const {
  return walk(path, false);
}

const InitramfsTree::Node* InitramfsTree::at(const std::string& real_path) const {
  const auto found = nodes_.find(real_path);
  return found == nodes_.end() ? nullptr : &found->second;
}

const InitramfsTree::Node* InitramfsTree::find(std::string_view path) const {
  const std::optional<std::string> real = resolve(path);
  return real ? at(*real) : nullptr;
}

bool InitramfsTree::is_directory(std::string_view path) const {
  const std::optional<std::string> real = resolve(path);
  const Node* node = real ? at(*real) : nullptr;
  return real && (real->empty() || (node != nullptr && is_type(node->mode, kDirectory)));
}

bool InitramfsTree::is_file(std::string_view path) const {
  const Node* node = find(path);
  return node != nullptr && is_type(node->mode, kRegularFile);
}

std::vector<std::string> InitramfsTree::files_below(std::string_view directory) const {
  std::vector<std::string> files;
  const std::optional<std::string> real = resolve(directory);
  if (!real) {
    return files;
  }
  const std::string prefix = real->empty() ? "" : *real + "/";
  for (auto node = nodes_.lower_bound(prefix);
       node != nodes_.end() && node->first.starts_with(prefix); ++node) {
    if (is_type(node->second.mode, kRegularFile)) {
      files.push_back(node->first);
    }
  }
  return files;
}

}  // namespace rehost
