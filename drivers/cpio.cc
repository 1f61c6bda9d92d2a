#include "drivers/cpio.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "converter/core/error.h"

namespace rehost {
namespace {

constexpr size_t kHeader = 110;
constexpr size_t kLongestName = 4096;  // PATH_MAX; the kernel skips an entry with a longer one
constexpr size_t kFileSizeField = 6 + 8 * 6;
constexpr std::string_view kTrailer = "TRAILER!!!";

// Where parsing stopped and why, so that a search can go on behind it.
struct Damage {
  size_t at = 0;
  std::string_view reason;
};

size_t aligned(size_t offset) {
  return (offset + 3) & ~size_t{3};
}

std::optional<uint32_t> hex_field(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (const char c : bytes.substr(at, 8)) {
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

// The twelve numbers behind the magic of a newc header, in their order.
enum Field : size_t {
  ino,
  mode,
  uid,
  gid,
  nlink,
  mtime,
  filesize,
  devmajor,
  devminor,
  rdevmajor,
  rdevminor,
  namesize,
  check,
  field_count
};

// The entry at `offset`; what is wrong with it in `damage`.
std::optional<CpioEntry> parse_entry(std::string_view bytes, size_t start, size_t offset,
                                     Damage& damage) {
  damage = {offset, "a header is cut off"};
  if (bytes.size() - offset < kHeader) {
    return std::nullopt;
  }
  if (!looks_like_cpio(bytes.substr(offset))) {
    damage.reason = "there is no header where one must be";
    return std::nullopt;
  }
  std::array<uint32_t, field_count> fields{};
  for (size_t i = 0; i < field_count; ++i) {
    const std::optional<uint32_t> value = hex_field(bytes, offset + 6 + 8 * i);
    if (!value) {
      damage.reason = "a number is not hexadecimal";
      return std::nullopt;
    }
    fields[i] = *value;
  }
  const size_t name_size = fields[namesize];
  if (name_size == 0 || name_size > kLongestName || name_size > bytes.size() - offset - kHeader) {
    damage.reason = "the length of a name is wrong";
    return std::nullopt;
  }
  const std::string_view name = bytes.substr(offset + kHeader, name_size);
  if (name.find('\0') != name_size - 1) {
    damage.reason = "a name does not end where it should";
    return std::nullopt;
  }
  CpioEntry entry;
  entry.path = name.substr(0, name_size - 1);
  entry.inode = fields[ino];
  entry.mode = fields[mode];
  entry.links = fields[nlink];
  entry.device_major = fields[devmajor];
  entry.device_minor = fields[devminor];
  entry.offset = offset;
  // Alignment counts from the start of the archive, which itself is aligned.
  entry.data_offset = start + aligned(offset - start + kHeader + name_size);
  entry.data_size = fields[filesize];
  const bool is_trailer = entry.path == kTrailer;
  if (is_trailer && entry.data_size == 0) {
    entry.data_offset =
        std::min(entry.data_offset, bytes.size());  // nothing is lost with cut off padding
  }
  if (entry.data_offset > bytes.size() || entry.data_size > bytes.size() - entry.data_offset) {
    damage.reason = "the contents of a file are cut off";
    return std::nullopt;
  }
  entry.end = std::min(bytes.size(), start + aligned(entry.data_offset - start + entry.data_size));
  return entry;
}

std::optional<CpioArchive> try_parse(std::string_view bytes, size_t offset, Damage& damage) {
  CpioArchive archive;
  archive.offset = offset;
  size_t at = offset;
  for (;;) {
    std::optional<CpioEntry> entry = parse_entry(bytes, offset, at, damage);
    if (!entry) {
      return std::nullopt;
    }
    at = entry->end;
    if (entry->path == kTrailer) {
      archive.trailer_offset = entry->offset;
      archive.end = at;
      return archive;
    }
    archive.entries.push_back(std::move(*entry));
  }
}

void append_entry(std::string& out, std::string_view path, uint32_t inode, uint32_t mode,
                  std::string_view content) {
  const bool is_directory = (mode & kFileTypeMask) == kDirectory;
  const size_t start = out.size();
  out += fmt::format(
      "070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}", inode,
      mode, 0, 0, is_directory ? 2 : 1, 0, content.size(), 0, 0, 0, 0, path.size() + 1, 0);
  out += path;
  out.push_back('\0');
  out.resize(start + aligned(out.size() - start));
  out += content;
  out.resize(start + aligned(out.size() - start));
}

void append_entries(std::string& out, std::span<const ArchiveEntry> entries, uint32_t first_inode) {
  uint32_t inode = first_inode;
  for (const ArchiveEntry& entry : entries) {
    append_entry(out, entry.path, inode++, entry.mode, entry.content);
  }
}

bool same_file(const CpioEntry& a, const CpioEntry& b) {
  return a.inode == b.inode && a.device_major == b.device_major && a.device_minor == b.device_minor;
}

bool is_hard_link(const CpioEntry& entry) {
  return entry.links > 1 && (entry.mode & kFileTypeMask) == kRegularFile;
}

// For entries that are dropped with bytes other links need: the last link that stays, and whose
// bytes it gets.
std::vector<std::pair<size_t, size_t>> heirs(const CpioArchive& archive,
                                             const std::set<size_t>& dropped) {
  std::vector<std::pair<size_t, size_t>> result;
  for (const size_t gone : dropped) {
    const CpioEntry& carrier = archive.entries.at(gone);
    if (!is_hard_link(carrier) || carrier.data_size == 0) {
      continue;
    }
    for (size_t i = archive.entries.size(); i-- > 0;) {
      const CpioEntry& other = archive.entries[i];
      if (!dropped.contains(i) && is_hard_link(other) && same_file(other, carrier)) {
        if (other.data_size == 0) {
          result.emplace_back(i, gone);
        }
        break;
      }
    }
  }
  return result;
}

}  // namespace

bool looks_like_cpio(std::string_view bytes) {
  return bytes.starts_with("070701") || bytes.starts_with("070702");
}

CpioArchive parse_cpio(std::string_view bytes, size_t offset) {
  Damage damage{offset, "it starts behind the end"};
  std::optional<CpioArchive> archive;
  if (offset <= bytes.size()) {
    archive = try_parse(bytes, offset, damage);
  }
  if (!archive) {
    throw Error(ErrorKind::guest_damaged,
                fmt::format("cannot read the cpio archive at byte {}: at byte {} {}", offset,
                            damage.at, damage.reason));
  }
  return std::move(*archive);
}

std::optional<CpioArchive> find_cpio(std::string_view bytes, size_t from) {
  size_t at = bytes.find("07070", from);
  while (at != std::string_view::npos) {
    Damage damage{at, ""};
    if (at % 4 == 0 && looks_like_cpio(bytes.substr(at))) {
      if (std::optional<CpioArchive> archive = try_parse(bytes, at, damage)) {
        return archive;
      }
    }
    // Headers that were passed on the way to the damage would only lead there again.
    at = bytes.find("07070", std::max(damage.at, at + 1));
  }
  return std::nullopt;
}

std::string_view cpio_content(std::string_view bytes, const CpioArchive& archive,
                              const CpioEntry& entry) {
  const CpioEntry* carrier = &entry;
  if (entry.data_size == 0 && is_hard_link(entry)) {
    for (const CpioEntry& other : archive.entries) {
      if (other.data_size > 0 && is_hard_link(other) && same_file(other, entry)) {
        carrier = &other;
      }
    }
  }
  return bytes.substr(carrier->data_offset, carrier->data_size);
}

std::string write_cpio(std::span<const ArchiveEntry> entries, uint32_t first_inode) {
  std::string out;
  append_entries(out, entries, first_inode);
  append_entry(out, kTrailer, 0, 0, "");
  return out;
}

std::string splice_cpio(std::string_view bytes, const CpioArchive& archive,
                        const std::vector<size_t>& dropped, std::span<const ArchiveEntry> added) {
  const std::set<size_t> gone(dropped.begin(), dropped.end());
  std::map<size_t, size_t> inherits;
  for (const auto& [heir, carrier] : heirs(archive, gone)) {
    inherits.emplace(heir, carrier);
  }
  std::string out;
  uint64_t added_bytes = 0;
  for (const ArchiveEntry& entry : added) {
    added_bytes += entry.content.size() + entry.path.size() + kHeader + 8;
  }
  out.reserve(bytes.size() + static_cast<size_t>(added_bytes));
  size_t kept = 0;  // everything in front of this is in `out` or dropped
  uint32_t highest_inode = 0;
  for (size_t i = 0; i < archive.entries.size(); ++i) {
    const CpioEntry& entry = archive.entries[i];
    if (!gone.contains(i)) {
      highest_inode = std::max(highest_inode, entry.inode);
    }
    if (gone.contains(i)) {
      out += bytes.substr(kept, entry.offset - kept);
      kept = entry.end;
    } else if (const auto carrier = inherits.find(i); carrier != inherits.end()) {
      const CpioEntry& source = archive.entries.at(carrier->second);
      out += bytes.substr(kept, entry.data_offset - kept);
      const size_t header = out.size() - (entry.data_offset - entry.offset);
      out.replace(header + kFileSizeField, 8, fmt::format("{:08X}", source.data_size));
      out += bytes.substr(source.data_offset, source.end - source.data_offset);
      kept = entry.data_offset;
    }
  }
  out += bytes.substr(kept, archive.trailer_offset - kept);
  // Inodes of our own: files of one inode are taken for hard links by some unpackers.
  const uint32_t room =
      UINT32_MAX - static_cast<uint32_t>(std::min<size_t>(added.size() + 1, UINT32_MAX));
  append_entries(out, added, highest_inode < room ? highest_inode + 1 : 1);
  out += bytes.substr(archive.trailer_offset);
  return out;
}

}  // namespace rehost
