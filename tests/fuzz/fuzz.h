// What the fuzz targets share. A target takes bytes that a guest or a damaged file might hold;
// rehost may refuse them with an Error and must do nothing worse.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "converter/core/error.h"
#include "images/block_manifest.h"

namespace rehost::testing {

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A law that must hold for whatever input; the fuzzer keeps the input that breaks it.
inline void require(bool holds, const char* law) {
  if (!holds) {
    std::fprintf(stderr, "broken: %s\n", law);
    std::abort();
  }
}

// The input as a file, for readers that want a path.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    require(fd_ >= 0 && write(fd_, data, size) == static_cast<ssize_t>(size), "memfd takes it");
    path_ = "/proc/self/fd/" + std::to_string(fd_);
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

// Journals and deltas carry a hash of their table: without its being mended after a mutation, the
// fuzzer would never get past it. The fields hold, little endian, where the table is, how long, and
// its hash.
struct TableFields {
  size_t offset;
  size_t length;
  size_t hash;
};
inline void mend_table_hash(uint8_t* data, size_t size, const TableFields& fields) {
  const auto number = [&](size_t at) {
    uint64_t value = 0;
    std::memcpy(&value, data + at, sizeof(value));
    return value;
  };
  if (size < fields.hash + 16) {
    return;
  }
  const uint64_t offset = number(fields.offset);
  const uint64_t length = number(fields.length);
  if (offset > size || length > size - offset) {
    return;
  }
  const BlockHash hash =
      hash_block(std::as_bytes(std::span(data + offset, static_cast<size_t>(length))));
  std::memcpy(data + fields.hash, &hash.high, sizeof(hash.high));
  std::memcpy(data + fields.hash + sizeof(hash.high), &hash.low, sizeof(hash.low));
}

}  // namespace rehost::testing
