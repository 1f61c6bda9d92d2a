#include "converter/earlier_run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "converter/job_lock.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

class EarlierRunTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) / "earlier-run";
    fs::remove_all(directory_);
    fs::create_directories(directory_ / "out");
    for (const char* name : {"disk0.raw", "out/disk0.raw", "out/disk0.manifest"}) {
      std::ofstream(directory_ / name) << name;
    }
    options_.command = Command::convert;
    options_.sources = {path("disk0.raw")};
    options_.output = path("out");
    report_.outcome = "done";
    report_.exit_code = 0;
    report_.job = ReportedJob{"web01", "test", "d", "image", {}, {}};
    report_.job->sources = {{path("disk0.raw"), stamp_of(path("disk0.raw"))}};
    report_.outputs = {{.path = path("out/disk0.raw"), .stamp = stamp_of(path("out/disk0.raw"))}};
  }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  std::optional<EarlierRun> reread() const {
    write_report(report_, path("report.json"));
    return read_earlier_run(path("report.json"));
  }

  fs::path directory_;
  Options options_;
  Report report_;
};

TEST_F(EarlierRunTest, ReadsWhatTheReportSays) {
  const auto run = reread();
  ASSERT_TRUE(run);
  EXPECT_EQ(run->outcome, "done");
  EXPECT_EQ(run->digest, "d");
  EXPECT_TRUE(still_holds(*run, options_));
}

TEST_F(EarlierRunTest, AChangedOrMissingFileEndsIt) {
  const auto run = reread();
  for (const char* name : {"disk0.raw", "out/disk0.raw"}) {
    const auto before = fs::last_write_time(path(name));
    fs::last_write_time(path(name), before + std::chrono::seconds(1));
    EXPECT_FALSE(still_holds(*run, options_)) << name;
    fs::last_write_time(path(name), before);
    EXPECT_TRUE(still_holds(*run, options_)) << name;
  }
  fs::remove(path("out/disk0.manifest"));
  EXPECT_FALSE(still_holds(*run, options_));
}

TEST_F(EarlierRunTest, OtherPathsAreAnotherRun) {
  const auto run = reread();
  options_.sources = {path("out/disk0.raw")};
  EXPECT_FALSE(still_holds(*run, options_));
}

TEST_F(EarlierRunTest, AReportWithoutAJobOrThatIsNoneSaysNothing) {
  report_.job.reset();
  EXPECT_FALSE(reread());
  for (const char* text :
       {"", "{", "[]", "{\"outcome\":5}", "{\"outcome\":\"done\",\"job\":null}"}) {
    std::ofstream(path("report.json")) << text;
    EXPECT_FALSE(read_earlier_run(path("report.json"))) << text;
  }
  EXPECT_FALSE(read_earlier_run(path("absent.json")));
}

TEST_F(EarlierRunTest, ARunningReportIsOne) {
  report_.outcome = kRunning;
  EXPECT_EQ(reread()->outcome, kRunning);
}

TEST_F(EarlierRunTest, OnlyReportsOfRefusalsAreNotWorthKeeping) {
  reread();
  EXPECT_TRUE(is_worth_keeping(path("report.json")));
  report_.outcome = "usage";
  reread();
  EXPECT_FALSE(is_worth_keeping(path("report.json")));
  EXPECT_FALSE(is_worth_keeping(path("absent.json")));
  EXPECT_TRUE(is_worth_keeping(path("disk0.raw"))) << "it is no report of ours to write over";
}

TEST_F(EarlierRunTest, AJobHasOneWorker) {
  {
    const JobLock lock(path("job.report.json"));
    EXPECT_THROW(JobLock(path("job.report.json")), Error);
    EXPECT_NO_THROW(JobLock(path("other.report.json")));
  }
  EXPECT_NO_THROW(JobLock(path("job.report.json")));
  EXPECT_FALSE(fs::exists(path("job.report.json.lock")));
}

}  // namespace
}  // namespace rehost
