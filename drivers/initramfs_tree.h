// The files of an initramfs as the kernel leaves them after unpacking all archives: later entries
// win, and symbolic links among the parents are followed (lib -> usr/lib).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

// Where an entry stands: segment of the image, archive within the segment, entry within the
// archive.
struct EntryPosition {
  size_t segment = 0;
  size_t archive = 0;
  size_t entry = 0;
  friend bool operator==(const EntryPosition&, const EntryPosition&) = default;
};

class InitramfsTree {
 public:
  struct Node {
    uint32_t mode = 0;
    uint32_t links = 1;
    std::string target;  // of a symlink
    std::vector<EntryPosition>
        positions;  // all entries that land here; the last one is what the kernel keeps
  };

  // Unpacks one more entry as the kernel does: no parents are made, so a file without its directory
  // is lost, and an entry of another type replaces what is there, a link by a directory too.
  void add(std::string_view path, uint32_t mode, uint32_t links, std::string_view target,
           EntryPosition position);

  // For an image that is read in part only: directories that entries need and that are not here are
  // taken for granted.
  void assume_parents() { assumes_parents_ = true; }

  // The path with every link in it followed, relative and without "." or ".."; "" is the root.
  // nullopt: no such file.
  std::optional<std::string> resolve(std::string_view path) const;
  // The same, but a link at the last component is not followed, and the last component need not be
  // there.
  std::optional<std::string> resolve_parent(std::string_view path) const;

  const Node* find(std::string_view path) const;  // links followed; nullptr: no such file
  bool is_directory(std::string_view path) const;
  bool is_file(std::string_view path) const;
  // Regular files below a directory, as paths from the root of the archive, sorted.
  std::vector<std::string> files_below(std::string_view directory) const;
  // The node at exactly this real path, links not followed.
  const Node* at(const std::string& real_path) const;

 private:
  std::optional<std::string> walk(std::string_view path, bool follow_last) const;

  void make_parents(std::string_view path);

  std::map<std::string, Node> nodes_;  // by real path
  bool assumes_parents_ = false;
};

}  // namespace rehost
