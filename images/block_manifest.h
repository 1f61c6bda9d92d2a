// What a disk contains, as one hash for each 512 KiB block. Finds corruption, not tampering.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "images/image_source.h"

namespace rehost {

class FileGroup;

// XXH3-128 of a block's bytes, in the canonical (big endian) order of xxhsum.
struct BlockHash {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const BlockHash&, const BlockHash&) = default;
};

BlockHash hash_block(std::span<const std::byte> bytes);
std::string to_hex(const BlockHash& hash);

struct BlockManifest {
  uint64_t size = 0;  // of the disk; its last block may be short
  std::vector<BlockHash> blocks;
  std::vector<uint8_t>
      zero;  // 1 where the block is all zeros; one byte each, so that threads can set neighbours

  // Room for a disk of this size, every block marked zero with the hash of a zero block.
  static BlockManifest all_zero(uint64_t size);
  // The hash of the hashes in order: one number for the whole disk.
  BlockHash root() const;
  friend bool operator==(const BlockManifest&, const BlockManifest&) = default;
};

// The text form (docs/manifest-format.md), in pieces or as a whole. parse_manifest throws
// Error(usage) naming the line; `name` is for that sentence.
void print_manifest(const BlockManifest& manifest,
                    const std::function<void(std::string_view)>& print);
std::string print_manifest(const BlockManifest& manifest);
BlockManifest parse_manifest(std::string_view text, const std::string& name);

// As files; written under a partial name, synced, renamed, or named by the group
// (images/image_sink.h).
void write_manifest(const std::filesystem::path& path, const BlockManifest& manifest,
                    FileGroup* together = nullptr);
BlockManifest read_manifest(const std::filesystem::path& path);

// Numbers of the blocks that differ. Disks of different sizes differ in all blocks that one of them
// lacks.
std::vector<uint64_t> differing_blocks(const BlockManifest& one, const BlockManifest& other);

// A manifest that stays in its file, for comparing: 17 bytes for each block of a disk are enough
// once. Throws Error(usage) when the file is no whole manifest.
class ManifestFile {
 public:
  // Reads the head.
  explicit ManifestFile(const std::filesystem::path& path);
  uint64_t disk_size() const { return disk_size_; }
  // Reads all of it, so that what is wrong with it need not wait for the disk.
  void check() const;
  std::vector<uint64_t> differing_blocks(const BlockManifest& found) const;

 private:
  std::filesystem::path path_;
  uint64_t disk_size_ = 0;
};

}  // namespace rehost
