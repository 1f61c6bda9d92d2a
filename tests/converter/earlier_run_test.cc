#include "converter/earlier_run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "converter/job_lock.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

class EarlierRunTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(directory / "out");
    for (const char* name : {"disk0.raw", "out/disk0.raw", "out/disk0.manifest"}) {
      std::ofstream(directory / name) << name;
    }
    options.command = Command::convert;
    options.sources = {path("disk0.raw")};
    options.output = path("out");
    report.outcome = "done";
    report.exit_code = 0;
    report.job = ReportedJob{"web01", "test", "d", "image", {}, {}};
    report.job->sources = {{path("disk0.raw"), stamp_of(path("disk0.raw"))}};
    report.outputs = {{.path = path("out/disk0.raw"), .stamp = stamp_of(path("out/disk0.raw"))}};
  }

  std::string path(const std::string& name) const { return directory / name; }

  std::optional<EarlierRun> reread() const {
    write_report(report, path("report.json"));
    return read_earlier_run(path("report.json"));
  }

  const TemporaryDirectory directory;
  Options options;
  Report report;
};

TEST_F(EarlierRunTest, ReadsWhatTheReportSays) {
  const auto run = reread();
  ASSERT_TRUE(run);
  EXPECT_EQ(run->outcome, "done");
  EXPECT_EQ(run->digest, "d");
  EXPECT_TRUE(still_holds(*run, options));
}

TEST_F(EarlierRunTest, AChangedOrMissingFileEndsIt) {
  const auto run = reread();
  for (const char* name : {"disk0.raw", "out/disk0.raw"}) {
    const auto before = fs::last_write_time(path(name));
    fs::last_write_time(path(name), before + std::chrono::seconds(1));
    EXPECT_FALSE(still_holds(*run, options)) << name;
    fs::last_write_time(path(name), before);
    EXPECT_TRUE(still_holds(*run, options)) << name;
  }
  fs::remove(path("out/disk0.manifest"));
  EXPECT_FALSE(still_holds(*run, options));
}

TEST_F(EarlierRunTest, ASourceOrAResultThatIsNoFileHasPerhapsChanged) {
  const Report made_of_files = report;
  options.sources = {"/dev/null"};
  report.job->sources = {{"/dev/null", stamp_of("/dev/null")}};
  EXPECT_FALSE(still_holds(*reread(), options));
  options.sources = {"nbd://localhost/web01"};
  report.job->sources = {{"nbd://localhost/web01", std::nullopt}};
  EXPECT_FALSE(still_holds(*reread(), options));
  options.sources = {path("disk0.raw")};
  report = made_of_files;
  report.outputs[0].stamp.reset();
  EXPECT_FALSE(still_holds(*reread(), options));
}

TEST_F(EarlierRunTest, InPlaceTheResultIsTheSource) {
  report.job->sources[0].stamp->modified -= 1;  // the conversion has written to it
  options.output.clear();
  options.in_place = true;
  options.report = path("job.report.json");
  options.manifest_prefix = "job.";
  report.outputs = {{.path = path("disk0.raw"), .stamp = stamp_of(path("disk0.raw"))}};
  EXPECT_FALSE(still_holds(*reread(), options)) << "without its manifest";
  std::ofstream(path("job.disk0.manifest")) << "manifest";
  EXPECT_TRUE(still_holds(*reread(), options));
  fs::last_write_time(path("disk0.raw"),
                      fs::last_write_time(path("disk0.raw")) + std::chrono::seconds(1));
  EXPECT_FALSE(still_holds(*reread(), options));
}

TEST_F(EarlierRunTest, AnotherRehostsResultIsMadeAgain) {
  EarlierRun run = *reread();
  EXPECT_EQ(run.rehost, REHOST_VERSION);
  run.rehost = "0.0.1";
  EXPECT_FALSE(still_holds(run, options));
}

TEST_F(EarlierRunTest, OtherPathsAreAnotherRun) {
  const auto run = reread();
  options.sources = {path("out/disk0.raw")};
  EXPECT_FALSE(still_holds(*run, options));
}

TEST_F(EarlierRunTest, AReportWithoutAJobOrThatIsNoneSaysNothing) {
  report.job.reset();
  EXPECT_FALSE(reread());
  for (const char* text :
       {"", "{", "[]", "{\"outcome\":5}", "{\"outcome\":\"done\",\"job\":null}"}) {
    std::ofstream(path("report.json")) << text;
    EXPECT_FALSE(read_earlier_run(path("report.json"))) << text;
  }
  EXPECT_FALSE(read_earlier_run(path("absent.json")));
}

TEST_F(EarlierRunTest, ARunningReportIsOne) {
  report.outcome = kRunning;
  EXPECT_EQ(reread()->outcome, kRunning);
}

TEST_F(EarlierRunTest, OnlyReportsOfRefusalsAreNotWorthKeeping) {
  reread();
  EXPECT_TRUE(is_worth_keeping(path("report.json")));
  report.outcome = "usage";
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
