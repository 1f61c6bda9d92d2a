// Between the run and whoever listens: events come one at a time, a phase that is silent has a
// heartbeat, and nothing follows the last event.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "converter/core/event.h"

namespace rehost {

class HeartbeatEvents : public EventSink {
 public:
  using Clock = std::chrono::steady_clock;

  // `next` must outlive it, and gets events from two threads, never at the same time.
  HeartbeatEvents(EventSink& next, std::chrono::milliseconds silence);
  ~HeartbeatEvents() override;
  HeartbeatEvents(const HeartbeatEvents&) = delete;
  HeartbeatEvents& operator=(const HeartbeatEvents&) = delete;

  void on(const Event& event) override;

 private:
  void beat();

  EventSink& next_;
  const std::chrono::milliseconds silence_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string phase_;  // empty: none is running
  Clock::time_point began_;
  Clock::time_point last_;
  bool finished_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace rehost
