#include "tests/support/kernel_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

namespace rehost {
namespace {

enum class Then { nothing, fail_once, fail_onwards, fail_setxattr, die_before, die_after };

// Shared with a child, which cannot tell us anything once it is killed.
struct Plan {
  std::atomic<Then> then = Then::nothing;
  std::atomic<int> left = 0;  // calls until it happens
  std::atomic<int> error_number = 0;
  std::atomic<const char*> name = nullptr;  // of the call to which it happened
};

Plan& plan() {
  static Plan* shared =
      new (::mmap(nullptr, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
          Plan;
  return *shared;
}

struct Visitor {
  std::string name;
  int left = 0;
  std::function<void()> then;
};

Visitor& visitor() {
  static Visitor one;
  return one;
}

// `then` may make calls of its own.
void let_visitor_in(const char* name) {
  Visitor& one = visitor();
  if (one.then && one.name == name && --one.left == 0) {
    const std::function<void()> then = std::exchange(one.then, {});
    const int error_number = errno;
    then();
    errno = error_number;
  }
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

// What shall happen to the call that is about to be made.
Then next_call(const char* name) {
  Plan& now = plan();
  const Then then = now.then;
  if (then == Then::nothing) {
    return then;
  }
  if (then == Then::fail_setxattr) {
    return std::strcmp(name, "setxattr") == 0 ? Then::fail_once : Then::nothing;
  }
  const int before = now.left.fetch_sub(1);
  const bool later = then == Then::fail_onwards && before < 1 && std::strcmp(name, "unlink") != 0;
  if (before != 1 && !later) {
    return Then::nothing;
  }
  if (now.name == nullptr) {
    now.name = name;
  }
  return then;
}

// Every call: counted, and then made, failed, or the last one. `half` is what a kill in the middle
// of it leaves done.
template <typename Call, typename Half>
auto counted(const char* name, Call call, Half half) -> decltype(call()) {
  const Then then = next_call(name);
  if (then == Then::fail_once || then == Then::fail_onwards) {
    errno = plan().error_number;
    return -1;
  }
  if (then == Then::die_before) {
    half();
    ::kill(::getpid(), SIGKILL);
  }
  const auto result = call();
  if (then == Then::die_after) {
    ::kill(::getpid(), SIGKILL);
  }
  let_visitor_in(name);
  return result;
}

constexpr auto kNothing = [] {};

}  // namespace

FailingCall::FailingCall(int nth, int error_number, Fault fault) {
  Plan& now = plan();
  now.name = nullptr;
  now.error_number = error_number;
  now.left = nth;
  now.then = fault == Fault::once      ? Then::fail_once
             : fault == Fault::onwards ? Then::fail_onwards
                                       : Then::fail_setxattr;
}

FailingCall::~FailingCall() {
  plan().then = Then::nothing;
}

std::string FailingCall::failed() const {
  const char* name = plan().name;
  return name == nullptr ? "" : name;
}

WhenCalled::WhenCalled(const std::string& name, int nth, std::function<void()> then) {
  visitor() = {name, nth, std::move(then)};
}

WhenCalled::~WhenCalled() {
  visitor().then = {};
}

std::string kill_at_call(int nth, Moment moment, const std::function<void()>& work) {
  Plan& now = plan();
  now.name = nullptr;
  const pid_t child = ::fork();
  if (child == 0) {
    now.left = nth;
    now.then = moment == Moment::before_call ? Then::die_before : Then::die_after;
    try {
      work();
    } catch (const std::exception& error) {
      ::fprintf(stderr, "the work failed: %s\n", error.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  now.then = Then::nothing;
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  EXPECT_TRUE(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
  const char* name = now.name;
  EXPECT_EQ(killed, name != nullptr);
  return name == nullptr ? "" : name;
}

}  // namespace rehost

// NOLINTBEGIN(readability-identifier-naming, readability-inconsistent-declaration-parameter-name)
using namespace rehost;

extern "C" {

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  const auto call = real<decltype(&::pwrite)>("pwrite");
  return counted(
      "pwrite", [=] { return call(fd, bytes, count, offset); },
      [=] { call(fd, bytes, count / 2, offset); });
}

int ftruncate(int fd, off_t length) noexcept {
  const auto call = real<int (*)(int, off_t)>("ftruncate");
  return counted(
      "ftruncate", [=] { return call(fd, length); }, kNothing);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  const auto call = real<int (*)(int, int, off_t, off_t)>("fallocate");
  return counted(
      "fallocate", [=] { return call(fd, mode, offset, length); }, kNothing);
}

// Nobody cuts the power here, and what a killed process has written is there: no need to wait.
int fsync(int fd) {
  return counted(
      "fsync", [=] { return ::fcntl(fd, F_GETFD) < 0 ? -1 : 0; }, kNothing);
}

int renameat2(int old_place, const char* old_name, int new_place, const char* new_name,
              unsigned int flags) noexcept {
  const auto call = real<int (*)(int, const char*, int, const char*, unsigned int)>("renameat2");
  return counted(
      "renameat2", [=] { return call(old_place, old_name, new_place, new_name, flags); }, kNothing);
}

int symlink(const char* target, const char* name) noexcept {
  const auto call = real<int (*)(const char*, const char*)>("symlink");
  return counted(
      "symlink", [=] { return call(target, name); }, kNothing);
}

int unlink(const char* name) noexcept {
  const auto call = real<int (*)(const char*)>("unlink");
  return counted(
      "unlink", [=] { return call(name); }, kNothing);
}

int open(const char* name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  const mode_t mode = creates ? va_arg(more, mode_t) : 0;
  va_end(more);
  const auto call = real<int (*)(const char*, int, ...)>("open");
  return counted(
      "open", [=] { return call(name, flags, mode); }, kNothing);
}

ssize_t pread(int fd, void* bytes, size_t count, off_t offset) {
  const auto call = real<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  return counted(
      "pread", [=] { return call(fd, bytes, count, offset); }, kNothing);
}

int close(int fd) {
  const auto call = real<int (*)(int)>("close");
  const int result = call(fd);
  return counted(
      "close", [=] { return result; }, kNothing);
}

int rename(const char* old_name, const char* new_name) noexcept {
  const auto call = real<int (*)(const char*, const char*)>("rename");
  return counted(
      "rename", [=] { return call(old_name, new_name); }, kNothing);
}

int setxattr(const char* path, const char* name, const void* value, size_t size,
             int flags) noexcept {
  const auto call = real<int (*)(const char*, const char*, const void*, size_t, int)>("setxattr");
  return counted(
      "setxattr", [=] { return call(path, name, value, size, flags); }, kNothing);
}

ssize_t getxattr(const char* path, const char* name, void* value, size_t size) noexcept {
  const auto call = real<ssize_t (*)(const char*, const char*, void*, size_t)>("getxattr");
  return counted(
      "getxattr", [=] { return call(path, name, value, size); }, kNothing);
}

int removexattr(const char* path, const char* name) noexcept {
  const auto call = real<int (*)(const char*, const char*)>("removexattr");
  return counted(
      "removexattr", [=] { return call(path, name); }, kNothing);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming, readability-inconsistent-declaration-parameter-name)
