// The journal of a commit: which bytes of which volume were what, and shall be what.
//
//   offset 0      header, 4096 bytes: "RHJRNL02", u64 volumes, u64 entries, u64 table offset, u64
//                 table bytes, XXH3-128 of the table (high, low)
//   4096          for each entry: the bytes before, the bytes after
//   table offset  for each volume: u64 size, u32 + id, u32 + path, u32 + format, u64 inode,
//                 u32 + relative path, u32 + path of the manifest that is wanted;
//                 for each entry: u64 volume, u64 offset, u64 length, u64 position, XXH3-128
//                 before, XXH3-128 after
//
// All numbers are little endian.
//
// Which disk is a volume of the journal? Files are moved, linked and mounted elsewhere, and devices
// change their names, so the path alone says little. A disk of the same size is that volume when it
//
//   - has the same path, which for a block device is a link in /dev/disk/by-id, or is the same file
//     or device: hard linked, another link; or
//   - is a block device whose bytes say so, where the path is a name that does not last; or
//   - lies where the volume lay as seen from the journal: the directory was copied with all; or
//   - is a file with the same inode number, and nothing lies at these two places any more: renamed,
//     moved, mounted elsewhere. A copy on another file system may have the number, too.
//
// That finds the disk. It is not trusted: before anything is written each sector of every entry
// must hold its bytes of before or of after (images/commit.h).
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "converter/core/inspection.h"
#include "images/block_manifest.h"
#include "images/image_sink.h"

namespace rehost {

struct JournalEntry {
  uint64_t volume = 0;
  uint64_t offset = 0;
  uint64_t length = 0;    // at most kBlockSize
  uint64_t position = 0;  // in the journal: the bytes before, and behind them the bytes after
  BlockHash before;
  BlockHash after;
};

class JournalWriter {
 public:
  // `manifests`: for each volume where the manifest of its result is wanted, or nothing.
  JournalWriter(const std::filesystem::path& path, std::vector<Volume> volumes,
                std::vector<std::filesystem::path> manifests = {});
  // Throws Error(usage) when there are more entries than a reader takes.
  void add(size_t volume, uint64_t offset, std::span<const std::byte> before,
           std::span<const std::byte> after);
  uint64_t entries() const { return entries_.size(); }
  void finish();  // synced, under its name

 private:
  std::filesystem::path path_;
  std::vector<Volume> volumes_;
  std::vector<std::filesystem::path> manifests_;
  std::vector<JournalEntry> entries_;
  uint64_t position_ = 4096;
  PartialFile file_;
};

// What a disk's bytes say of a volume of a journal, at the sectors that the commit changes.
enum class Likeness {
  another,    // some are neither the old nor the new ones, and none are new
  disturbed,  // some are neither, and some new
  untouched,  // all are old
  begun,      // all are old or new, and some new
  unknown,    // it is not raw
};

class JournalReader {
 public:
  // Throws Error(image_io) when the journal is not whole.
  // Its entries lie within their volumes, ascending, and none upon another.
  explicit JournalReader(const std::filesystem::path& path);
  const std::vector<Volume>& volumes() const { return volumes_; }
  const std::vector<JournalEntry>& entries() const { return entries_; }
  // For each volume; empty: none is wanted. Absolute paths that end in ".manifest".
  const std::vector<std::filesystem::path>& manifests() const { return manifests_; }
  // Whether these are the journal's volumes, all of them and in its order, wherever they are now.
  bool is_about(const std::vector<Volume>& disks) const;
  // Of a file or device, of which an error says that it is another.
  Likeness likeness(size_t volume, const std::filesystem::path& disk) const;
  // Where the volume should be if the directory with the journal was moved as a whole; empty when
  // nobody knows.
  std::filesystem::path beside_journal(size_t volume) const;
  // Checked against their hashes.
  std::vector<std::byte> before(const JournalEntry& entry) const;
  std::vector<std::byte> after(const JournalEntry& entry) const;

 private:
  std::vector<std::byte> content(const JournalEntry& entry, uint64_t position,
                                 const BlockHash& hash) const;

  bool is_volume(size_t volume, const Volume& disk) const;

  std::string name_;
  FileDescriptor file_;
  std::vector<Volume> volumes_;
  std::vector<uint64_t> inodes_;  // 0: no file
  std::vector<std::string> relative_;
  std::vector<std::filesystem::path> manifests_;
  std::vector<JournalEntry> entries_;
};

}  // namespace rehost
