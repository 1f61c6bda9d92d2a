#include "converter/heartbeat_events.h"

#include <gtest/gtest.h>

#include <vector>

namespace rehost {
namespace {

using namespace std::chrono_literals;

// What has arrived, and a way to wait for more of it.
class Arrived : public EventSink {
 public:
  void on(const Event& event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
  }
  template <typename T>
  bool wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return count_of<T>() >= count; });
  }
  std::vector<Event> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  template <typename T>
  size_t count_of() const {
    size_t count = 0;
    for (const Event& event : events_) {
      count += std::holds_alternative<T>(event) ? 1 : 0;
    }
    return count;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
};

TEST(HeartbeatEvents, ASilentPhaseBeats) {
  Arrived arrived;
  HeartbeatEvents events(arrived, 5ms);
  events.on(PhaseStarted{"launch"});
  ASSERT_TRUE(arrived.wait_for<Heartbeat>(2));
  const std::vector<Event> all = arrived.events();
  EXPECT_EQ(std::get<Heartbeat>(all[1]).phase, "launch");
  EXPECT_GE(std::get<Heartbeat>(all[1]).seconds, 0.005);
  EXPECT_GT(std::get<Heartbeat>(all[2]).seconds, std::get<Heartbeat>(all[1]).seconds);
}

TEST(HeartbeatEvents, BetweenPhasesThereIsSilence) {
  Arrived arrived;
  HeartbeatEvents events(arrived, 1ms);
  events.on(PhaseStarted{"open"});
  events.on(PhaseFinished{"open", 0});
  const size_t before = arrived.events().size();
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(arrived.events().size(), before);
}

TEST(HeartbeatEvents, NothingFollowsTheLastEvent) {
  Arrived arrived;
  HeartbeatEvents events(arrived, 1ms);
  events.on(PhaseStarted{"launch"});
  events.on(Finished{"cancelled", 9, "stopped"});
  events.on(WarningRaised{{"late", "s", "t"}});
  std::this_thread::sleep_for(30ms);
  EXPECT_TRUE(std::holds_alternative<Finished>(arrived.events().back()));
}

TEST(HeartbeatEvents, ALongSilenceDoesNotHoldUpTheEnd) {
  Arrived arrived;
  HeartbeatEvents events(arrived, std::chrono::hours(1));
  events.on(PhaseStarted{"launch"});
}

}  // namespace
}  // namespace rehost
