#include "images/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace rehost {
namespace {

constexpr int kListenerDescriptor = 3;
constexpr std::string_view kListenPid = "LISTEN_PID=";

// Messages go to memory: no pipe that fills up, no thread that empties it.
FileDescriptor memory_file(const char* name) {
  FileDescriptor file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) {
    throw Error(ErrorKind::environment,
                fmt::format("cannot make a memory file: {}", errno_text(errno)));
  }
  return file;
}

std::string whole_content(const FileDescriptor& file) {
  std::string text;
  std::array<char, 4096> buffer = {};
  while (true) {
    const ssize_t count =
        ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (count <= 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

// Everything the child needs between fork and exec, made before the fork: only async-signal-safe
// calls are allowed there, since other threads may hold the locks of malloc.
struct Preparation {
  std::vector<char*> arguments;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  std::array<char, 40> listen_pid = {};
  int output = -1;
  int error = -1;
  int null_input = -1;
  int listener = -1;
  int report = -1;
  pid_t parent = -1;
};

void write_decimal(char* where, pid_t value) {
  std::array<char, 20> digits = {};
  size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (count > 0) {
    *where++ = digits[--count];
  }
  *where = '\0';
}

[[noreturn]] void become_program(Preparation& child) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != child.parent) {
    ::_exit(127);  // the parent was gone before the line above
  }
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGQUIT}) {
    ::sigaction(number, &standard, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  bool ready = ::dup2(child.null_input, 0) == 0 && ::dup2(child.output, 1) == 1 &&
               ::dup2(child.error, 2) == 2;
  if (child.listener == kListenerDescriptor) {
    ready = ready && ::fcntl(child.listener, F_SETFD, 0) == 0;
  } else if (child.listener >= 0) {
    // Descriptor 3 may be the report pipe itself: move that out of the way.
    child.report = ::fcntl(child.report, F_DUPFD_CLOEXEC, 10);
    ready = ready && child.report >= 0 &&
            ::dup2(child.listener, kListenerDescriptor) == kListenerDescriptor;
  }
  if (child.listener >= 0) {
    write_decimal(child.listen_pid.data() + kListenPid.size(), ::getpid());
  }
  if (ready) {
    environ = child.environment.data();
    ::execvp(child.arguments[0], child.arguments.data());
  }
  const int error_number = errno;
  [[maybe_unused]] const ssize_t told = ::write(child.report, &error_number, sizeof(error_number));
  ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, FileDescriptor listener)
    : output_(memory_file("stdout")), error_(memory_file("stderr")) {
  Preparation child;
  for (const std::string& argument : arguments) {
    child.arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  child.arguments.push_back(nullptr);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    // Messages are read and shown by us: no translation. A socket activation of our own is not the
    // child's.
    if (!text.starts_with("LC_ALL=") && !text.starts_with("LISTEN_")) {
      child.environment_text.emplace_back(text);
    }
  }
  child.environment_text.emplace_back("LC_ALL=C");
  if (listener) {
    child.environment_text.emplace_back("LISTEN_FDS=1");
  }
  for (std::string& text : child.environment_text) {
    child.environment.push_back(text.data());
  }
  if (listener) {
    std::memcpy(child.listen_pid.data(), kListenPid.data(), kListenPid.size());
    child.environment.push_back(child.listen_pid.data());
  }
  child.environment.push_back(nullptr);

  const FileDescriptor null_input = open_file("/dev/null", O_RDONLY);
  std::array<int, 2> report = {-1, -1};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorKind::environment, fmt::format("cannot make a pipe: {}", errno_text(errno)));
  }
  const FileDescriptor report_read(report[0]);
  FileDescriptor report_write(report[1]);
  child.output = output_.get();
  child.error = error_.get();
  child.null_input = null_input.get();
  child.listener = listener.get();
  child.report = report_write.get();
  child.parent = ::getpid();

  pid_ = ::fork();
  if (pid_ == 0) {
    become_program(child);
  }
  if (pid_ < 0) {
    throw Error(ErrorKind::environment,
                fmt::format("cannot start {}: {}", arguments[0], errno_text(errno)));
  }
  ::setpgid(pid_, pid_);  // in both: whoever is first
  report_write.reset();
  int error_number = 0;
  ssize_t count = -1;
  do {
    count = ::read(report_read.get(), &error_number, sizeof(error_number));
  } while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(sizeof(error_number))) {
    wait();
    throw Error(ErrorKind::environment,
                fmt::format("cannot start {}: {}{}", arguments[0], errno_text(error_number),
                            error_number == ENOENT ? "; install the package that has it" : ""));
  }
}

ChildProcess::~ChildProcess() {
  stop();
}

void ChildProcess::reap(int wait_status) {
  ended_ = true;
  status_ = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

bool ChildProcess::running() {
  if (!ended_) {
    int wait_status = 0;
    if (::waitpid(pid_, &wait_status, WNOHANG) == pid_) {
      reap(wait_status);
    }
  }
  return !ended_;
}

int ChildProcess::wait() {
  while (!ended_) {
    int wait_status = 0;
    if (::waitpid(pid_, &wait_status, 0) == pid_) {
      reap(wait_status);
    } else if (errno != EINTR) {
      ended_ = true;  // somebody else has reaped it: nothing more can be known
      status_ = 127;
    }
  }
  return status_;
}

void ChildProcess::stop(std::chrono::milliseconds patience) {
  if (!running()) {
    return;
  }
  ::kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  auto pause = std::chrono::microseconds(200);
  while (running()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      ::kill(pid_, SIGKILL);
      wait();
      return;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(20000));
  }
}

std::string ChildProcess::standard_output() const {
  return whole_content(output_);
}
std::string ChildProcess::standard_error() const {
  return whole_content(error_);
}

CommandOutput run_command(const std::vector<std::string>& arguments) {
  ChildProcess child(arguments);
  const int status = child.wait();
  return {status, child.standard_output(), child.standard_error()};
}

}  // namespace rehost
