#include "converter/job_documents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

Report converted() {
  Report report;
  report.command = "run";
  report.outcome = "done";
  report.exit_code = 0;
  report.inspection = Inspection{};
  report.inspection->architecture = "x86_64";
  report.inspection->volumes = {{"disk0", "web01.raw", "raw", 1u << 30}};
  report.outputs = {{.path = "out/web01.raw", .size = 1u << 30}};
  return report;
}

JobFacts job_with_blueprint() {
  return {.id = "web01",
          .mode = "test",
          .launch = {.target = {}, .blueprint = Blueprint{.instance_type = "m7i.large"}}};
}

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

TEST(JobDocuments, LieBesideTheReport) {
  const TemporaryDirectory directory;
  write_job_documents(job_with_blueprint(), converted(), directory.path() / "report.json");
  EXPECT_EQ(names_in(directory.path()),
            (std::set<std::string>{"register-image.json", "report.html", "run-instances.json"}));
}

TEST(JobDocuments, HaveTheNameOfAReportThatHasAnother) {
  const TemporaryDirectory directory;
  write_job_documents(job_with_blueprint(), converted(), directory.path() / "web01.report.json");
  EXPECT_EQ(names_in(directory.path()),
            (std::set<std::string>{"web01.register-image.json", "web01.report.html",
                                   "web01.run-instances.json"}));
}

TEST(JobDocuments, ThePageNamesTheFilesAsTheyAreCalled) {
  const TemporaryDirectory directory;
  const fs::path report_path = directory.path() / "web01.json";
  write_job_documents(job_with_blueprint(), converted(), report_path);
  std::ifstream in(document_paths(report_path).html);
  const std::string html(std::istreambuf_iterator<char>(in), {});
  EXPECT_NE(html.find("file://web01.register-image.json"), std::string::npos);
  EXPECT_NE(html.find("file://web01.run-instances.json"), std::string::npos);
}

TEST(JobDocuments, AreNotWrittenThroughALink) {
  const TemporaryDirectory directory;
  const fs::path precious = directory.path() / "precious";
  std::ofstream(precious) << "precious";
  fs::create_directory(directory.path() / "out");
  fs::create_symlink(precious, directory.path() / "out/report.html.partial");
  write_job_documents({.id = "web01"}, converted(), directory.path() / "out/report.json");
  EXPECT_EQ(fs::file_size(precious), 8U);
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(directory.path() / "out/report.html")));
}

TEST(JobDocuments, WithoutABlueprintNothingIsLaunched) {
  const TemporaryDirectory directory;
  write_job_documents({.id = "web01"}, converted(), directory.path() / "report.json");
  EXPECT_EQ(names_in(directory.path()),
            (std::set<std::string>{"register-image.json", "report.html"}));
}

TEST(JobDocuments, AFailedRunTakesThoseOfAnEarlierOneAway) {
  const TemporaryDirectory directory;
  const fs::path report_path = directory.path() / "report.json";
  write_job_documents(job_with_blueprint(), converted(), report_path);
  Report failed = converted();
  failed.outcome = "verification";
  failed.exit_code = 8;
  write_job_documents(job_with_blueprint(), failed, report_path);
  EXPECT_EQ(names_in(directory.path()), (std::set<std::string>{"report.html"}));
}

TEST(JobDocuments, AReportThatKnowsNothingIsWrittenToo) {
  const TemporaryDirectory directory;
  Report nothing;
  nothing.command = "run";
  nothing.error = "no such disk";
  write_job_documents({}, nothing, directory.path() / "report.json");
  EXPECT_EQ(names_in(directory.path()), (std::set<std::string>{"report.html"}));
}

TEST(JobDocuments, SayWhichFileCannotBeWritten) {
  const TemporaryDirectory directory;
  EXPECT_ERROR(ErrorKind::environment, "register-image.json",
               write_job_documents(job_with_blueprint(), converted(),
                                   directory.path() / "none" / "report.json"));
  fs::create_directories(directory.path() / "report.html" / "in-the-way");
  EXPECT_ERROR(ErrorKind::environment, "report.html",
               write_job_documents({.id = "web01"}, converted(), directory.path() / "report.json"));
  EXPECT_EQ(names_in(directory.path()).count("report.html.partial"), 0U);
}

}  // namespace
}  // namespace rehost
