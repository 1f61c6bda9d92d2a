// check_partitions_inside(): just enough of MBR and GPT to see that a disk was cut short.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "converter/core/error.h"
#include "images/byte_order.h"
#include "images/probe.h"

namespace rehost {
namespace {

constexpr uint64_t kSector = 512;

void require_end_inside(const ImageSource& source, uint64_t number, uint64_t end_sector,
                        uint64_t sector_size) {
  if (end_sector > source.size() / sector_size) {
    throw Error(ErrorKind::image_io,
                fmt::format("{} is cut short: partition {} ends at sector {}, the disk at sector "
                            "{}; copy it again from the machine",
                            source.name(), number, end_sector, source.size() / sector_size));
  }
}

bool is_guid_empty(std::span<const std::byte> entry) {
  return is_zero(entry.first(16));
}

// False when there is no GPT with sectors of this size.
bool check_gpt(const ImageSource& source, uint64_t sector_size) {
  constexpr uint64_t kMostEntryBytes = kMebibyte;
  if (source.size() < 3 * sector_size) {
    return false;
  }
  std::vector<std::byte> header(kSector);
  source.read(sector_size, header);
  if (le64(header, 0) != 0x5452415020494645) {  // "EFI PART"
    return false;
  }
  const uint64_t first_entry = le64(header, 72);
  const uint64_t entry_bytes = le32(header, 84);
  const uint64_t count = le32(header, 80);
  const uint64_t table_bytes = count * entry_bytes;
  // What makes no sense as a table is for the reader of file systems to judge, not for us.
  if (entry_bytes < 128 || table_bytes > kMostEntryBytes ||
      first_entry >= source.size() / sector_size ||
      source.size() - first_entry * sector_size < table_bytes) {
    return true;
  }
  std::vector<std::byte> table(table_bytes);
  source.read(first_entry * sector_size, table);
  for (uint64_t i = 0; i < count; ++i) {
    const std::span<const std::byte> entry = std::span(table).subspan(i * entry_bytes, entry_bytes);
    const uint64_t last = le64(entry, 40);
    if (!is_guid_empty(entry) && last >= le64(entry, 32)) {
      require_end_inside(source, i + 1, last == ~uint64_t{0} ? last : last + 1, sector_size);
    }
  }
  return true;
}

void check_mbr(const ImageSource& source) {
  constexpr size_t kFirstEntry = 446;
  constexpr size_t kEntryBytes = 16;
  constexpr uint64_t kProtective = 0xee;
  std::vector<std::byte> sector(kSector);
  source.read(0, sector);
  // A file system without a partition table has boot code where the table would be, and the same
  // signature.
  const bool signature = little_endian(sector, 510, 2) == 0xaa55;
  const bool file_system = little_endian(sector, 54, 3) == 0x544146 ||  // "FAT"
                           little_endian(sector, 82, 3) == 0x544146 ||
                           little_endian(sector, 3, 4) == 0x5346544e;  // "NTFS"
  if (!signature || file_system) {
    return;
  }
  for (size_t i = 0; i < 4; ++i) {
    const uint64_t status = little_endian(sector, kFirstEntry + i * kEntryBytes, 1);
    if (status != 0 && status != 0x80) {
      return;
    }
  }
  for (size_t i = 0; i < 4; ++i) {
    const size_t entry = kFirstEntry + i * kEntryBytes;
    const uint64_t type = little_endian(sector, entry + 4, 1);
    const uint64_t start = le32(sector, entry + 8);
    const uint64_t sectors = le32(sector, entry + 12);
    if (type != 0 && type != kProtective && start != 0 && sectors != 0) {
      require_end_inside(source, i + 1, start + sectors, kSector);
    }
  }
}

}  // namespace

void check_partitions_inside(const ImageSource& source) {
  if (source.size() < kSector || check_gpt(source, kSector) || check_gpt(source, 4096)) {
    return;
  }
  check_mbr(source);
}

}  // namespace rehost
