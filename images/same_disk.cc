#include "images/same_disk.h"

#include <sys/stat.h>

namespace rehost {

bool same_disk(const std::filesystem::path& one, const std::filesystem::path& other) {
  struct stat a = {};
  struct stat b = {};
  if (::stat(one.c_str(), &a) != 0 || ::stat(other.c_str(), &b) != 0 ||
      (a.st_mode & S_IFMT) != (b.st_mode & S_IFMT)) {
    return false;
  }
  // A device is its number: any directory may have a node of it.
  return S_ISBLK(a.st_mode) || S_ISCHR(a.st_mode) ? a.st_rdev == b.st_rdev
                                                  : a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace rehost
