#include "converter/launch_tries.h"

#include <gtest/gtest.h>

#include "converter/core/error.h"

namespace rehost {
namespace {

constexpr char kOwn[] = "/usr/local/lib/rehost/appliance";

// A worker on which only some launches succeed.
struct Worker {
  bool kvm_runs = false;
  bool own_runs = true;
  bool stock_runs = true;
  std::vector<std::string> tried = {};
  std::vector<Warning> warnings = {};

  std::optional<std::string> operator()(const LaunchTry& next) {
    const bool own = !next.appliance.empty();
    const bool emulated = next.acceleration == Acceleration::emulation;
    tried.push_back(std::string(own ? "own" : "stock") + (emulated ? " emulated" : ""));
    if (!emulated && !kvm_runs) {
      return "qemu was killed by signal 6";
    }
    if (!(own ? own_runs : stock_runs)) {
      return own ? "the own one is broken" : "there is no kernel";
    }
    return std::nullopt;
  }
};

struct WarningsHeard : EventSink {
  explicit WarningsHeard(Worker& w) : worker(w) {}
  Worker& worker;
  void on(const Event& event) override {
    worker.warnings.push_back(std::get<WarningRaised>(event).warning);
  }
};

void launch_on(Worker& worker, const Appliance& appliance, const KvmOutlook& kvm = {},
               const std::stop_token& stop = {}) {
  WarningsHeard events(worker);
  launch_what_runs(
      appliance, kvm, [&](const LaunchTry& next) { return worker(next); }, events, stop);
}

using Tried = std::vector<std::string>;

TEST(LaunchTries, WithKvmOneLaunchIsAll) {
  Worker worker{.kvm_runs = true};
  launch_on(worker, {kOwn, false});
  EXPECT_EQ(worker.tried, Tried{"own"});
  EXPECT_TRUE(worker.warnings.empty());
}

TEST(LaunchTries, KvmThatAbortsIsDoneWithoutAndToldOnce) {
  Worker worker;
  launch_on(worker, {kOwn, false});
  EXPECT_EQ(worker.tried, (Tried{"own", "own emulated"}));
  ASSERT_EQ(worker.warnings.size(), 1U);
  EXPECT_EQ(worker.warnings[0].code, kKvmUnavailable);
}

TEST(LaunchTries, KvmThatCannotBeOpenedIsNotTried) {
  Worker worker;
  launch_on(worker, {"", false}, {.unusable = "Permission denied"});
  EXPECT_EQ(worker.tried, Tried{"stock emulated"});
  ASSERT_EQ(worker.warnings.size(), 1U);
  EXPECT_NE(worker.warnings[0].sentence.find("Permission denied"), std::string::npos);
}

TEST(LaunchTries, EmulationThatWasAskedForIsNoWarning) {
  Worker worker;
  launch_on(worker, {kOwn, false}, {.asked_for_emulation = true, .unusable = "No such file"});
  EXPECT_EQ(worker.tried, Tried{"own emulated"});
  EXPECT_TRUE(worker.warnings.empty());
}

TEST(LaunchTries, OneFoundByItselfGivesWayToTheStockOne) {
  Worker worker{.kvm_runs = true, .own_runs = false};
  launch_on(worker, {kOwn, false});
  EXPECT_EQ(worker.tried, (Tried{"own", "own emulated", "stock"}));
  ASSERT_EQ(worker.warnings.size(), 1U);
  EXPECT_EQ(worker.warnings[0].code, kApplianceBroken);
  EXPECT_EQ(worker.warnings[0].subject, kOwn);
  EXPECT_NE(worker.warnings[0].sentence.find("the own one is broken"), std::string::npos);
}

TEST(LaunchTries, BothTroublesAreTold) {
  Worker worker{.own_runs = false};
  launch_on(worker, {kOwn, false});
  EXPECT_EQ(worker.tried, (Tried{"own", "own emulated", "stock", "stock emulated"}));
  ASSERT_EQ(worker.warnings.size(), 2U);
  EXPECT_EQ(worker.warnings[0].code, kKvmUnavailable);
  EXPECT_EQ(worker.warnings[1].code, kApplianceBroken);
}

TEST(LaunchTries, ANamedOneThatDoesNotRunIsAnError) {
  Worker worker{.own_runs = false};
  try {
    launch_on(worker, {kOwn, true});
    FAIL() << "nothing runs";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::environment);
    EXPECT_NE(std::string(error.what()).find(kOwn), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("the own one is broken"), std::string::npos);
  }
  EXPECT_EQ(worker.tried, (Tried{"own", "own emulated"}));
}

TEST(LaunchTries, WhenNothingRunsTheLastReasonIsTold) {
  Worker worker{.own_runs = false, .stock_runs = false};
  try {
    launch_on(worker, {kOwn, false});
    FAIL() << "nothing runs";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::environment);
    EXPECT_NE(std::string(error.what()).find("there is no kernel"), std::string::npos);
  }
  EXPECT_TRUE(worker.warnings.empty());
}

TEST(LaunchTries, AStoppedRunTriesNothingElse) {
  Worker worker;
  std::stop_source stop;
  stop.request_stop();
  try {
    launch_on(worker, {kOwn, false}, {}, stop.get_token());
    FAIL() << "it was stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::cancelled);
  }
  EXPECT_EQ(worker.tried.size(), 1U);
}

}  // namespace
}  // namespace rehost
