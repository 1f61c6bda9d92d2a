#include "converter/time_limits.h"

#include <fmt/format.h>

namespace rehost {

TimeLimits::TimeLimits(EventSink& next, JobTimeouts limits, std::function<void()> stop)
    : next_(next), limits_(std::move(limits)), stop_(std::move(stop)) {
  if (limits_.total) {
    whole_ = Deadline{
        Clock::now() + *limits_.total,
        fmt::format("the job took longer than the {} s of timeouts.total", limits_.total->count())};
  }
  thread_ = std::thread([this] { watch(); });
}

TimeLimits::~TimeLimits() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TimeLimits::on(const Event& event) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto* started = std::get_if<PhaseStarted>(&event)) {
      const auto limit = limits_.phases.find(started->phase);
      if (limit != limits_.phases.end()) {
        phase_ = Deadline{Clock::now() + limit->second,
                          fmt::format("the phase {0} took longer than the {1} s of "
                                      "timeouts.phases.{0}",
                                      started->phase, limit->second.count())};
        changed_.notify_all();
      }
    } else if (std::holds_alternative<PhaseFinished>(event)) {
      phase_.reset();
    } else if (std::holds_alternative<Finished>(event)) {
      whole_.reset();
      phase_.reset();
    }
  }
  next_.on(event);
}

std::string TimeLimits::expired() {
  const std::lock_guard lock(mutex_);
  return expired_;
}

std::optional<TimeLimits::Deadline> TimeLimits::next_deadline() const {
  if (whole_ && phase_) {
    return whole_->when < phase_->when ? whole_ : phase_;
  }
  return whole_ ? whole_ : phase_;
}

void TimeLimits::watch() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const std::optional<Deadline> next = next_deadline();
    if (!next) {
      changed_.wait(lock);
    } else if (Clock::now() < next->when) {
      changed_.wait_until(lock, next->when);
    } else {
      expired_ = next->sentence;
      lock.unlock();
      stop_();
      return;
    }
  }
}

}  // namespace rehost
