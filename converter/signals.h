// SIGINT and SIGTERM: a thread waits for them, asks the run to stop, and takes the appliance away
// so that no call into it goes on waiting. A second signal ends the process at once, unless it
// comes in the same second: a batch system that signals every process of a task, and a wrapper that
// passes its own signal on, mean one request and not two.
#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <thread>

namespace rehost {

class SignalWatch {
 public:
  // One for a process. Throws Error(environment) without a descriptor to spare.
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  // What a first signal does, for other reasons to stop; a signal that comes later is the first
  // all the same.
  void stop();
  // Has there been one?
  bool signalled() const { return signalled_; }

 private:
  void wait();
  std::optional<unsigned char> next_signal(int milliseconds);

  std::stop_source stop_;
  std::atomic<bool> signalled_ = false;
  std::jthread thread_;
};

}  // namespace rehost
