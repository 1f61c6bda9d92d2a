// The journal of a commit: which bytes of which volume were what, and shall be what.
//
//   offset 0      header, 4096 bytes: "RHJRNL01", u64 volumes, u64 entries, u64 table offset, u64
//   table bytes,
//                 XXH3-128 of the table (high, low)
//   4096          for each entry: the bytes before, the bytes after
//   table offset  for each volume: u64 size, u32 + id, u32 + path, u32 + format;
//                 for each entry: u64 volume, u64 offset, u64 length, u64 position, XXH3-128
//                 before, XXH3-128 after
//
// All numbers are little endian.
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
  JournalWriter(const std::filesystem::path& path, std::vector<Volume> volumes);
  // Throws Error(usage) when there are more entries than a reader takes.
  void add(size_t volume, uint64_t offset, std::span<const std::byte> before,
           std::span<const std::byte> after);
  uint64_t entries() const { return entries_.size(); }
  void finish();  // synced, under its name

 private:
  std::vector<Volume> volumes_;
  std::vector<JournalEntry> entries_;
  uint64_t position_ = 4096;
  PartialFile file_;
};

class JournalReader {
 public:
  // Throws Error(image_io) when the journal is not whole.
  // Its entries lie within their volumes, ascending, and none upon another.
  explicit JournalReader(const std::filesystem::path& path);
  const std::vector<Volume>& volumes() const { return volumes_; }
  const std::vector<JournalEntry>& entries() const { return entries_; }
  // Checked against their hashes.
  std::vector<std::byte> before(const JournalEntry& entry) const;
  std::vector<std::byte> after(const JournalEntry& entry) const;

 private:
  std::vector<std::byte> content(const JournalEntry& entry, uint64_t position,
                                 const BlockHash& hash) const;

  std::string name_;
  FileDescriptor file_;
  std::vector<Volume> volumes_;
  std::vector<JournalEntry> entries_;
};

}  // namespace rehost
