// The calls of this process that open, read, change and close files, counted, and one of them made
// to fail or to be its last. Programs that link kernel_calls.cc have these calls go through it:
// open, pread, pwrite, ftruncate, fallocate, fsync, close, rename, renameat2, symlink, unlink,
// setxattr, getxattr, removexattr (of the code under test; qemu-nbd is a process of its own).
// Everything else is the kernel's real answer, but for fsync, which has nothing to wait for where
// no power is cut. A close that fails has closed, as on Linux.
#pragma once

#include <functional>
#include <string>

namespace rehost {

enum class Fault {
  once,     // the call fails with this errno; those after it work again
  onwards,  // and so do all that come after it: a disk that is full, or gone. unlink works on a
            // full disk, and does here
  setxattr_onwards  // only those to setxattr count and fail: a file system without attributes
};

// While it lives, the nth call (from 1) fails with `error_number`.
class FailingCall {
 public:
  FailingCall(int nth, int error_number, Fault fault = Fault::once);
  ~FailingCall();
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;

  // The name of the call that failed; empty when there were fewer calls than that.
  std::string failed() const;
};

// While it lives, `then` is called after the nth call with this name: what another process might do
// at that moment.
class WhenCalled {
 public:
  WhenCalled(const std::string& name, int nth, std::function<void()> then);
  ~WhenCalled();
  WhenCalled(const WhenCalled&) = delete;
  WhenCalled& operator=(const WhenCalled&) = delete;
};

enum class Moment { before_call, after_call };

// Runs `work` in a child that is killed by SIGKILL at its nth call, before or after it; a write is
// then half done. The name of that call; empty when there were fewer, and the work was finished.
std::string kill_at_call(int nth, Moment moment, const std::function<void()>& work);

}  // namespace rehost
