// The newc cpio format of initramfs archives. The parser gives offsets, so that an archive can be
// changed by splicing and every byte that is not ours stays as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/edit.h"

namespace rehost {

inline constexpr uint32_t kFileTypeMask = 0170000;
inline constexpr uint32_t kRegularFile = 0100000;
inline constexpr uint32_t kDirectory = 0040000;
inline constexpr uint32_t kSymlink = 0120000;

struct CpioEntry {
  std::string path;  // as the archive spells it: "usr/lib", "./usr/lib", "."
  uint32_t inode = 0;
  uint32_t mode = 0;  // with the file type bits
  uint32_t links = 1;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  size_t offset = 0;  // of the header
  size_t data_offset = 0;
  size_t data_size = 0;
  size_t end = 0;  // behind the padding: where the next header starts
};

struct CpioArchive {
  size_t offset = 0;
  std::vector<CpioEntry> entries;  // without the trailer
  size_t trailer_offset = 0;
  size_t end =
      0;  // behind the trailer and its padding to four bytes; further zeros are not part of it
};

// "070701" or "070702" (the same with checksums, which the kernel does not check either).
bool looks_like_cpio(std::string_view bytes);

// The archive that starts at `offset`. Throws Error(guest_damaged) when a header, a length or the
// trailer is wrong.
CpioArchive parse_cpio(std::string_view bytes, size_t offset = 0);

// The first whole archive on a four-byte boundary at or behind `from`; for looking behind what
// cannot be read.
std::optional<CpioArchive> find_cpio(std::string_view bytes, size_t from);

// What an entry holds. Of several hard links one carries the bytes; they are found for the others.
std::string_view cpio_content(std::string_view bytes, const CpioArchive& archive,
                              const CpioEntry& entry);

// A whole archive with its trailer: owner root, no times, inodes counted from `first_inode`.
std::string write_cpio(std::span<const ArchiveEntry> entries, uint32_t first_inode = 1);

// `bytes` with `added` in front of the archive's trailer and without the entries whose positions
// are in `dropped`. Every other byte is kept. When a dropped entry carries the bytes of hard links
// that stay, one of those carries them on.
std::string splice_cpio(std::string_view bytes, const CpioArchive& archive,
                        const std::vector<size_t>& dropped, std::span<const ArchiveEntry> added);

}  // namespace rehost
