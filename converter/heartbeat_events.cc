#include "converter/heartbeat_events.h"

namespace rehost {

HeartbeatEvents::HeartbeatEvents(EventSink& next, std::chrono::milliseconds silence)
    : next_(next), silence_(silence), thread_([this] { beat(); }) {}

HeartbeatEvents::~HeartbeatEvents() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void HeartbeatEvents::on(const Event& event) {
  const std::lock_guard lock(mutex_);
  if (finished_) {
    return;
  }
  last_ = Clock::now();
  if (const auto* started = std::get_if<PhaseStarted>(&event)) {
    phase_ = started->phase;
    began_ = last_;
    changed_.notify_all();
  } else if (std::holds_alternative<PhaseFinished>(event)) {
    phase_.clear();
  }
  finished_ = std::holds_alternative<Finished>(event);
  next_.on(event);
}

void HeartbeatEvents::beat() {
  std::unique_lock lock(mutex_);
  while (!ending_ && !finished_) {
    if (phase_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point due = last_ + silence_;
    if (Clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    last_ = Clock::now();
    next_.on(Heartbeat{phase_, std::chrono::duration<double>(last_ - began_).count()});
  }
}

}  // namespace rehost
