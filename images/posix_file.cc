#include "images/posix_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace rehost {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FileDescriptor::reset() {
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

FileDescriptor open_file(const std::filesystem::path& path, int flags, unsigned mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) {
    return FileDescriptor(fd);
  }
  const int error_number = errno;
  const std::string sentence =
      fmt::format("cannot open {}: {}", path.native(), errno_text(error_number));
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      throw Error(ErrorKind::usage, sentence);
    case EROFS:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EBUSY:
      throw Error(ErrorKind::environment, sentence);
    default:
      throw Error(ErrorKind::image_io, sentence);
  }
}

void throw_io_error(const std::string& act, const std::string& name, int error_number) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  // EFBIG: the file system, or the limit of this process (ulimit -f), knows no such large files.
  const bool worker =
      full || error_number == ENOMEM || error_number == EROFS || error_number == EFBIG;
  throw Error(worker ? ErrorKind::environment : ErrorKind::image_io,
              fmt::format("cannot {} {}: {}{}", act, name, errno_text(error_number),
                          full ? "; free some space or choose another directory" : ""));
}

void read_fully(int fd, const std::string& name, uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t count = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      const int error_number = errno;
      throw_io_error(fmt::format("read {} bytes at offset {} of", into.size(), offset), name,
                     error_number);
    }
    if (count == 0) {
      throw Error(ErrorKind::image_io,
                  fmt::format("cannot read {} bytes at offset {} of {}: the file ends there",
                              into.size(), offset, name));
    }
    into = into.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

void write_fully(int fd, const std::string& name, uint64_t offset,
                 std::span<const std::byte> from) {
  while (!from.empty()) {
    const ssize_t count = ::pwrite(fd, from.data(), from.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      const int error_number = errno;
      throw_io_error(fmt::format("write {} bytes at offset {} of", from.size(), offset), name,
                     error_number);
    }
    from = from.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

void sync_file(int fd, const std::string& name) {
  if (::fsync(fd) != 0) {
    const int error_number = errno;
    throw_io_error("sync", name, error_number);
  }
}

void sync_directory(const std::filesystem::path& directory) {
  const FileDescriptor fd = open_file(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
  // Some file systems cannot sync a directory, and say EINVAL: there is nothing more to do there.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) {
    const int error_number = errno;
    throw_io_error("sync the directory", directory.native(), error_number);
  }
}

void forget_cached(const std::filesystem::path& path) {
  const FileDescriptor fd = open_file(path, O_RDONLY);
  // A wish: where the kernel cannot, the bytes come from memory, and are no less right.
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
}

uint64_t file_size_of(int fd, const std::string& name) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) {
    const int error_number = errno;
    throw_io_error("read the size of", name, error_number);
  }
  if (!S_ISBLK(status.st_mode)) {
    return static_cast<uint64_t>(status.st_size);
  }
  uint64_t bytes = 0;
  if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0) {
    const int error_number = errno;
    throw_io_error("read the size of", name, error_number);
  }
  return bytes;
}

void require_free_space(const std::filesystem::path& directory, uint64_t bytes) {
  struct statvfs status = {};
  if (::statvfs(directory.empty() ? "." : directory.c_str(), &status) != 0) {
    const int error_number = errno;
    throw Error(ErrorKind::environment, fmt::format("cannot ask for the free space of {}: {}",
                                                    directory.native(), errno_text(error_number)));
  }
  const uint64_t free = uint64_t{status.f_bavail} * status.f_frsize;
  if (free < bytes) {
    throw Error(ErrorKind::environment,
                fmt::format("not enough space in {}: {} are needed and {} are free; free some "
                            "space or choose another directory",
                            directory.native(), human_bytes(bytes), human_bytes(free)));
  }
}

std::string human_bytes(uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    return fmt::format("{} bytes", bytes);
  }
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace rehost
