#include "images/raw.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace rehost {
namespace {

// A hole shorter than this is not worth a fragment of the file.
constexpr uint64_t kFileGrain = 32 * kKibibyte;

}  // namespace

RawSource::RawSource(const std::string& path)
    : name_(path), file_(open_file(path, O_RDONLY)), size_(file_size_of(file_.get(), path)) {
  struct stat status = {};
  has_holes_ = ::fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode);
  // Reads come from several threads in pieces: without the hint the kernel takes them for random.
  ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
}

void RawSource::read(uint64_t offset, std::span<std::byte> into) const {
  read_fully(file_.get(), name_, offset, into);
}

std::vector<Extent> RawSource::extents(uint64_t offset, uint64_t length) const {
  std::vector<Extent> extents;
  const uint64_t end = offset + length;
  while (offset < end) {
    uint64_t data = offset;
    uint64_t hole = end;
    if (has_holes_) {
      const off_t found = ::lseek(file_.get(), static_cast<off_t>(offset), SEEK_DATA);
      if (found >= 0) {
        data = std::min(static_cast<uint64_t>(found), end);
        const off_t after = ::lseek(file_.get(), static_cast<off_t>(data), SEEK_HOLE);
        hole = after < 0 ? end : std::min(static_cast<uint64_t>(after), end);
      } else if (errno == ENXIO) {  // no more data up to the end of the file, wherever that is now
        require_whole();
        data = end;
      }  // anything else: this file system has no holes to tell of
    }
    append_extent(extents, {offset, data - offset, true, false});
    append_extent(extents, {data, std::max(hole, data) - data, false, false});
    offset = std::max(hole, data);
  }
  return extents;
}

void RawSource::require_whole() const {
  const uint64_t now = file_size_of(file_.get(), name_);
  if (now < size_) {
    throw Error(ErrorKind::image_io,
                fmt::format("{} was cut from {} bytes to {} while it was read; run again when "
                            "nothing else writes to it",
                            name_, size_, now));
  }
}

RawFileSink::RawFileSink(const SinkRequest& request) : file_(request) {
  if (::ftruncate(file_.fd(), static_cast<off_t>(request.size)) != 0) {
    const int error_number = errno;
    throw_io_error(fmt::format("give {} to", human_bytes(request.size)), file_.name(),
                   error_number);
  }
}

SinkTraits RawFileSink::traits() const {
  return {.random_access = true, .starts_as_zeros = true, .grain = kFileGrain};
}

void RawFileSink::write(uint64_t offset, std::span<const std::byte> data,
                        const EncodedPiece& /*encoded*/) {
  write_fully(file_.fd(), file_.name(), offset, data);
}

void RawFileSink::zero(uint64_t offset, uint64_t length) {
  zero_range(file_.fd(), file_.name(), offset, length);
}

void RawFileSink::finish() {
  file_.finish();
}

ExistingDiskSink::ExistingDiskSink(const SinkRequest& request)
    : name_(request.path.native()),
      lock_({"target", name_, "raw", request.size}, SourceUse::convert_in_place),
      file_(open_file(request.path, O_RDWR)),
      size_(request.size),
      file_size_(file_size_of(file_.get(), name_)) {
  if (file_size_ < size_) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is too small: it has {} ({} bytes), the disk needs {} ({} bytes)",
                            name_, human_bytes(file_size_), file_size_, human_bytes(size_), size_));
  }
}

SinkTraits ExistingDiskSink::traits() const {
  return {.random_access = true, .starts_as_zeros = false, .grain = 64 * kKibibyte};
}

void ExistingDiskSink::write(uint64_t offset, std::span<const std::byte> data,
                             const EncodedPiece& /*encoded*/) {
  write_fully(file_.get(), name_, offset, data);
}

void ExistingDiskSink::zero(uint64_t offset, uint64_t length) {
  zero_range(file_.get(), name_, offset, length);
}

void ExistingDiskSink::finish() {
  if (size_ < file_size_) {
    zero_range(file_.get(), name_, size_, file_size_ - size_);
  }
  sync_file(file_.get(), name_);
}

std::unique_ptr<ImageSink> open_raw_sink(const SinkRequest& request) {
  std::error_code ignored;
  if (std::filesystem::is_block_file(request.path, ignored)) {
    return std::make_unique<ExistingDiskSink>(request);
  }
  return std::make_unique<RawFileSink>(request);
}

void zero_range(int fd, const std::string& name, uint64_t offset, uint64_t length) {
  const auto start = static_cast<off_t>(offset);
  const auto bytes = static_cast<off_t>(length);
  // Both promise zeros, on files and on block devices, or fail: neither is a mere wish as a discard
  // would be.
  for (const int mode :
       {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE}) {
    if (::fallocate(fd, mode, start, bytes) == 0) {
      return;
    }
    if (errno == ENOSPC || errno == EIO) {
      const int error_number = errno;
      throw_io_error(fmt::format("zero {} bytes at offset {} of", length, offset), name,
                     error_number);
    }
  }
  const std::vector<std::byte> zeros(std::min<uint64_t>(length, kBlockSize));
  while (length > 0) {
    const uint64_t piece = std::min<uint64_t>(length, zeros.size());
    write_fully(fd, name, offset, std::span(zeros).first(piece));
    offset += piece;
    length -= piece;
  }
}

}  // namespace rehost
