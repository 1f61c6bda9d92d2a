#include "images/marks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include "converter/core/error.h"
#include "images/device_marks.h"
#include "images/nbd.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAttribute = "user.rehost.journal";

// Not to know whether a disk is half written is no answer.
[[noreturn]] void throw_cannot_look(const fs::path& place, int error_number) {
  const std::string act = "look for the journal of an interrupted conversion,";
  if (error_number == EACCES || error_number == EPERM) {
    throw Error(ErrorKind::environment,
                fmt::format("cannot {} {}: {}; run rehost as a user who may read there", act,
                            place.native(), errno_text(error_number)));
  }
  throw_io_error(act, place.native(), error_number);
}

bool is_absent(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR;
}

fs::path target_of(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  if (error) {
    throw_cannot_look(link, error.value());
  }
  return target.is_absolute() ? target : link.parent_path() / target;
}

bool is_file(const Volume& volume) {
  struct stat status = {};
  return !is_nbd_uri(volume.path) && ::stat(volume.path.c_str(), &status) == 0 &&
         S_ISREG(status.st_mode);
}

// Of the file itself, under whatever name.
std::optional<Mark> mark_on(const Volume& volume) {
  if (!is_file(volume)) {
    return std::nullopt;
  }
  std::array<char, PATH_MAX> value = {};
  const ssize_t length = ::getxattr(volume.path.c_str(), kAttribute, value.data(), value.size());
  if (length < 0) {
    if (errno == ENODATA || errno == ENOTSUP || is_absent(errno)) {
      return std::nullopt;
    }
    throw_cannot_look(volume.path, errno);
  }
  const fs::path journal(std::string(value.data(), static_cast<size_t>(length)));
  std::optional<Mark> found = mark_at(journal);
  if (!found) {
    return Mark{volume.path, journal, false};
  }
  found->place = volume.path;
  return found;
}

void sync_volume(const Volume& volume) {
  sync_file(open_file(volume.path, O_RDONLY).get(), volume.path);
}

void put_link(const fs::path& journal, const fs::path& link) {
  std::error_code ignored;  // a directory that cannot be made is named by what comes next
  const fs::path directory = link.parent_path();
  if (fs::create_directories(directory, ignored)) {
    sync_directory(directory.parent_path());
  }
  // Beside the journal the name alone: the directory may be moved, or mounted elsewhere.
  const fs::path target = directory == journal.parent_path() ? journal.filename() : journal;
  const std::optional<Mark> old = mark_at(link);
  if (old && old->leads_to_journal && !fs::equivalent(old->journal, journal)) {
    throw Error(ErrorKind::plan_conflict,
                fmt::format("{} is or leads to the journal of another conversion: finish or undo "
                            "that first with rehost commit or rehost rollback",
                            link.native()));
  }
  if (old && old->leads_to_journal) {
    return;
  }
  // One that leads to where the journal was once is replaced, and never missing.
  const fs::path making = old ? fs::path(link.native() + ".new") : link;
  if (old) {
    ::unlink(making.c_str());
  }
  if (::symlink(target.c_str(), making.c_str()) != 0 ||
      (old && ::rename(making.c_str(), link.c_str()) != 0)) {
    const int error_number = errno;
    throw_io_error("make the mark", link.native(), error_number);
  }
  sync_directory(directory);
}

void put_attribute(const fs::path& journal, const Volume& volume) {
  const std::string& path = volume.path;
  if (::setxattr(path.c_str(), kAttribute, journal.c_str(), journal.native().size(), 0) == 0) {
    sync_volume(volume);
    return;
  }
  const int error_number = errno;
  if (error_number != ENOTSUP) {
    throw_io_error(fmt::format("set the attribute {} of", kAttribute), path, error_number);
  }
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0 && status.st_nlink > 1) {
    throw Error(ErrorKind::usage,
                fmt::format("{} has another name (a hard link), under which nobody would know that "
                            "it is being written, for this file system has no attributes: convert "
                            "it with --output, or remove the other name",
                            path));
  }
}

}  // namespace

fs::path lasting_path(const fs::path& disk, const fs::path& links) {
  std::error_code ignored;
  const fs::path real = fs::canonical(disk, ignored);
  if (ignored) {
    return fs::absolute(disk);
  }
  const std::vector<fs::path> lasting = lasting_links(real, links);
  return lasting.empty() ? real : lasting.front();
}

fs::path default_journal_path(const Volume& volume, const DevicePlaces& places) {
  const fs::path path = lasting_path(volume.path, places.links);
  std::error_code ignored;
  if (fs::is_block_file(path, ignored)) {
    return places.journals / (path.filename().native() + ".rehost-journal");
  }
  return path.native() + ".rehost-journal";
}

std::optional<Mark> mark_at(const fs::path& place) {
  struct stat status = {};
  if (::lstat(place.c_str(), &status) != 0) {
    if (is_absent(errno)) {
      return std::nullopt;
    }
    throw_cannot_look(place, errno);
  }
  const bool is_link = S_ISLNK(status.st_mode);
  if (::stat(place.c_str(), &status) != 0) {
    if (is_link && (is_absent(errno) || errno == ELOOP)) {
      return Mark{place, target_of(place), false};
    }
    throw_cannot_look(place, errno);
  }
  return Mark{place, fs::canonical(place), true};
}

std::optional<Mark> mark_of(const Volume& volume, const DevicePlaces& places) {
  if (is_nbd_uri(volume.path)) {
    return std::nullopt;  // never written
  }
  std::error_code ignored;
  if (fs::is_block_file(volume.path, ignored)) {
    return mark_of_device(volume.path, places);
  }
  std::optional<Mark> beside = mark_at(default_journal_path(volume, places));
  return beside ? beside : mark_on(volume);
}

std::string describe_lost_journal(const Mark& mark) {
  std::error_code ignored;
  const bool is_link = fs::is_symlink(fs::symlink_status(mark.place, ignored));
  return fmt::format(
      "its journal {} cannot be found: bring it back (mount the disk it is on) and "
      "run rehost commit or rehost rollback with all disks of the machine; or, when "
      "the disk has been copied anew or is not needed any more, remove the mark: {}",
      mark.journal.native(),
      is_link ? "rm " + mark.place.native()
              : fmt::format("setfattr -x {} {}", kAttribute, mark.place.native()));
}

void put_marks(const fs::path& journal, const std::vector<fs::path>& links,
               const std::vector<Volume>& volumes) {
  for (const fs::path& link : links) {
    put_link(journal, link);
  }
  for (const Volume& volume : volumes) {
    if (is_file(volume)) {
      put_attribute(journal, volume);
    }
  }
}

void remove_marks(const std::vector<fs::path>& links, const std::vector<Volume>& volumes) {
  for (const fs::path& link : links) {
    std::error_code ignored;
    fs::remove(link.native() + ".new", ignored);
    struct stat status = {};
    if (::lstat(link.c_str(), &status) == 0 && !S_ISLNK(status.st_mode)) {
      continue;  // a journal, whosever it is
    }
    if (::unlink(link.c_str()) == 0) {
      sync_directory(link.parent_path());
    } else if (!is_absent(errno)) {
      const int error_number = errno;
      throw_io_error("remove the mark", link.native(), error_number);
    }
  }
  for (const Volume& volume : volumes) {
    if (!is_file(volume)) {
      continue;
    }
    if (::removexattr(volume.path.c_str(), kAttribute) == 0) {
      sync_volume(volume);
    } else if (errno != ENODATA && errno != ENOTSUP) {
      const int error_number = errno;
      throw_io_error(fmt::format("remove the attribute {} of", kAttribute), volume.path,
                     error_number);
    }
  }
}

}  // namespace rehost
