// Files of the host: descriptors that close themselves, and whole reads and writes that say what
// went wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "converter/core/error.h"

namespace rehost {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC; throws Error "cannot open NAME: reason". A missing or forbidden file is
// `usage`, a full or read-only place is `environment`, anything else `image_io`.
FileDescriptor open_file(const std::filesystem::path& path, int flags, unsigned mode = 0600);

// All bytes or an Error naming the file; a file that ends early is an Error too.
void read_fully(int fd, const std::string& name, uint64_t offset, std::span<std::byte> into);
void write_fully(int fd, const std::string& name, uint64_t offset, std::span<const std::byte> from);

// fsync(2). An error here may mean that data written earlier is lost.
void sync_file(int fd, const std::string& name);
// Makes a rename or a new name in this directory survive a power cut.
void sync_directory(const std::filesystem::path& directory);

// Asks the kernel to forget what it has of the file, so that the next read comes from the disk.
// Only what has been synced is forgotten.
void forget_cached(const std::filesystem::path& path);

// Bytes of a regular file or a block device.
uint64_t file_size_of(int fd, const std::string& name);

// A full disk, a file too large for it, a read-only file system are the worker's trouble
// (environment); the rest is the image's (image_io).
[[noreturn]] void throw_io_error(const std::string& act, const std::string& name, int error_number);

// Throws Error(environment) when the file system of `directory` has less than `bytes` free.
void require_free_space(const std::filesystem::path& directory, uint64_t bytes);

// "1.5 GiB": sizes as the sentences print them.
std::string human_bytes(uint64_t bytes);

}  // namespace rehost
