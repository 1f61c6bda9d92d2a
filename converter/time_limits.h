// The timeouts of a job: for each phase, each time it runs, and for the whole. The run is asked to
// stop as a signal asks it, and ends as soon.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "converter/core/event.h"
#include "converter/job.h"

namespace rehost {

class TimeLimits : public EventSink {
 public:
  using Clock = std::chrono::steady_clock;

  // The whole begins now. `next` must outlive it; `stop` is called once, from another thread.
  TimeLimits(EventSink& next, JobTimeouts limits, std::function<void()> stop);
  ~TimeLimits() override;
  TimeLimits(const TimeLimits&) = delete;
  TimeLimits& operator=(const TimeLimits&) = delete;

  void on(const Event& event) override;

  // What took too long, as a sentence; empty: nothing did.
  std::string expired();

 private:
  struct Deadline {
    Clock::time_point when;
    std::string sentence;
  };
  std::optional<Deadline> next_deadline() const;
  void watch();

  EventSink& next_;
  const JobTimeouts limits_;
  const std::function<void()> stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Deadline> whole_;
  std::optional<Deadline> phase_;
  std::string expired_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace rehost
