// A directory of a guest seen as if it were a root: a btrfs subvolume, from the top level of its
// file system, without a mount of its own.
#pragma once

#include "converter/core/guest.h"

namespace rehost {

class SubtreeView : public GuestView {
 public:
  // `guest` outlives this view. No component of `top` may be a symbolic link. Links inside of the
  // tree are followed inside of the tree, absolute ones too.
  SubtreeView(const GuestView& guest, GuestPath top) : guest_(&guest), top_(std::move(top)) {}

  std::optional<FileStat> stat(const GuestPath& path) const override;
  std::optional<std::string> read(const GuestPath& path, uint64_t max_bytes) const override;
  std::optional<std::string> read_range(const GuestPath& path, uint64_t offset,
                                        uint64_t length) const override;
  std::vector<DirectoryEntry> list(const GuestPath& directory) const override;
  std::optional<std::string> read_link(const GuestPath& path) const override;

 private:
  GuestPath outside(const GuestPath& path) const;
  // Links resolved here, where an absolute one starts at `top_`; nullopt: no such file.
  std::optional<GuestPath> target(const GuestPath& path) const;

  const GuestView* guest_;
  GuestPath top_;
};

}  // namespace rehost
