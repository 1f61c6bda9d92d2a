#include "images/source_lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <thread>

#include "converter/core/error.h"
#include "images/nbd.h"

namespace rehost {
namespace {

// QEMU's convention (block/file-posix.c): a read lock on 100 + n says "I do n", on 200 + n "I do
// not share n".
constexpr off_t kQemuReads = 100;
constexpr off_t kQemuWrites = 101;
constexpr off_t kQemuResizes = 103;
constexpr off_t kQemuForbidsReading = 200;
constexpr off_t kQemuForbidsWriting = 201;
constexpr off_t kQemuForbidsResizing = 203;
// Ours, in the same manner.
constexpr off_t kRehostLooks = 300;
constexpr off_t kRehostConverts = 301;

struct flock one_byte(short type, off_t where) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = where;
  lock.l_len = 1;
  return lock;
}

bool locks_unknown(int error_number) {
  return error_number == ENOLCK || error_number == EOPNOTSUPP || error_number == EINVAL ||
         error_number == ENOSYS;
}

// Somebody else holds this byte.
bool taken(int fd, off_t where) {
  struct flock lock = one_byte(F_WRLCK, where);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool hold(int fd, off_t where) {
  struct flock lock = one_byte(F_RDLCK, where);
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

void release(int fd, off_t where) {
  struct flock lock = one_byte(F_UNLCK, where);
  ::fcntl(fd, F_OFD_SETLK, &lock);
}

std::string first_line_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "qemu-system-x86 (pid 123)" for a process that has the file open, or "another process". The
// kernel does not say who holds a lock of this kind.
std::string holder_of(const struct stat& wanted) {
  std::error_code ignored;
  const std::string self = std::to_string(::getpid());
  for (const auto& process : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string pid = process.path().filename().native();
    if (pid == self || pid.find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    for (const auto& file : std::filesystem::directory_iterator(process.path() / "fd", ignored)) {
      struct stat status = {};
      if (::stat(file.path().c_str(), &status) == 0 && status.st_ino == wanted.st_ino &&
          status.st_dev == wanted.st_dev) {
        return fmt::format("{} (pid {})", first_line_of(process.path() / "comm"), pid);
      }
    }
  }
  return "another process";
}

[[noreturn]] void throw_in_use(const std::string& path, const std::string& who,
                               std::string_view how) {
  throw Error(ErrorKind::environment,
              fmt::format("{} is in use: {} {} it; end that first", path, who, how));
}

// Where a mounted device, or a partition of it, is mounted; for the sentence only.
std::optional<std::string> mount_point_of(dev_t device) {
  std::error_code ignored;
  const auto node = [&ignored](const std::string& numbers) {
    return std::filesystem::read_symlink("/sys/dev/block/" + numbers, ignored).native();
  };
  const std::string wanted = node(fmt::format("{}:{}", major(device), minor(device)));
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  while (!wanted.empty() && std::getline(mounts, line)) {
    // 36 35 98:0 /root /mount/point options ...
    std::vector<std::string> fields;
    size_t at = 0;
    while (fields.size() < 5 && at < line.size()) {
      const size_t end = std::min(line.find(' ', at), line.size());
      fields.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    if (fields.size() < 5) {
      continue;
    }
    const std::string mounted = node(fields[2]);
    if (mounted == wanted || mounted.starts_with(wanted + "/")) {
      return fields[4];
    }
  }
  return std::nullopt;
}

[[noreturn]] void throw_busy_device(const std::string& path) {
  struct stat status = {};
  ::stat(path.c_str(), &status);
  const std::optional<std::string> where = mount_point_of(status.st_rdev);
  throw Error(ErrorKind::environment,
              where
                  ? fmt::format("{} is mounted on this host at {}; unmount it first", path, *where)
                  : fmt::format("{} is in use on this host (LVM, RAID, multipath or another "
                                "program has it); release it first",
                                path));
}

// The kernel lets go of nothing here: a file under a loop device may be mounted, and no lock shows
// it.
void require_no_loop_device(const std::string& path, const struct stat& status) {
  std::error_code ignored;
  for (const auto& device : std::filesystem::directory_iterator("/sys/block", ignored)) {
    const std::string backing = first_line_of(device.path() / "loop" / "backing_file");
    struct stat other = {};
    if (!backing.empty() && ::stat(backing.c_str(), &other) == 0 && other.st_ino == status.st_ino &&
        other.st_dev == status.st_dev) {
      throw Error(ErrorKind::environment,
                  fmt::format("{0} is in use: it is attached to /dev/{1}; detach it first with "
                              "losetup -d /dev/{1}",
                              path, device.path().filename().native()));
    }
  }
}

// Two that come at the same moment both step back, and try again after different pauses.
void exclude_other_rehosts(int fd, const Volume& volume, const struct stat& status, SourceUse use) {
  constexpr int kAttempts = 4;
  const off_t forbidden = use == SourceUse::look ? kRehostConverts : kRehostLooks;
  std::minstd_rand random(static_cast<unsigned>(
      ::getpid() + std::chrono::steady_clock::now().time_since_epoch().count()));
  for (int attempt = 1; taken(fd, forbidden); ++attempt) {
    if (attempt == kAttempts) {
      throw_in_use(volume.path, holder_of(status), "is inspecting or converting");
    }
    release(fd, kRehostLooks);
    release(fd, kRehostConverts);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
    hold(fd, kRehostLooks);
    if (use != SourceUse::look) {
      hold(fd, kRehostConverts);
    }
  }
}

}  // namespace

SourceLock::SourceLock(const Volume& volume, SourceUse use) {
  if (is_nbd_uri(volume.path)) {
    if (use == SourceUse::convert_in_place) {
      throw Error(
          ErrorKind::usage,
          fmt::format("{} is an NBD server's disk, which is read and never written: convert "
                      "it with --output, or name the image itself",
                      volume.path));
    }
    enforced_ = false;  // whoever serves it holds the locks there are
    return;
  }
  file_ = open_file(volume.path, O_RDONLY);
  const int fd = file_.get();
  struct stat status = {};
  if (::fstat(fd, &status) != 0) {
    const int error_number = errno;
    throw_io_error("look at", volume.path, error_number);
  }
  if (!hold(fd, kRehostLooks)) {
    if (!locks_unknown(errno)) {
      const int error_number = errno;
      throw_io_error("lock", volume.path, error_number);
    }
    enforced_ = false;
  }
  if (enforced_) {
    if (use != SourceUse::look) {
      hold(fd, kRehostConverts);
    }
    exclude_other_rehosts(fd, volume, status, use);
    hold(fd, kQemuForbidsWriting);
    hold(fd, kQemuForbidsResizing);
    if (taken(fd, kQemuWrites) || taken(fd, kQemuResizes) || taken(fd, kQemuForbidsReading)) {
      throw_in_use(volume.path, holder_of(status), "writes to");
    }
    if (use == SourceUse::convert_in_place && taken(fd, kQemuReads)) {
      throw_in_use(volume.path, holder_of(status), "reads");
    }
  }
  if (!S_ISBLK(status.st_mode)) {
    require_no_loop_device(volume.path, status);
    return;
  }
  require_not_mounted(volume.path);
  if (use != SourceUse::look) {
    // Held for the life of the lock: nobody can mount the disk or a partition of it meanwhile.
    claim_ = FileDescriptor(::open(volume.path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    if (!claim_) {
      throw_busy_device(volume.path);
    }
  }
}

void require_not_mounted(const std::string& block_device) {
  const FileDescriptor claim(::open(block_device.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (!claim && errno == EBUSY) {
    throw_busy_device(block_device);
  }
}

}  // namespace rehost
