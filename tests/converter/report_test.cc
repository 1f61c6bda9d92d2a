#include "converter/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rehost {
namespace {

nlohmann::json json_of(const Report& report) {
  return nlohmann::json::parse(report_json(report));
}

TEST(Report, NamesTheQuestionsThatTheResultFails) {
  Report report;
  report.outcome = "verification";
  report.check_before = {{"nvme", "", Verdict::no, true, ""}};
  EXPECT_EQ(json_of(report)["failed_questions"], nlohmann::json::array({"nvme"}));
  report.check_after = {{"nvme", "", Verdict::yes, true, ""},
                        {"ena", "", Verdict::no, true, ""},
                        {"console", "", Verdict::no, false, ""}};
  EXPECT_EQ(json_of(report)["failed_questions"], nlohmann::json::array({"ena"}));
  report.outcome = "done";
  EXPECT_TRUE(json_of(report)["failed_questions"].empty());
}

TEST(Report, AddsUpBytes) {
  Report report;
  report.outputs = {{.path = "a", .bytes_written = 3, .bytes_changed = 1},
                    {.path = "b", .bytes_written = 4, .bytes_changed = 2}};
  report.bytes_read = 9;
  EXPECT_EQ(json_of(report)["bytes"],
            (nlohmann::json{{"read", 9}, {"changed", 3}, {"written", 7}}));
}

TEST(Report, OfARunUnderWayHasNoExitStatus) {
  Report report;
  report.outcome = kRunning;
  EXPECT_TRUE(json_of(report)["exit_code"].is_null());
  EXPECT_EQ(json_of(report)["retryable"], true);
}

TEST(Report, PassesTheJobOn) {
  Report report;
  report.job = ReportedJob{"web01", "test", "d", "image", {}, {}};
  report.job->labels = {{"project", "blue"}};
  const nlohmann::json job = json_of(report)["job"];
  EXPECT_EQ(job["id"], "web01");
  EXPECT_EQ(job["labels"]["project"], "blue");
}

}  // namespace
}  // namespace rehost
