#include "images/image_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace rehost {
namespace {

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

[[noreturn]] void throw_exists(const std::filesystem::path& path) {
  throw Error(ErrorKind::usage,
              fmt::format("{} exists already; move it away or choose another output directory",
                          path.native()));
}

// A disk of this name may be the source of this run or of another: those hold a lock of their own
// kind (source_lock.h), and qemu does.
bool is_a_source(int fd) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// Opens and locks NAME.partial. Another rehost may finish and rename its own between our open and
// our lock; then the name leads elsewhere and we look again.
FileDescriptor open_partial(const std::filesystem::path& path, unsigned mode) {
  while (true) {
    FileDescriptor file = open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);
    const bool writing = ::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (writing || is_a_source(file.get())) {
      throw Error(
          ErrorKind::environment,
          fmt::format("{} is in use by another run or process; wait for it to end", path.native()));
    }
    struct stat ours = {};
    struct stat named = {};
    if (::fstat(file.get(), &ours) == 0 && ::lstat(path.c_str(), &named) == 0 &&
        ours.st_ino == named.st_ino && ours.st_dev == named.st_dev) {
      return file;
    }
  }
}

}  // namespace

EncodedPiece ImageSink::encode(uint64_t /*offset*/, std::span<const std::byte> /*data*/) const {
  return {};
}

std::filesystem::path partial_path_of(const std::filesystem::path& final_path) {
  return final_path.native() + ".partial";
}

PartialFile::PartialFile(std::filesystem::path final_path, Existing existing, FileGroup* together,
                         unsigned mode)
    : final_path_(std::move(final_path)),
      partial_path_(partial_path_of(final_path_)),
      existing_(existing),
      together_(together) {
  const std::filesystem::path directory = directory_of(final_path_);
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    throw Error(ErrorKind::environment,
                fmt::format("cannot write {}: the directory {} does not exist; make it first",
                            final_path_.native(), directory.native()));
  }
  if (std::filesystem::is_directory(final_path_, ignored)) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot write {}: it is a directory", final_path_.native()));
  }
  if (std::filesystem::exists(final_path_, ignored) &&
      !std::filesystem::is_regular_file(final_path_, ignored)) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot write {}: it is a device, pipe or socket, which a file would "
                            "take the place of; name a file",
                            final_path_.native()));
  }
  if (existing_ == Existing::refuse && std::filesystem::exists(final_path_, ignored)) {
    throw_exists(final_path_);
  }
  try {
    file_ = open_partial(partial_path_, mode);
  } catch (const Error& error) {
    // The operator named the directory, not this file: a directory that cannot be written is the
    // worker's trouble.
    throw Error(ErrorKind::environment, error.what());
  }
  if (::ftruncate(file_.get(), 0) != 0) {
    const int error_number = errno;
    ::unlink(partial_path_.c_str());
    throw_io_error("empty", partial_path_.native(), error_number);
  }
}

// After a move there is no file, and nothing to remove.
PartialFile::~PartialFile() {
  if (file_ && (!named_ || exchanged_) && !stranded_) {
    ::unlink(partial_path_.c_str());
  }
}

void PartialFile::finish() {
  sync_file(file_.get(), partial_path_.native());
  FileGroup alone;
  FileGroup& group = together_ == nullptr ? alone : *together_;
  group.files_.push_back(std::move(*this));
  if (together_ == nullptr) {
    alone.publish();
  }
}

void PartialFile::rename_to_final() {
  const auto rename_with = [this](unsigned flags) {
    return ::renameat2(AT_FDCWD, partial_path_.c_str(), AT_FDCWD, final_path_.c_str(), flags) == 0;
  };
  const auto no_such_flag = [] { return errno == EINVAL || errno == ENOSYS; };
  named_ = rename_with(RENAME_NOREPLACE) || (no_such_flag() && rename_with(0));
  if (!named_ && errno == EEXIST && existing_ == Existing::replace) {
    exchanged_ = exchange();
    replaced_ = !exchanged_ && no_such_flag() && rename_with(0);
    named_ = exchanged_ || replaced_;
  }
  if (named_) {
    return;
  }
  const int error_number = errno;
  if (error_number == EEXIST) {
    throw_exists(final_path_);
  }
  throw_io_error(fmt::format("rename {} to", partial_path_.native()), final_path_.native(),
                 error_number);
}

bool PartialFile::exchange() {
  before_ = open_file(final_path_, O_RDONLY | O_NOFOLLOW);
  if (::flock(before_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw Error(ErrorKind::environment,
                fmt::format("{} is in use by another run or process; wait for it to end",
                            final_path_.native()));
  }
  return ::renameat2(AT_FDCWD, partial_path_.c_str(), AT_FDCWD, final_path_.c_str(),
                     RENAME_EXCHANGE) == 0;
}

bool PartialFile::take_back() noexcept {
  if (exchanged_) {
    stranded_ = ::renameat2(AT_FDCWD, partial_path_.c_str(), AT_FDCWD, final_path_.c_str(),
                            RENAME_EXCHANGE) != 0;
  } else if (named_ && !replaced_) {
    ::unlink(final_path_.c_str());
  }
  return !stranded_;
}

void FileGroup::publish() {
  try {
    for (PartialFile& file : files_) {
      file.rename_to_final();
    }
    for (const PartialFile& file : files_) {
      sync_directory(directory_of(file.final_path_));
    }
  } catch (const Error& error) {
    std::string stranded;
    for (PartialFile& file : files_) {
      if (!file.take_back()) {
        stranded += fmt::format("; what was {} before is {} now: move it back",
                                file.final_path_.native(), file.name());
      }
    }
    files_.clear();
    throw Error(error.kind(), error.what() + stranded);
  }
  files_.clear();  // and with them the files that were replaced
}

}  // namespace rehost
