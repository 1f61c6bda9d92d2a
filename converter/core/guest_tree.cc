#include "converter/core/guest_tree.h"

#include <fmt/format.h>

#include <deque>

namespace rehost {

std::optional<TreeListing> list_tree(const GuestView& guest, const GuestPath& directory) {
  const std::optional<FileStat> top = guest.stat(directory);
  if (!top || top->type != FileType::directory) {
    return std::nullopt;
  }
  TreeListing tree;
  std::string text;
  std::deque<GuestPath> todo = {directory};
  while (!todo.empty()) {
    const GuestPath at = todo.front();
    todo.pop_front();
    for (const DirectoryEntry& entry : guest.list(at)) {
      if (++tree.entries > kMaxTreeEntries) {
        return std::nullopt;
      }
      const GuestPath path = at / entry.name;
      const bool is_directory = entry.stat.type == FileType::directory;
      // A file system gives a directory whatever size it likes.
      text += fmt::format("{}\n{} {:o} {}\n", path.str(), static_cast<int>(entry.stat.type),
                          entry.stat.mode, is_directory ? 0 : entry.stat.size);
      if (is_directory) {
        todo.push_back(path);
      }
    }
  }
  tree.hash = hash_content(text);
  return tree;
}

}  // namespace rehost
