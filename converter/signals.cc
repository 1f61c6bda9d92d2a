#include "converter/signals.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

#include "converter/core/error.h"
#include "images/nbd.h"

namespace rehost {
namespace {

// The handler only tells the thread. Signals are handled, never blocked: a blocked SIGTERM would be
// inherited by qemu, which libguestfs ends with just that signal.
int wake_up_pipe[2] = {-1, -1};  // NOLINT(readability-identifier-naming)

constexpr int kStop = 255;  // no signal has this number

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
  let_nbd_obey(stop_.get_token());
  thread_ = std::jthread([this] { wait(); });
}

SignalWatch::~SignalWatch() {
  tell_thread(0);
  thread_.join();
  let_nbd_obey({});
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    signal(number, SIG_DFL);  // NOLINT
  }
  close(wake_up_pipe[0]);
  close(wake_up_pipe[1]);
}

void SignalWatch::stop() {
  tell_thread(kStop);
}

// The byte that the handler wrote; nullopt after `milliseconds` without one (-1: waits).
std::optional<unsigned char> SignalWatch::next_signal(int milliseconds) {
  while (true) {
    pollfd ready{.fd = wake_up_pipe[0], .events = POLLIN, .revents = 0};
    const int count = poll(&ready, 1, milliseconds);
    if (count == 0) {
      return std::nullopt;
    }
    unsigned char number = 0;
    if (count > 0 && read(wake_up_pipe[0], &number, 1) == 1) {
      return number;
    }
    if (errno != EINTR) {
      return 0;
    }
  }
}

void SignalWatch::wait() {
  // An appliance that is started just after the signal must go, too: while stopping, look again and
  // again.
  constexpr int kLookAgain = 200;
  constexpr auto kSameRequest = std::chrono::seconds(1);
  std::optional<std::chrono::steady_clock::time_point> first;
  while (true) {
    const std::optional<unsigned char> number =
        next_signal(stop_.stop_requested() ? kLookAgain : -1);
    if (number == 0) {
      return;
    }
    if (number && *number != kStop) {
      const auto now = std::chrono::steady_clock::now();
      if (first && now - *first > kSameRequest) {
        _exit(128 + *number);
      }
      first = first.value_or(now);
      signalled_ = true;
    }
    stop_.request_stop();
    kill_appliance();
  }
}

}  // namespace rehost
