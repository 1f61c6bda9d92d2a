// A guest held in memory: the fake that the unit tests stand on. It behaves as GuestfsGuest does
// (the same contract suite runs on both), symbolic links and all.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "converter/core/guest.h"

namespace rehost {

class MemoryGuest : public Guest {
 public:
  MemoryGuest();

  // Building a tree; parents are made as needed.
  void add_file(std::string_view path, std::string content, uint32_t mode = 0644);
  void add_directory(std::string_view path);
  void add_symlink(std::string_view path, std::string target);
  // One more name of a file that is there.
  void add_hard_link(std::string_view path, std::string_view file);
  void add_device(std::string_view path, FileType type);

  // Answers for run(): the tests that need a guest command say what it does.
  std::function<CommandResult(MemoryGuest&, const std::vector<std::string>&)> on_run;

  std::optional<FileStat> stat(const GuestPath& path) const override;
  std::optional<std::string> read(const GuestPath& path, uint64_t max_bytes) const override;
  std::optional<std::string> read_range(const GuestPath& path, uint64_t offset,
                                        uint64_t length) const override;
  std::vector<DirectoryEntry> list(const GuestPath& directory) const override;
  std::optional<std::string> read_link(const GuestPath& path) const override;

  void write(const GuestPath& path, std::string_view content, uint32_t mode_if_new) override;
  void append(const GuestPath& path, std::string_view content) override;
  void remove(const GuestPath& path) override;
  void remove_tree(const GuestPath& path) override;
  void make_directories(const GuestPath& path) override;
  void symlink(const GuestPath& path, std::string_view target) override;
  std::string label(const GuestPath& path) const override;
  void set_label(const GuestPath& path, std::string_view context) override;
  CommandResult run(const std::vector<std::string>& argv) override;

  struct Node {
    FileStat stat;
    std::string content;  // of a symlink, its target
    std::string label;    // SELinux
    int inode = 0;        // entries with the same number are hard links; 0: it has one name
    friend bool operator==(const Node&, const Node&) = default;
  };
  const std::map<GuestPath, Node>& nodes() const { return nodes_; }

 private:
  Node& place(const GuestPath& path, FileType type, uint32_t mode);
  // Where a write through `path` lands: links followed, the last component may be new.
  GuestPath landing(const GuestPath& path) const;

  std::map<GuestPath, Node> nodes_;
};

// Reads a directory of the host (tests/guests/<name>) into a MemoryGuest: text trees of whole
// distributions.
MemoryGuest load_guest_tree(const std::string& directory);

}  // namespace rehost
