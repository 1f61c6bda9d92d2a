#include "converter/signals.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

#include "converter/core/error.h"

namespace rehost {
namespace {

// The handler only tells the thread. Signals are handled, never blocked: a blocked SIGTERM would be
// inherited by qemu, which libguestfs ends with just that signal.
int wake_up_pipe[2] = {-1, -1};  // NOLINT(readability-identifier-naming)

void tell_thread(int number) {
  const auto byte = static_cast<unsigned char>(number);
  [[maybe_unused]] const ssize_t written = write(wake_up_pipe[1], &byte, 1);
}

std::string command_name(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/comm");
  std::string name;
  std::getline(in, name);
  return name;
}

// libguestfs holds a lock on its handle while a call runs, and a launch under emulation runs for
// many seconds: the way to end it is to take away its machine. Only our own children are looked at.
void kill_appliance() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) {
    return;
  }
  while (const dirent* task = readdir(tasks)) {
    std::ifstream children("/proc/self/task/" + std::string(task->d_name) + "/children");
    std::string pid;
    while (children >> pid) {
      const std::string name = command_name(pid);
      if (name.starts_with("qemu-system") || name == "supermin") {
        kill(std::atoi(pid.c_str()), SIGKILL);  // NOLINT: the kernel's own number
      }
    }
  }
  closedir(tasks);
}

}  // namespace

SignalWatch::SignalWatch() {
  if (pipe2(wake_up_pipe, O_CLOEXEC) != 0) {
    throw Error(ErrorKind::environment, "cannot watch for signals: " + errno_text(errno));
  }
  struct sigaction action = {};
  action.sa_handler = tell_thread;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    sigaction(number, &action, nullptr);
  }
  signal(SIGPIPE, SIG_IGN);  // NOLINT: a reader of events that goes away is an error of write(2)
  thread_ = std::jthread([this] { wait(); });
}

SignalWatch::~SignalWatch() {
  tell_thread(0);
  thread_.join();
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    signal(number, SIG_DFL);  // NOLINT
  }
  close(wake_up_pipe[0]);
  close(wake_up_pipe[1]);
}

void SignalWatch::wait() {
  while (true) {
    unsigned char number = 0;
    const ssize_t got = read(wake_up_pipe[0], &number, 1);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0 || number == 0) {
      return;
    }
    if (stop_.stop_requested()) {
      _exit(128 + number);
    }
    stop_.request_stop();
    kill_appliance();
  }
}

}  // namespace rehost
