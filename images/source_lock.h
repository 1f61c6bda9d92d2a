// Keeps others away from a source while a job works on it: a second rehost, a qemu that writes, a
// mount on this host.
//
// Files carry byte-range locks as QEMU's do, so that a qemu started later on the same image is
// refused by its own rules while the read-only children of rehost pass. The kernel drops them when
// rehost ends, however it ends.
#pragma once

#include <string>

#include "converter/core/inspection.h"
#include "images/posix_file.h"

namespace rehost {

enum class SourceUse {
  look,              // inspect, plan, check: many may look at once, nobody may write
  convert,           // one rehost at a time
  convert_in_place,  // and no other reader either: the volume changes beneath it
};

class SourceLock {
 public:
  // Throws Error(environment) saying who has the source, as far as that is known.
  SourceLock(const Volume& volume, SourceUse use);
  ~SourceLock() = default;
  SourceLock(SourceLock&&) = default;
  SourceLock& operator=(SourceLock&&) = default;
  SourceLock(const SourceLock&) = delete;
  SourceLock& operator=(const SourceLock&) = delete;

  // False where the file system knows no locks (some network file systems), and for NBD servers.
  bool enforced() const { return enforced_; }

 private:
  FileDescriptor file_;
  FileDescriptor claim_;  // of a block device
  bool enforced_ = true;
};

// Throws Error(environment) when this host has the block device or a partition of it mounted, or in
// an LVM or RAID.
void require_not_mounted(const std::string& block_device);

}  // namespace rehost
