// Keeps a second worker away from a job: a lock on a file beside its report, which the kernel drops
// when the worker ends, however it ends.
#pragma once

#include <filesystem>

#include "images/posix_file.h"

namespace rehost {

class JobLock {
 public:
  // REPORT.lock. Throws Error(environment): another worker has it, or nothing can be written there.
  explicit JobLock(const std::filesystem::path& report);
  ~JobLock();  // removes the file
  JobLock(const JobLock&) = delete;
  JobLock& operator=(const JobLock&) = delete;

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
};

}  // namespace rehost
