// A delta: the 512 KiB blocks that a conversion changed, to be put onto an untouched copy of the
// source, or to be sent to an incremental EBS snapshot.
//
// The format is in docs/delta-format.md.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "images/block_manifest.h"
#include "images/commit.h"
#include "images/image_sink.h"
#include "images/image_source.h"
#include "images/sha256.h"

namespace rehost {

struct DeltaBlock {
  uint64_t number = 0;    // offset on the disk / kBlockSize
  uint64_t position = 0;  // in the file; 0 for zeros
  BlockHash before;
  BlockHash after;
  Sha256 sha256 = {};
};

struct DeltaOptions {
  OnProgress on_progress = {};
  std::stop_token stop = {};
};

struct DeltaResult {
  uint64_t blocks = 0;
  uint64_t bytes = 0;  // of data in the file
};

// Numbers of the blocks that a changed extent touches, ascending.
std::vector<uint64_t> changed_blocks(const ImageSource& after);

// Looks at the changed extents of `after` only, and leaves out blocks that are the same all the
// same. Calls file.finish().
DeltaResult write_delta(const ImageSource& before, const ImageSource& after, PartialFile& file,
                        const DeltaOptions& options = {});

// The disk that a delta makes of `base`, block by block; its `changed` extents are the delta's
// blocks.
class DeltaSource : public ImageSource {
 public:
  // Throws Error(image_io) when the delta is not whole, usage when it belongs to a disk of another
  // size.
  DeltaSource(const std::filesystem::path& delta, std::unique_ptr<ImageSource> base);

  const std::vector<DeltaBlock>& blocks() const { return blocks_; }
  // Throws Error(plan_conflict) when a block of the base is neither as it was before nor as it will
  // be after.
  void check_base() const;

  uint64_t size() const override { return size_; }
  void read(uint64_t offset, std::span<std::byte> into) const override;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override;
  const std::string& name() const override { return name_; }

 private:
  std::vector<DeltaBlock>::const_iterator block_at_or_after(uint64_t offset) const;
  std::vector<std::byte> content(const DeltaBlock& block) const;
  uint64_t bytes_of(const DeltaBlock& block) const;

  std::string name_;
  FileDescriptor file_;
  std::unique_ptr<ImageSource> base_;
  uint64_t size_ = 0;
  std::vector<DeltaBlock> blocks_;
};

// Puts the delta onto the volume through a journal: all of it or nothing, as commit_in_place does.
CommitResult apply_delta(const std::filesystem::path& delta, const Volume& volume,
                         const CommitOptions& options);

}  // namespace rehost
