#include "images/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "converter/core/error.h"
#include "images/byte_order.h"
#include "images/device_marks.h"
#include "images/marks.h"
#include "images/same_disk.h"

namespace rehost {
namespace {

constexpr std::string_view kMagic = "RHJRNL02";
constexpr uint64_t kHeaderBytes = 4096;
constexpr uint64_t kEntryBytes = 64;
constexpr uint64_t kSector = 512;
constexpr uint64_t kMostVolumes = 1024;
constexpr uint64_t kLargestTable = kGibibyte;
// 48 GiB of changes at least, and 16 MiB of the table for the names of the volumes.
constexpr uint64_t kMostEntries = (kLargestTable - 16 * kMebibyte) / kEntryBytes;

[[noreturn]] void throw_damaged(const std::string& name, std::string_view what) {
  throw Error(ErrorKind::image_io, fmt::format("{} is not a whole journal: {}", name, what));
}

// Takes numbers and texts out of a table one after the other; what is not there is an error.
class TableReader {
 public:
  TableReader(std::span<const std::byte> bytes, const std::string& name)
      : bytes_(bytes), name_(name) {}
  uint64_t number(size_t count) {
    need(count);
    const uint64_t value = little_endian(bytes_, at_, count);
    at_ += count;
    return value;
  }
  std::string text() {
    const uint64_t length = number(4);
    need(length);
    const auto piece = bytes_.subspan(at_, length);
    at_ += length;
    return {reinterpret_cast<const char*>(piece.data()), piece.size()};
  }
  BlockHash hash() {
    const uint64_t high = number(8);
    return {high, number(8)};
  }

 private:
  void need(uint64_t count) const {
    if (count > bytes_.size() - at_) {
      throw_damaged(name_, "its table ends early");
    }
  }
  std::span<const std::byte> bytes_;
  const std::string& name_;
  size_t at_ = 0;
};

void put_text(std::vector<std::byte>& out, std::string_view text) {
  put_le(out, text.size(), 4);
  for (const char c : text) {
    out.push_back(static_cast<std::byte>(c));
  }
}

void put_hash(std::vector<std::byte>& out, const BlockHash& hash) {
  put_le(out, hash.high, 8);
  put_le(out, hash.low, 8);
}

// One entry's bytes are never also another's: which of them came last would be anybody's guess.
bool follows(const JournalEntry& entry, const JournalEntry& previous) {
  return entry.volume > previous.volume ||
         (entry.volume == previous.volume && entry.offset >= previous.offset + previous.length);
}

// Of a file; a device's node says nothing of the disk.
uint64_t inode_of(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) ? status.st_ino : 0;
}

// What cannot be looked at may be there.
bool is_absent(const std::filesystem::path& path) {
  struct stat status = {};
  return path.empty() ||
         (::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR));
}

std::filesystem::path directory_of(const std::filesystem::path& journal) {
  std::error_code ignored;
  return std::filesystem::canonical(std::filesystem::absolute(journal).parent_path(), ignored);
}

}  // namespace

JournalWriter::JournalWriter(const std::filesystem::path& path, std::vector<Volume> volumes,
                             std::vector<std::filesystem::path> manifests)
    : path_(path),
      volumes_(std::move(volumes)),
      manifests_(std::move(manifests)),
      file_(path, Existing::refuse, nullptr, 0600) {}  // it holds the guest's own bytes

void JournalWriter::add(size_t volume, uint64_t offset, std::span<const std::byte> before,
                        std::span<const std::byte> after) {
  if (entries_.size() >= kMostEntries) {
    throw Error(ErrorKind::usage,
                fmt::format("more changes than {} has room for: convert to a copy with --output",
                            file_.name()));
  }
  write_fully(file_.fd(), file_.name(), position_, before);
  write_fully(file_.fd(), file_.name(), position_ + before.size(), after);
  entries_.push_back(
      {volume, offset, before.size(), position_, hash_block(before), hash_block(after)});
  position_ += before.size() + after.size();
}

void JournalWriter::finish() {
  std::vector<std::byte> table;
  const std::filesystem::path here = directory_of(path_);
  for (size_t i = 0; i < volumes_.size(); ++i) {
    const Volume& volume = volumes_[i];
    put_le(table, volume.size, 8);
    put_text(table, volume.id);
    put_text(table, volume.path);
    put_text(table, volume.format);
    const uint64_t inode = inode_of(volume.path);
    put_le(table, inode, 8);
    put_text(table, inode == 0 ? "" : lasting_path(volume.path).lexically_relative(here).native());
    put_text(table, i < manifests_.size() ? manifests_[i].native() : "");
  }
  for (const JournalEntry& entry : entries_) {
    for (const uint64_t number : {entry.volume, entry.offset, entry.length, entry.position}) {
      put_le(table, number, 8);
    }
    put_hash(table, entry.before);
    put_hash(table, entry.after);
  }
  write_fully(file_.fd(), file_.name(), position_, table);

  std::vector<std::byte> header;
  for (const char c : kMagic) {
    header.push_back(static_cast<std::byte>(c));
  }
  for (const uint64_t number : {volumes_.size(), entries_.size(), position_, table.size()}) {
    put_le(header, number, 8);
  }
  put_hash(header, hash_block(table));
  header.resize(kHeaderBytes);
  write_fully(file_.fd(), file_.name(), 0, header);
  file_.finish();
}

JournalReader::JournalReader(const std::filesystem::path& path)
    : name_(path.native()), file_(open_file(path, O_RDONLY)) {
  const uint64_t file_bytes = file_size_of(file_.get(), name_);
  if (file_bytes < kHeaderBytes) {
    throw_damaged(name_, "its header is missing");
  }
  std::vector<std::byte> header(kHeaderBytes);
  read_fully(file_.get(), name_, 0, header);
  TableReader fields(header, name_);
  if (fields.number(8) != little_endian(std::as_bytes(std::span(kMagic)), 0, 8)) {
    throw_damaged(name_, "it does not begin like one");
  }
  const uint64_t volume_count = fields.number(8);
  const uint64_t entry_count = fields.number(8);
  const uint64_t table_offset = fields.number(8);
  const uint64_t table_bytes = fields.number(8);
  const BlockHash table_hash = fields.hash();
  if (volume_count > kMostVolumes || table_bytes > kLargestTable || table_offset > file_bytes ||
      table_bytes > file_bytes - table_offset || entry_count > table_bytes / kEntryBytes) {
    throw_damaged(name_, "its header makes no sense");
  }
  std::vector<std::byte> table(table_bytes);
  read_fully(file_.get(), name_, table_offset, table);
  if (hash_block(table) != table_hash) {
    throw_damaged(name_, "its table does not match its hash");
  }
  TableReader rows(table, name_);
  for (uint64_t i = 0; i < volume_count; ++i) {
    Volume volume;
    volume.size = rows.number(8);
    volume.id = rows.text();
    volume.path = rows.text();
    volume.format = rows.text();
    volumes_.push_back(std::move(volume));
    inodes_.push_back(rows.number(8));
    relative_.push_back(rows.text());
    const std::filesystem::path manifest = rows.text();
    // Whoever finishes writes there: a journal must not lead him to any file he may write.
    if (!manifest.empty() && (!manifest.is_absolute() || manifest.extension() != ".manifest")) {
      throw_damaged(name_, "it wants a manifest where none belongs");
    }
    manifests_.push_back(manifest);
  }
  entries_.reserve(entry_count);
  for (uint64_t i = 0; i < entry_count; ++i) {
    JournalEntry entry;
    entry.volume = rows.number(8);
    entry.offset = rows.number(8);
    entry.length = rows.number(8);
    entry.position = rows.number(8);
    entry.before = rows.hash();
    entry.after = rows.hash();
    if (entry.volume >= volume_count || entry.length > kBlockSize || entry.length == 0 ||
        entry.offset > volumes_[entry.volume].size ||
        entry.length > volumes_[entry.volume].size - entry.offset ||
        (!entries_.empty() && !follows(entry, entries_.back()))) {
      throw_damaged(name_, "an entry makes no sense");
    }
    entries_.push_back(entry);
  }
}

bool JournalReader::is_about(const std::vector<Volume>& disks) const {
  bool same = disks.size() == volumes_.size();
  for (size_t i = 0; same && i < disks.size(); ++i) {
    same = is_volume(i, disks[i]);
  }
  return same;
}

Likeness JournalReader::likeness(size_t volume, const std::filesystem::path& disk) const {
  if (volumes_[volume].format != "raw") {
    return Likeness::unknown;
  }
  bool is_old = true;
  bool is_new = false;
  bool is_neither = false;
  try {
    const FileDescriptor file = open_file(disk, O_RDONLY | O_NONBLOCK);
    if (file_size_of(file.get(), disk) != volumes_[volume].size) {
      return Likeness::another;
    }
    for (const JournalEntry& entry : entries_) {
      if (entry.volume != volume) {
        continue;
      }
      std::vector<std::byte> now(entry.length);
      read_fully(file.get(), disk, entry.offset, now);
      const std::vector<std::byte> old_bytes = before(entry);
      const std::vector<std::byte> new_bytes = after(entry);
      for (size_t at = 0; at < now.size(); at += kSector) {
        const size_t bytes = std::min<size_t>(kSector, now.size() - at);
        const auto equals = [&](const std::vector<std::byte>& other) {
          return std::memcmp(now.data() + at, other.data() + at, bytes) == 0;
        };
        const bool old_here = equals(old_bytes);
        const bool new_here = equals(new_bytes);
        is_old = is_old && old_here;
        is_new = is_new || (new_here && !old_here);
        is_neither = is_neither || (!new_here && !old_here);
      }
    }
  } catch (const Error&) {
    return Likeness::another;
  }
  if (is_neither) {
    return is_new ? Likeness::disturbed : Likeness::another;
  }
  return is_old ? Likeness::untouched : Likeness::begun;
}

bool JournalReader::is_volume(size_t volume, const Volume& disk) const {
  if (disk.size != volumes_[volume].size) {
    return false;
  }
  std::error_code ignored;
  if (inodes_[volume] == 0 && !is_lasting(volumes_[volume].path) &&
      std::filesystem::is_block_file(disk.path, ignored)) {
    const Likeness found = likeness(volume, disk.path);
    return found == Likeness::begun ||
           (found != Likeness::another && same_disk(disk.path, volumes_[volume].path));
  }
  const auto lies_at = [&disk](const std::filesystem::path& path) {
    return !path.empty() && same_disk(path, disk.path);
  };
  const std::filesystem::path beside = beside_journal(volume);
  if (disk.path == volumes_[volume].path || lies_at(beside) || lies_at(volumes_[volume].path)) {
    return true;
  }
  // Moved or renamed, it is gone from there. Otherwise the number is that of another file system,
  // and this is a copy: finished in the place of its original, the original never could be.
  const uint64_t inode = inode_of(disk.path);
  return inode != 0 && inode == inodes_[volume] && is_absent(beside) &&
         is_absent(volumes_[volume].path);
}

std::filesystem::path JournalReader::beside_journal(size_t volume) const {
  return relative_[volume].empty() ? std::filesystem::path()
                                   : directory_of(name_) / relative_[volume];
}

std::vector<std::byte> JournalReader::before(const JournalEntry& entry) const {
  return content(entry, entry.position, entry.before);
}

std::vector<std::byte> JournalReader::after(const JournalEntry& entry) const {
  return content(entry, entry.position + entry.length, entry.after);
}

std::vector<std::byte> JournalReader::content(const JournalEntry& entry, uint64_t position,
                                              const BlockHash& hash) const {
  std::vector<std::byte> bytes(entry.length);
  read_fully(file_.get(), name_, position, bytes);
  if (hash_block(bytes) != hash) {
    throw_damaged(name_, "a block does not match its hash");
  }
  return bytes;
}

}  // namespace rehost
