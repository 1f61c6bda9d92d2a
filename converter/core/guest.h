// The ports to a guest's files. Planners are given a GuestView and so cannot change anything; only
// apply() holds a Guest. Implementations: GuestfsGuest (the appliance), MemoryGuest (tests),
// PlannedGuest (the guest as it will be).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/names.h"

namespace rehost {

enum class FileType { regular, directory, symlink, block_device, char_device, fifo, socket };

struct FileStat {
  FileType type = FileType::regular;
  uint32_t mode = 0;  // permission bits only, 07777
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;  // bytes; of a symlink, the length of its target
  friend bool operator==(const FileStat&, const FileStat&) = default;
};

struct DirectoryEntry {
  std::string name;
  FileStat stat;  // of the entry itself, links not followed
};

// The largest file a planner reads whole unless it says otherwise: an initramfs of a huge-module
// guest is some 250 MiB, a text file that is larger than this is no text file.
inline constexpr uint64_t kMaxTextBytes = 4u << 20;
inline constexpr uint64_t kMaxInitramfsBytes = 512u << 20;

// Reading. Paths are taken inside the guest and symbolic links in them never leave it. Every call
// throws Error(guest_damaged) when the guest's file system cannot be read.
class GuestView {
 public:
  virtual ~GuestView() = default;
  // What the path itself is; a symlink is not followed at the last component (lstat). Absent:
  // nullopt.
  virtual std::optional<FileStat> stat(const GuestPath& path) const = 0;
  // The whole file, links followed. Absent, or not a regular file: nullopt. Throws guest_damaged
  // when it is larger than max_bytes, because bytes from a guest are hostile.
  virtual std::optional<std::string> read(const GuestPath& path,
                                          uint64_t max_bytes = kMaxTextBytes) const = 0;
  // Up to `length` bytes from `offset`, shorter at the end of the file. Absent or not regular:
  // nullopt.
  virtual std::optional<std::string> read_range(const GuestPath& path, uint64_t offset,
                                                uint64_t length) const = 0;
  // Names in a directory (links followed) without "." and "..", sorted. Absent or not a directory:
  // empty.
  virtual std::vector<DirectoryEntry> list(const GuestPath& directory) const = 0;
  // The text of a symlink; nullopt for anything else.
  virtual std::optional<std::string> read_link(const GuestPath& path) const = 0;
};

// What a guest command said.
struct CommandResult {
  int exit_status = 0;
  std::string output;  // stdout and stderr together
};

// Changing. An existing file keeps its owner, mode and extended attributes; a symlink at `path` is
// followed inside the guest, so that /etc/grub2.cfg stays the link that it is. Throws
// guest_damaged, or unsupported_guest when the guest has no space left.
class Guest : public GuestView {
 public:
  virtual void write(const GuestPath& path, std::string_view content, uint32_t mode_if_new) = 0;
  virtual void append(const GuestPath& path, std::string_view content) = 0;
  virtual void remove(const GuestPath& path) = 0;  // the entry itself, never a link's target
  // A directory with everything below it. Links below it are removed, never followed.
  virtual void remove_tree(const GuestPath& path) = 0;
  virtual void make_directories(const GuestPath& path) = 0;  // mkdir -p, mode 0755
  virtual void symlink(const GuestPath& path,
                       std::string_view target) = 0;  // replaces a link or file there
  // The SELinux context of the entry itself (xattr(7), security.selinux), a link not followed;
  // empty: it has none, or its file system keeps none.
  virtual std::string label(const GuestPath& path) const = 0;
  virtual void set_label(const GuestPath& path, std::string_view context) = 0;
  virtual CommandResult run(const std::vector<std::string>& argv) = 0;
};

// The path with every symbolic link in it followed inside the guest (an absolute link starts again
// at the guest's root, ".." stops there). nullopt when a component is absent or the links go round
// (40 hops, as in the kernel).
std::optional<GuestPath> resolve(const GuestView& guest, const GuestPath& path);

// stat() of what the path finally names, links followed.
std::optional<FileStat> stat_target(const GuestView& guest, const GuestPath& path);
bool is_file(const GuestView& guest, const GuestPath& path);       // regular file, links followed
bool is_directory(const GuestView& guest, const GuestPath& path);  // directory, links followed

}  // namespace rehost
