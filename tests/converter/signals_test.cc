#include "converter/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace rehost {
namespace {

template <typename Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 6000 && !condition(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return condition();
}

TEST(SignalWatch, AFirstSignalAsksTheRunToStop) {
  const SignalWatch signals;
  EXPECT_FALSE(signals.token().stop_requested());
  raise(SIGTERM);
  EXPECT_TRUE(soon([&] { return signals.token().stop_requested(); }));
  EXPECT_TRUE(signals.signalled());
}

TEST(SignalWatch, AfterAnotherReasonToStopASignalIsTheFirst) {
  SignalWatch signals;
  signals.stop();
  ASSERT_TRUE(soon([&] { return signals.token().stop_requested(); }));
  EXPECT_FALSE(signals.signalled());
  raise(SIGTERM);
  EXPECT_TRUE(soon([&] { return signals.signalled(); })) << "and this process is still there";
}

// Slurm signals every process of a step, and the shell that started rehost passes its own on.
TEST(SignalWatch, TwoSignalsAtOnceAreOneRequest) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        const SignalWatch signals;
        raise(SIGTERM);
        soon([&] { return signals.signalled(); });
        raise(SIGTERM);
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        _exit(signals.token().stop_requested() ? 9 : 1);
      },
      testing::ExitedWithCode(9), "");
}

TEST(SignalWatch, ALaterSignalEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        const SignalWatch signals;
        raise(SIGTERM);
        soon([&] { return signals.signalled(); });
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        raise(SIGTERM);
        std::this_thread::sleep_for(std::chrono::seconds(60));
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

}  // namespace
}  // namespace rehost
