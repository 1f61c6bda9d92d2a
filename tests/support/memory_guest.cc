#include "tests/support/memory_guest.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "converter/core/error.h"

namespace rehost {

MemoryGuest::MemoryGuest() {
  place(GuestPath("/"), FileType::directory, 0755);
}

MemoryGuest::Node& MemoryGuest::place(const GuestPath& path, FileType type, uint32_t mode) {
  if (path != GuestPath("/") && !nodes_.contains(path.parent())) {
    place(path.parent(), FileType::directory, 0755);
  }
  Node& node = nodes_[path];
  node.stat.type = type;
  node.stat.mode = mode;
  return node;
}

void MemoryGuest::add_file(std::string_view path, std::string content, uint32_t mode) {
  Node& node = place(GuestPath(path), FileType::regular, mode);
  node.stat.size = content.size();
  node.content = std::move(content);
}

void MemoryGuest::add_directory(std::string_view path) {
  place(GuestPath(path), FileType::directory, 0755);
}

void MemoryGuest::add_symlink(std::string_view path, std::string target) {
  Node& node = place(GuestPath(path), FileType::symlink, 0777);
  node.stat.size = target.size();
  node.content = std::move(target);
}

void MemoryGuest::add_device(std::string_view path, FileType type) {
  place(GuestPath(path), type, 0600);
}

void MemoryGuest::add_hard_link(std::string_view path, std::string_view file) {
  Node& first = nodes_.at(GuestPath(file));
  if (first.inode == 0) {
    first.inode = static_cast<int>(nodes_.size());
  }
  const Node copy = first;
  place(GuestPath(path), FileType::regular, copy.stat.mode) = copy;
}

std::optional<FileStat> MemoryGuest::stat(const GuestPath& path) const {
  const auto found = nodes_.find(path);
  if (found != nodes_.end()) {
    return found->second.stat;
  }
  if (path == GuestPath("/")) {
    return std::nullopt;
  }
  // A link may stand among the parents.
  const std::optional<GuestPath> parent = resolve(*this, path.parent());
  if (!parent || *parent == path.parent()) {
    return std::nullopt;
  }
  const auto real = nodes_.find(*parent / path.name());
  return real == nodes_.end() ? std::nullopt : std::optional(real->second.stat);
}

std::optional<std::string> MemoryGuest::read(const GuestPath& path, uint64_t max_bytes) const {
  const std::optional<GuestPath> real = resolve(*this, path);
  if (!real) {
    return std::nullopt;
  }
  const Node& node = nodes_.at(*real);
  if (node.stat.type != FileType::regular) {
    return std::nullopt;
  }
  if (node.content.size() > max_bytes) {
    throw Error(ErrorKind::guest_damaged, "cannot read " + path.str() + ": it is larger than " +
                                              std::to_string(max_bytes) + " bytes");
  }
  return node.content;
}

std::optional<std::string> MemoryGuest::read_range(const GuestPath& path, uint64_t offset,
                                                   uint64_t length) const {
  std::optional<std::string> all = read(path, UINT64_MAX);
  if (!all) {
    return std::nullopt;
  }
  return offset >= all->size() ? std::string() : all->substr(offset, length);
}

std::vector<DirectoryEntry> MemoryGuest::list(const GuestPath& directory) const {
  std::vector<DirectoryEntry> entries;
  const std::optional<GuestPath> real = resolve(*this, directory);
  if (!real || nodes_.at(*real).stat.type != FileType::directory) {
    return entries;
  }
  for (const auto& [path, node] : nodes_) {
    if (path != *real && path.parent() == *real) {
      entries.push_back({std::string(path.name()), node.stat});
    }
  }
  return entries;
}

std::optional<std::string> MemoryGuest::read_link(const GuestPath& path) const {
  const std::optional<FileStat> found = stat(path);
  if (!found || found->type != FileType::symlink) {
    return std::nullopt;
  }
  const auto direct = nodes_.find(path);
  if (direct != nodes_.end()) {
    return direct->second.content;
  }
  return nodes_.at(*resolve(*this, path.parent()) / path.name()).content;
}

GuestPath MemoryGuest::landing(const GuestPath& path) const {
  if (const std::optional<GuestPath> real = resolve(*this, path)) {
    return *real;
  }
  const std::optional<GuestPath> parent = resolve(*this, path.parent());
  if (!parent || nodes_.at(*parent).stat.type != FileType::directory) {
    throw Error(ErrorKind::guest_damaged, "cannot write " + path.str() + ": no such directory");
  }
  return *parent / path.name();
}

void MemoryGuest::write(const GuestPath& path, std::string_view content, uint32_t mode_if_new) {
  const GuestPath real = landing(path);
  const auto found = nodes_.find(real);
  if (found != nodes_.end() && found->second.stat.type != FileType::regular) {
    throw Error(ErrorKind::guest_damaged, "cannot write " + path.str() + ": not a regular file");
  }
  Node& node = found != nodes_.end() ? found->second : place(real, FileType::regular, mode_if_new);
  const int inode = node.inode;
  for (auto& [name, other] : nodes_) {
    if (&other == &node || (inode != 0 && other.inode == inode)) {
      other.content = content;
      other.stat.size = content.size();
    }
  }
}

void MemoryGuest::append(const GuestPath& path, std::string_view content) {
  const std::optional<std::string> old = read(path, UINT64_MAX);
  if (!old) {
    throw Error(ErrorKind::guest_damaged, "cannot append to " + path.str() + ": no such file");
  }
  write(path, *old + std::string(content), 0644);
}

void MemoryGuest::remove(const GuestPath& path) {
  const std::optional<GuestPath> parent = resolve(*this, path.parent());
  if (!parent || nodes_.erase(*parent / path.name()) == 0) {
    throw Error(ErrorKind::guest_damaged, "cannot remove " + path.str() + ": no such file");
  }
}

void MemoryGuest::remove_tree(const GuestPath& path) {
  const std::optional<GuestPath> parent = resolve(*this, path.parent());
  if (!parent || !nodes_.contains(*parent / path.name())) {
    throw Error(ErrorKind::guest_damaged, "cannot remove " + path.str() + ": no such directory");
  }
  std::erase_if(nodes_, [top = *parent / path.name()](const auto& node) {
    return node.first.is_within(top);
  });
}

void MemoryGuest::make_directories(const GuestPath& path) {
  if (const std::optional<FileStat> found = stat_target(*this, path)) {
    if (found->type != FileType::directory) {
      throw Error(ErrorKind::guest_damaged,
                  "cannot make directory " + path.str() + ": a file is there");
    }
    return;
  }
  make_directories(path.parent());
  place(*resolve(*this, path.parent()) / path.name(), FileType::directory, 0755);
}

void MemoryGuest::symlink(const GuestPath& path, std::string_view target) {
  const std::optional<GuestPath> parent = resolve(*this, path.parent());
  if (!parent) {
    throw Error(ErrorKind::guest_damaged, "cannot link " + path.str() + ": no such directory");
  }
  nodes_.erase(*parent / path.name());  // ln -sf: a new file, without the label of the old one
  Node& node = place(*parent / path.name(), FileType::symlink, 0777);
  node.content = target;
  node.stat.size = target.size();
}

std::string MemoryGuest::label(const GuestPath& path) const {
  const std::optional<GuestPath> parent = resolve(*this, path.parent());
  return parent ? nodes_.at(*parent / path.name()).label : "";
}

void MemoryGuest::set_label(const GuestPath& path, std::string_view context) {
  const std::optional<GuestPath> parent = resolve(*this, path.parent());
  const auto found = parent ? nodes_.find(*parent / path.name()) : nodes_.end();
  if (found == nodes_.end()) {
    throw Error(ErrorKind::guest_damaged, "cannot label " + path.str() + ": no such file");
  }
  found->second.label = context;
}

CommandResult MemoryGuest::run(const std::vector<std::string>& argv) {
  if (!on_run) {
    return {.exit_status = 127, .output = argv.at(0) + ": not found"};
  }
  return on_run(*this, argv);
}

MemoryGuest load_guest_tree(const std::string& directory) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(directory)) {
    throw std::runtime_error("no guest tree at " + directory);
  }
  MemoryGuest guest;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    const std::string path = entry.path().string().substr(directory.size());
    if (entry.is_symlink()) {
      guest.add_symlink(path, fs::read_symlink(entry.path()).string());
    } else if (entry.is_directory()) {
      guest.add_directory(path);
    } else {
      std::ifstream in(entry.path(), std::ios::binary);
      guest.add_file(path, std::string(std::istreambuf_iterator<char>(in), {}));
    }
  }
  return guest;
}

}  // namespace rehost
