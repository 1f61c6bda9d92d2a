#include "converter/job_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "converter/core/error.h"

namespace rehost {
namespace {

// " (pid 123)", as the holder has written it.
std::string holder_of(int fd) {
  std::array<char, 16> text{};
  const ssize_t n = pread(fd, text.data(), text.size(), 0);
  std::string pid;
  for (ssize_t i = 0;
       i < n && text.at(static_cast<size_t>(i)) >= '0' && text.at(static_cast<size_t>(i)) <= '9';
       ++i) {
    pid += text.at(static_cast<size_t>(i));
  }
  return pid.empty() ? "" : fmt::format(" (pid {})", pid);
}

// A holder that ends removes the file: then another one may have the name by now.
bool has_name(int fd, const std::filesystem::path& path) {
  struct stat mine = {};
  struct stat named = {};
  return fstat(fd, &mine) == 0 && stat(path.c_str(), &named) == 0 && mine.st_dev == named.st_dev &&
         mine.st_ino == named.st_ino;
}

}  // namespace

JobLock::JobLock(const std::filesystem::path& report) : path_(report.native() + ".lock") {
  while (true) {
    constexpr unsigned kMode = 0644;
    file_ = FileDescriptor(
        open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, kMode));
    if (!file_) {
      throw Error(ErrorKind::environment,
                  fmt::format("the report goes to {}, and nothing can be written there: {}; name "
                              "another place with --report",
                              report.native(), errno_text(errno)));
    }
    if (flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      throw Error(ErrorKind::environment,
                  fmt::format("another worker{} is at this job, whose report is {}: wait for its "
                              "end",
                              holder_of(file_.get()), report.native()));
    }
    if (has_name(file_.get(), path_)) {
      break;  // a file system that knows no locks has none, and the locks of the volumes remain
    }
  }
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(file_.get(), 0) != 0 ||
      pwrite(file_.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const int error = errno;
    unlink(path_.c_str());
    throw Error(ErrorKind::environment,
                fmt::format("cannot write {}: {}", path_.native(), errno_text(error)));
  }
}

JobLock::~JobLock() {
  unlink(path_.c_str());
}

}  // namespace rehost
