// The guest as it will be: a view of the real one beneath, with planned edits laid over it in
// memory. It lets two fixes touch one file without knowing of each other.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "converter/core/edit.h"
#include "converter/core/guest.h"

namespace rehost {

class PlannedGuest : public GuestView {
 public:
  explicit PlannedGuest(const GuestView& base) : base_(base) {}

  // Pretends that the edit has happened. A RunInGuest changes nothing here: nobody can know what it
  // will do.
  void pretend(const Edit& edit);

  std::optional<FileStat> stat(const GuestPath& path) const override;
  std::optional<std::string> read(const GuestPath& path, uint64_t max_bytes) const override;
  std::optional<std::string> read_range(const GuestPath& path, uint64_t offset,
                                        uint64_t length) const override;
  std::vector<DirectoryEntry> list(const GuestPath& directory) const override;
  std::optional<std::string> read_link(const GuestPath& path) const override;

 private:
  struct Node {
    FileStat stat;
    std::string content;  // of a symlink, its target
  };
  // What we have put at a resolved path: a node, or nothing at all (removed). Absent from the map:
  // see the base.
  const std::optional<Node>* laid_over(const GuestPath& path) const;
  GuestPath landing(const GuestPath& path) const;
  void put(const GuestPath& path, Node node);

  // Nothing of the base is to be seen at or below a tree that was removed, whatever was put there
  // since.
  bool hidden(const GuestPath& path) const;

  const GuestView& base_;
  std::set<GuestPath> removed_trees_;
  std::map<GuestPath, std::optional<Node>> nodes_;
  // Initramfs images with entries to add are only made when somebody reads them: it costs a second
  // each.
  mutable std::map<GuestPath, std::vector<AddToInitramfs>> additions_;
};

}  // namespace rehost
