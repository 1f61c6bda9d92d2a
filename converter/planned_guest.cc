#include "converter/planned_guest.h"

#include <algorithm>

#include "converter/core/error.h"
#include "drivers/initramfs.h"

namespace rehost {

const std::optional<PlannedGuest::Node>* PlannedGuest::laid_over(const GuestPath& path) const {
  const auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : &found->second;
}

bool PlannedGuest::hidden(const GuestPath& path) const {
  return std::any_of(removed_trees_.begin(), removed_trees_.end(),
                     [&](const GuestPath& tree) { return path.is_within(tree); });
}

// Where a write through `path` lands: links followed, the last component may be new.
GuestPath PlannedGuest::landing(const GuestPath& path) const {
  if (const std::optional<GuestPath> real = resolve(*this, path)) {
    return *real;
  }
  if (const std::optional<GuestPath> parent = resolve(*this, path.parent())) {
    return *parent / path.name();
  }
  return path;
}

void PlannedGuest::put(const GuestPath& path, Node node) {
  for (GuestPath parent = path.parent(); !stat(parent); parent = parent.parent()) {
    nodes_[parent] = Node{.stat = {.type = FileType::directory, .mode = 0755}, .content = {}};
  }
  node.stat.size = node.content.size();
  nodes_[path] = std::move(node);
}

void PlannedGuest::pretend(const Edit& edit) {
  if (const auto* write = std::get_if<WriteFile>(&edit.action)) {
    const GuestPath path = landing(write->path);
    FileStat status = stat(path).value_or(FileStat{.mode = write->mode_if_new});
    additions_.erase(path);
    put(path, Node{.stat = status, .content = write->content});
  } else if (const auto* append = std::get_if<AppendFile>(&edit.action)) {
    const GuestPath path = landing(append->path);
    const FileStat status = stat(path).value_or(FileStat{});
    const std::string old = read(path, kMaxInitramfsBytes).value_or("");
    put(path, Node{.stat = status, .content = old + append->content});
  } else if (const auto* remove = std::get_if<RemoveFile>(&edit.action)) {
    const GuestPath parent = landing(remove->path.parent());
    nodes_[parent / remove->path.name()] = std::nullopt;
  } else if (const auto* tree = std::get_if<RemoveTree>(&edit.action)) {
    const GuestPath path = landing(tree->path.parent()) / tree->path.name();
    std::erase_if(nodes_, [&](const auto& node) { return node.first.is_within(path); });
    removed_trees_.insert(path);
  } else if (const auto* link = std::get_if<MakeSymlink>(&edit.action)) {
    const GuestPath parent = landing(link->path.parent());
    put(parent / link->path.name(),
        Node{.stat = {.type = FileType::symlink, .mode = 0777}, .content = link->target});
  } else if (const auto* addition = std::get_if<AddToInitramfs>(&edit.action)) {
    additions_[landing(addition->path)].push_back(*addition);
  }
}

std::optional<FileStat> PlannedGuest::stat(const GuestPath& path) const {
  if (const std::optional<Node>* over = laid_over(path)) {
    return *over ? std::optional((*over)->stat) : std::nullopt;
  }
  return hidden(path) ? std::nullopt : base_.stat(path);
}

std::optional<std::string> PlannedGuest::read(const GuestPath& path, uint64_t max_bytes) const {
  const std::optional<GuestPath> real = resolve(*this, path);
  if (!real) {
    return std::nullopt;
  }
  std::optional<std::string> content;
  if (const std::optional<Node>* over = laid_over(*real)) {
    if (!*over || (*over)->stat.type != FileType::regular) {
      return std::nullopt;
    }
    content = (*over)->content;
  } else {
    content = base_.read(*real, max_bytes);
  }
  const auto additions = additions_.find(*real);
  if (content && additions != additions_.end()) {
    for (const AddToInitramfs& addition : additions->second) {
      content = apply_to_initramfs(*content, addition);
    }
  }
  if (content && content->size() > max_bytes) {
    throw Error(ErrorKind::guest_damaged, "cannot read " + path.str() + ": it is too large");
  }
  return content;
}

std::optional<std::string> PlannedGuest::read_range(const GuestPath& path, uint64_t offset,
                                                    uint64_t length) const {
  const std::optional<GuestPath> real = resolve(*this, path);
  if (!real) {
    return std::nullopt;
  }
  if (laid_over(*real) == nullptr && !additions_.contains(*real)) {
    return base_.read_range(*real, offset, length);
  }
  const std::optional<std::string> all = read(*real, kMaxInitramfsBytes);
  if (!all) {
    return std::nullopt;
  }
  return offset >= all->size() ? std::string() : all->substr(offset, length);
}

std::vector<DirectoryEntry> PlannedGuest::list(const GuestPath& directory) const {
  const std::optional<GuestPath> real = resolve(*this, directory);
  if (!real) {
    return {};
  }
  std::map<std::string, FileStat> entries;
  if (!hidden(*real)) {
    for (const DirectoryEntry& entry : base_.list(*real)) {
      if (!hidden(*real / entry.name)) {
        entries[entry.name] = entry.stat;
      }
    }
  }
  for (const auto& [path, node] : nodes_) {
    if (path == *real || path.parent() != *real) {
      continue;
    }
    if (node) {
      entries[std::string(path.name())] = node->stat;
    } else {
      entries.erase(std::string(path.name()));
    }
  }
  std::vector<DirectoryEntry> out;
  out.reserve(entries.size());
  for (const auto& [name, status] : entries) {
    out.push_back({name, status});
  }
  return out;
}

std::optional<std::string> PlannedGuest::read_link(const GuestPath& path) const {
  if (const std::optional<Node>* over = laid_over(path)) {
    if (!*over || (*over)->stat.type != FileType::symlink) {
      return std::nullopt;
    }
    return (*over)->content;
  }
  return hidden(path) ? std::nullopt : base_.read_link(path);
}

}  // namespace rehost
