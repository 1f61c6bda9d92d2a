#include "converter/subtree_view.h"

namespace rehost {

// GuestPath has clamped every ".." at "/" before this, so that none of them leads out of the tree.
GuestPath SubtreeView::outside(const GuestPath& path) const {
  return top_ / path.str().substr(1);
}

std::optional<GuestPath> SubtreeView::target(const GuestPath& path) const {
  const std::optional<GuestPath> real = resolve(*this, path);
  return real ? std::optional(outside(*real)) : std::nullopt;
}

std::optional<FileStat> SubtreeView::stat(const GuestPath& path) const {
  return guest_->stat(outside(path));
}

std::optional<std::string> SubtreeView::read(const GuestPath& path, uint64_t max_bytes) const {
  const std::optional<GuestPath> real = target(path);
  return real ? guest_->read(*real, max_bytes) : std::nullopt;
}

std::optional<std::string> SubtreeView::read_range(const GuestPath& path, uint64_t offset,
                                                   uint64_t length) const {
  const std::optional<GuestPath> real = target(path);
  return real ? guest_->read_range(*real, offset, length) : std::nullopt;
}

std::vector<DirectoryEntry> SubtreeView::list(const GuestPath& directory) const {
  const std::optional<GuestPath> real = target(directory);
  return real ? guest_->list(*real) : std::vector<DirectoryEntry>{};
}

std::optional<std::string> SubtreeView::read_link(const GuestPath& path) const {
  return guest_->read_link(outside(path));
}

}  // namespace rehost
