#include "converter/file_mode.h"

#include <sys/stat.h>

namespace rehost {

FileType file_type(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    case S_IFBLK:
      return FileType::block_device;
    case S_IFCHR:
      return FileType::char_device;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    default:
      return FileType::regular;
  }
}

uint32_t permissions(uint32_t mode) {
  return mode & 07777;
}

}  // namespace rehost
