#include "tests/support/kernel_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace rehost {
namespace {

enum class Then { nothing, fail_once, fail_onwards, die_before, die_after };

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
  return result;
}

constexpr auto kNothing = [] {};

}  // namespace

FailingCall::FailingCall(int nth, int error_number, Fault fault) {
  Plan& now = plan();
  now.name = nullptr;
  now.error_number = error_number;
  now.left = nth;
  now.then = fault == Fault::once ? Then::fail_once : Then::fail_onwards;
}

FailingCall::~FailingCall() {
  plan().then = Then::nothing;
}

std::string FailingCall::failed() const {
  const char* name = plan().name;
  return name == nullptr ? "" : name;
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

int fsync(int fd) {
  const auto call = real<int (*)(int)>("fsync");
  return counted(
      "fsync", [=] { return call(fd); }, kNothing);
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

}  // extern "C"
// NOLINTEND(readability-identifier-naming, readability-inconsistent-declaration-parameter-name)
