#include "converter/time_limits.h"

#include <gtest/gtest.h>

#include <future>

namespace rehost {
namespace {

using namespace std::chrono_literals;

struct Nowhere : public EventSink {
  void on(const Event& /*event*/) override { ++count; }
  int count = 0;
};

JobTimeouts phase_limit(const std::string& phase, std::chrono::seconds limit) {
  JobTimeouts limits;
  limits.phases[phase] = limit;
  return limits;
}

TEST(TimeLimits, AskARunToStopThatTakesTooLong) {
  Nowhere nowhere;
  std::promise<void> stopped;
  JobTimeouts limits;
  limits.total = 0s;
  TimeLimits timed(nowhere, limits, [&] { stopped.set_value(); });
  ASSERT_EQ(stopped.get_future().wait_for(60s), std::future_status::ready);
  EXPECT_EQ(timed.expired(), "the job took longer than the 0 s of timeouts.total");
}

TEST(TimeLimits, AreOfOnePhase) {
  Nowhere nowhere;
  std::promise<void> stopped;
  TimeLimits timed(nowhere, phase_limit("launch", 0s), [&] { stopped.set_value(); });
  timed.on(PhaseStarted{"open"});
  timed.on(PhaseFinished{"open", 0});
  EXPECT_EQ(timed.expired(), "");
  timed.on(PhaseStarted{"launch"});
  ASSERT_EQ(stopped.get_future().wait_for(60s), std::future_status::ready);
  EXPECT_EQ(timed.expired(), "the phase launch took longer than the 0 s of timeouts.phases.launch");
  EXPECT_EQ(nowhere.count, 3) << "events go on to the next";
}

TEST(TimeLimits, EndWithTheirPhase) {
  Nowhere nowhere;
  TimeLimits timed(nowhere, phase_limit("launch", 3600s), [] { FAIL(); });
  timed.on(PhaseStarted{"launch"});
  timed.on(PhaseFinished{"launch", 1});
  EXPECT_EQ(timed.expired(), "");
}

TEST(TimeLimits, WithoutAnyThereIsNothingToExpire) {
  Nowhere nowhere;
  TimeLimits timed(nowhere, {}, [] { FAIL(); });
  timed.on(PhaseStarted{"launch"});
  timed.on(Finished{});
  EXPECT_EQ(timed.expired(), "");
}

}  // namespace
}  // namespace rehost
