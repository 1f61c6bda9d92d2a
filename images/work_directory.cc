#include "images/work_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace rehost {
namespace {

namespace fs = std::filesystem;

// Whoever was killed must be told from whoever is about to begin, at every step:
// PARENT/rehost-XXXXXX always holds a lock that its run holds, and what has none yet, or none any
// more, is called rehost-empty-XXXXXX and holds nothing else.
constexpr std::string_view kPrefix = "rehost-";
constexpr std::string_view kEmptyPrefix = "rehost-empty-";
constexpr const char* kLockName = "lock";
constexpr size_t kRandomLetters = 6;  // mkdtemp(3)

fs::path with_prefix(const fs::path& directory, std::string_view prefix) {
  const std::string name = directory.filename().native();
  return directory.parent_path() /
         (std::string(prefix) + name.substr(name.size() - kRandomLetters));
}

bool is_ours(const fs::path& path) {
  struct stat status = {};
  return path.filename().native().size() >= kPrefix.size() + kRandomLetters &&
         path.filename().native().starts_with(kPrefix) && ::lstat(path.c_str(), &status) == 0 &&
         S_ISDIR(status.st_mode) && status.st_uid == ::geteuid();
}

// The lock last. Errors are left to the next run that looks here.
void remove_locked(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().filename() != kLockName) {
      fs::remove_all(entry.path(), ignored);
    }
  }
  const fs::path emptied = with_prefix(directory, kEmptyPrefix);
  if (::rename(directory.c_str(), emptied.c_str()) == 0) {
    ::unlink((emptied / kLockName).c_str());
    ::rmdir(emptied.c_str());
  }
}

// A directory whose lock nobody holds belongs to a run that was killed.
void remove_stale(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const fs::path& path = entry.path();
    if (!is_ours(path)) {
      continue;
    }
    const FileDescriptor lock(::open((path / kLockName).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    const bool emptied = path.filename().native().starts_with(kEmptyPrefix);
    const bool killed = lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
    if (killed && !emptied) {
      remove_locked(path);
    } else if (killed) {
      ::unlink((path / kLockName).c_str());
      ::rmdir(path.c_str());
    } else if (emptied && !lock) {
      ::rmdir(path.c_str());  // a lock that appears by now is its run's: then this fails
    }
  }
}

// Locks an empty directory and gives it its name; no lock when another run has taken it for one of
// a killed run meanwhile.
FileDescriptor lock_and_name(const fs::path& empty, const fs::path& named) {
  const fs::path path = empty / kLockName;
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  struct stat held = {};
  struct stat there = {};
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(lock.get(), &held) != 0 ||
      ::stat(path.c_str(), &there) != 0 || held.st_ino != there.st_ino ||
      ::rename(empty.c_str(), named.c_str()) != 0) {
    return {};
  }
  return lock;
}

}  // namespace

WorkDirectory::WorkDirectory(const fs::path& parent) {
  remove_stale(parent);
  constexpr int kAttempts = 100;
  int error_number = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string name = (parent / (std::string(kEmptyPrefix) + "XXXXXX")).native();
    if (::mkdtemp(name.data()) == nullptr) {
      error_number = errno;
      break;
    }
    path_ = with_prefix(fs::absolute(name), kPrefix);
    lock_ = lock_and_name(name, path_);
    if (lock_) {
      return;
    }
    error_number = errno;
    ::unlink((fs::path(name) / kLockName).c_str());
    ::rmdir(name.c_str());
  }
  throw Error(ErrorKind::environment, fmt::format("cannot make a work directory in {}: {}",
                                                  parent.native(), errno_text(error_number)));
}

WorkDirectory::~WorkDirectory() {
  remove_locked(path_);
}

}  // namespace rehost
