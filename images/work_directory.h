// A private place for overlays and sockets: made fresh with mode 0700, removed with all it holds.
#pragma once

#include <filesystem>

#include "images/posix_file.h"

namespace rehost {

class WorkDirectory {
 public:
  // Makes PARENT/rehost-XXXXXX (as rehost-empty-XXXXXX until it is locked). The parent must exist.
  // What killed runs left in the same parent is removed first; a running rehost keeps its own
  // directory locked.
  explicit WorkDirectory(const std::filesystem::path& parent);
  ~WorkDirectory();
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor lock_;
};

}  // namespace rehost
