// The reading end of the data plane: a disk as a row of bytes with a map of what is in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rehost {

constexpr uint64_t kKibibyte = 1024;
constexpr uint64_t kMebibyte = 1024 * kKibibyte;
constexpr uint64_t kGibibyte = 1024 * kMebibyte;

// The block of every map, manifest and delta: what an EBS snapshot is made of.
constexpr uint64_t kBlockSize = 512 * kKibibyte;

struct Extent {
  uint64_t offset = 0;
  uint64_t length = 0;
  bool zero = false;     // certainly reads as zeros; data may be zeros too
  bool changed = false;  // lies in the overlay: differs, perhaps, from the volume beneath
  friend bool operator==(const Extent&, const Extent&) = default;
};

class ImageSource {
 public:
  virtual ~ImageSource() = default;

  virtual uint64_t size() const = 0;
  // Fills all of `into` or throws Error. Many threads may read at once.
  virtual void read(uint64_t offset, std::span<std::byte> into) const = 0;
  // Covers [offset, offset + length) exactly: in order, no gaps, neighbours differ. Many threads
  // may ask at once.
  virtual std::vector<Extent> extents(uint64_t offset, uint64_t length) const = 0;
  // For sentences: the path as the operator knows it.
  virtual const std::string& name() const = 0;
};

// Puts an extent behind the others, joined with the last when they say the same.
void append_extent(std::vector<Extent>& extents, const Extent& extent);

// Bytes that are not certainly zero: what a copy has to move, and what a sparse copy needs as free
// space.
uint64_t data_bytes(const ImageSource& source);

// Bytes in extents that are marked `changed`.
uint64_t changed_bytes(const ImageSource& source);

bool is_zero(std::span<const std::byte> bytes);

}  // namespace rehost
