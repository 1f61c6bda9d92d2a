// A program we start: no shell, its messages kept, and gone when we are gone.
//
// The child has its own process group, so that ctrl-C on the terminal reaches rehost alone, which
// then ends its children in the right order. It dies by SIGKILL when the thread that started it
// ends for whatever reason, kill -9 included: start children from a thread that outlives them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "images/posix_file.h"

namespace rehost {

class ChildProcess {
 public:
  // `arguments[0]` is looked up in PATH. A `listener` is handed over as systemd's socket activation
  // does it: descriptor 3, LISTEN_FDS=1, LISTEN_PID. Throws Error(environment) when the program
  // cannot be started.
  explicit ChildProcess(const std::vector<std::string>& arguments, FileDescriptor listener = {});
  ~ChildProcess();  // stop()
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  // Waits for the end; the exit status, or 128 + signal.
  int wait();
  // SIGTERM, a moment of patience, SIGKILL. Harmless when it has ended already.
  void stop(std::chrono::milliseconds patience = std::chrono::seconds(10));

  // What it has written so far.
  std::string standard_output() const;
  std::string standard_error() const;

 private:
  void reap(int wait_status);

  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
  FileDescriptor output_;
  FileDescriptor error_;
};

struct CommandOutput {
  int status = 0;
  std::string output;
  std::string error;
};

// Starts a program and waits for its end. A status other than 0 is the caller's to judge.
CommandOutput run_command(const std::vector<std::string>& arguments);

}  // namespace rehost
