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

constexpr std::string_view kPrefix = "rehost-";
constexpr const char* kLockName = "lock";

// A directory whose lock nobody holds belongs to a run that was killed.
void remove_stale(const std::filesystem::path& parent) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().native().starts_with(kPrefix)) {
      continue;
    }
    struct stat status = {};
    if (::lstat(entry.path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != ::geteuid()) {
      continue;
    }
    const std::filesystem::path lock_path = entry.path() / kLockName;
    const FileDescriptor lock(::open(lock_path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
      std::filesystem::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

WorkDirectory::WorkDirectory(const std::filesystem::path& parent) {
  remove_stale(parent);
  std::string name = (parent / (std::string(kPrefix) + "XXXXXX")).native();
  if (::mkdtemp(name.data()) == nullptr) {
    const int error_number = errno;
    throw Error(ErrorKind::environment, fmt::format("cannot make a work directory in {}: {}",
                                                    parent.native(), errno_text(error_number)));
  }
  path_ = std::filesystem::absolute(name);
  try {
    // The lock is taken under another name first: another run that starts now must not see it
    // unlocked.
    const std::filesystem::path making = path_ / "lock.new";
    lock_ = open_file(making, O_RDWR | O_CREAT | O_EXCL);
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
      const int error_number = errno;
      throw_io_error("lock", making.native(), error_number);
    }
    std::filesystem::rename(making, path_ / kLockName);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    throw;
  }
}

WorkDirectory::~WorkDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace rehost
