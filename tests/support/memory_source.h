// A disk held in memory: bytes with a map that tells its zero 4 KiB pages, and, if a test wants it,
// a read that fails.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "converter/core/error.h"
#include "images/image_source.h"

namespace rehost {

class MemorySource : public ImageSource {
 public:
  explicit MemorySource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  mutable std::atomic<int> reads_until_failure = -1;  // 0: the next read fails; -1: never
  bool knows_holes = true;
  std::vector<std::byte>& bytes() { return bytes_; }

  uint64_t size() const override { return bytes_.size(); }
  const std::string& name() const override { return name_; }
  void read(uint64_t offset, std::span<std::byte> into) const override {
    if (reads_until_failure >= 0 && reads_until_failure-- == 0) {
      throw Error(ErrorKind::image_io, "cannot read memory: input/output error");
    }
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), into.size(), into.begin());
  }
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    std::vector<Extent> extents;
    for (const uint64_t end = offset + length; offset < end;) {
      const uint64_t page = std::min(offset / 4096 * 4096 + 4096, end) - offset;
      const bool zero = knows_holes && is_zero(std::span(bytes_).subspan(offset, page));
      append_extent(extents, {offset, page, zero, false});
      offset += page;
    }
    return extents;
  }

 private:
  std::vector<std::byte> bytes_;
  std::string name_ = "memory";
};

// The same bytes for the same seed: blocks of noise, blocks of zeros, blocks with a little of both.
inline std::vector<std::byte> mixed_disk(size_t size, uint32_t seed) {
  std::vector<std::byte> bytes(size);
  uint32_t state = seed * 2654435761U + 1;
  const auto random = [&state] {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
  };
  for (size_t offset = 0; offset < size;) {
    const size_t run = std::min<size_t>(size - offset, (random() % 96 + 1) * 8192);
    if (random() % 2 == 0) {
      for (size_t i = 0; i < run; i += 4) {
        const uint32_t word = random();
        std::memcpy(&bytes[offset + i], &word, std::min<size_t>(4, run - i));
      }
    }
    offset += run;
  }
  return bytes;
}

}  // namespace rehost
