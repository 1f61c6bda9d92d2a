#include "converter/html_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "converter/diff.h"
#include "converter/fixes.h"
#include "converter/inspect.h"
#include "converter/plan.h"
#include "converter/planned_guest.h"
#include "tests/converter/fixture_guests.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

// Tries to become markup, a resource, another line, another direction.
const std::string kEvil =
    "<img src=\"http://evil.example/x.png\" onerror=\"document.title='owned'\"><script>document."
    "title='owned'</script></pre></style><style>body{display:none}</"
    "style>'\"&amp;&#60;b&#62;\x1b[2J"
    "\xff\xc0\xbc\u202egnp.exe" +
    std::string(1, '\0') + "]]>--></details></main><h2 id=\"injected\">injected</h2>";

JobFacts job_of(const std::string& id) {
  Blueprint blueprint{.instance_type = "m7i.large", .initial_state = InitialState::stopped};
  blueprint.disks = {{.volume = 0, .type = "gp3", .iops = 4000, .throughput = 500}};
  return {.id = id, .mode = "test", .launch = {.target = {}, .blueprint = blueprint}};
}

// A whole conversion of a fixture guest, without its disks.
Report converted(std::string_view name) {
  const auto row = std::find_if(fixture_guests().begin(), fixture_guests().end(),
                                [&](const FixtureGuest& fixture) { return fixture.name == name; });
  LoadedFixture fixture = load_fixture(*row);
  Report report;
  report.command = "run";
  report.outcome = "done";
  report.exit_code = 0;
  for (Volume& volume : fixture.inspection.volumes) {
    volume.size = uint64_t{20} << 30;
    volume.path = "/srv/replicas/web01/" + volume.id + ".raw";
    report.outputs.push_back({.path = "/srv/converted/web01/" + volume.id + ".raw",
                              .size = volume.size,
                              .bytes_written = uint64_t{3} << 30,
                              .bytes_changed = uint64_t{8} << 20,
                              .manifest_root = "4be8f3a1c2d5967788990a1b2c3d4e5f"});
  }
  report.check_before = check_guest(fixture.guest, fixture.inspection, Target{});
  const ConversionPlan plan = make_plan(fixture.guest, fixture.inspection, Target{}, all_fixes());
  PlannedGuest before(fixture.guest);
  for (const Edit& edit : plan.edits) {
    report.edits.push_back({edit.fix, edit.reason, summary(edit), describe_change(before, edit)});
    before.pretend(edit);
  }
  report.warnings = plan.warnings;
  apply_plan(fixture.guest, plan, {}, nullptr);
  report.inspection = inspect_again(fixture.guest, fixture.inspection);
  report.check_after = check_guest(fixture.guest, *report.inspection, Target{});
  report.phases = {{"open", 0.4},  {"launch", 18.7}, {"inspect", 3.3},
                   {"check", 0.4}, {"plan", 0.4},    {"apply", 1.7},
                   {"check", 0.4}, {"close", 1.1},   {"image", 0.6}};
  return report;
}

// Every text of it that a guest or a job may choose.
Report hostile() {
  Report report;
  report.command = "run";
  report.outcome = "verification";
  report.exit_code = 8;
  report.error = kEvil;
  Inspection found;
  found.os.pretty_name = kEvil;
  found.architecture = "x86_64";
  found.volumes = {{kEvil, kEvil, kEvil, 20u << 20}};
  found.disks = {{0, DeviceName("/dev/sda"), kEvil, true}};
  found.filesystems = {{.device = DeviceName(kEvil),
                        .type = kEvil,
                        .uuid = kEvil,
                        .label = kEvil,
                        .partuuid = "",
                        .volume = 0,
                        .size = 1u << 20},
                       {.device = DeviceName(kEvil),
                        .type = kEvil,
                        .uuid = std::string(5000, 'u'),
                        .label = kEvil,
                        .partuuid = "",
                        .volume = std::nullopt}};
  found.arrays = {{.device = DeviceName(kEvil),
                   .uuid = "",
                   .name = "",
                   .level = kEvil,
                   .members = {},
                   .names = {}}};
  found.mounts = {{GuestPath("/" + kEvil), DeviceName(kEvil)}};
  found.kernels = {{.release = kEvil,
                    .modules_directory = GuestPath("/"),
                    .vmlinuz = std::nullopt,
                    .initramfs = GuestPath("/" + kEvil),
                    .lacking_drivers = {kEvil},
                    .is_default = true,
                    .io_timeout_argument = ""}};
  report.inspection = found;
  std::string diff =
      "--- a/" + kEvil + "\n+++ b/" + kEvil + "\n@@ -1 +1,9000 @@ " + kEvil + "\n-" + kEvil + "\n";
  for (int i = 0; i < 9000; ++i) {
    diff += "+" + kEvil + "\n";
  }
  report.edits = {
      {kEvil, kEvil, kEvil, diff},
      {"fstab", kEvil, "write /etc/fstab", "@@ -1 +1 @@\n+" + std::string(100000, 'x')}};
  report.warnings = {{kEvil, kEvil, kEvil}, {"network-set-aside", kEvil, kEvil}};
  report.check_before = {{kEvil, kEvil, Verdict::no, true, kEvil}};
  report.check_after = {{kEvil, kEvil, Verdict::no, true, kEvil},
                        {kEvil, kEvil, Verdict::cannot_tell, true, kEvil}};
  report.outputs = {{.path = kEvil, .manifest = kEvil, .manifest_root = kEvil}};
  report.phases = {{kEvil, 1.0}};
  return report;
}

bool has(const std::string& html, std::string_view part) {
  return html.find(part) != std::string::npos;
}

TEST(HtmlReport, SaysWhatWasFoundAndDoneAndWhatIsNext) {
  const std::string html = report_html(job_of("web01"), converted("debian12"));
  EXPECT_TRUE(has(html, "<h1>web01</h1>"));
  EXPECT_TRUE(has(html, "Debian GNU/Linux 12"));
  EXPECT_TRUE(has(html, "What changed"));
  EXPECT_TRUE(has(html, "Name file systems by UUID in /etc/fstab"));
  EXPECT_TRUE(has(html, "<span class=\"del\">-/dev/sda1"));
  EXPECT_TRUE(has(html, "EC2 starts disk0 by BIOS."));
  EXPECT_TRUE(has(html, "Can that kernel reach an NVMe disk"));
  EXPECT_TRUE(has(html, "aws ec2 register-image"));
  EXPECT_TRUE(has(html, "@SNAPSHOT_OF_VOLUME_0@"));
  EXPECT_TRUE(has(html, "gp3, 4000 IOPS, 500 MiB/s"));
  EXPECT_TRUE(has(html, "Stop it once it runs."));
  EXPECT_TRUE(has(html, "m7i.large, a Nitro v4 instance (x86_64, BIOS or UEFI)"));
}

TEST(HtmlReport, SectionsStandInTheOrderOfReading) {
  const std::string html = report_html(job_of("web01"), converted("centos7-gce"));
  size_t last = 0;
  for (const char* id : {"class=\"banner", "id=\"found\"", "id=\"changed\"", "id=\"boot\"",
                         "id=\"undone\"", "id=\"next\"", "id=\"results\"", "id=\"timings\""}) {
    const size_t at = html.find(id);
    ASSERT_NE(at, std::string::npos) << id;
    EXPECT_GT(at, last) << id;
    last = at;
  }
}

TEST(HtmlReport, AFailureStandsOnTopAndNothingComesNext) {
  Report report = converted("debian12");
  report.outcome = "image-io";
  report.exit_code = 7;
  report.retryable = true;
  report.error = "cannot write out/web01.raw: no space left on device";
  report.outputs.clear();
  const std::string html = report_html(job_of("web01"), report);
  EXPECT_TRUE(has(html, "Not done: image-io"));
  EXPECT_TRUE(has(html, "no space left on device"));
  EXPECT_TRUE(has(html, "Running the same job again may help."));
  EXPECT_TRUE(has(html, "What was to be changed"));
  EXPECT_FALSE(has(html, "aws ec2"));
}

TEST(HtmlReport, ARunThatSawNothingSaysSo) {
  Report report;
  report.command = "run";
  report.error = "no such disk";
  const std::string html = report_html({}, report);
  EXPECT_TRUE(has(html, "before the disks had been looked at"));
  EXPECT_TRUE(has(html, "no such disk"));
}

TEST(HtmlReport, NothingLeftUndoneIsSaidToo) {
  Report report = converted("debian12");
  report.warnings.clear();
  std::erase_if(report.check_after,
                [](const CheckAnswer& answer) { return answer.verdict != Verdict::yes; });
  EXPECT_TRUE(has(report_html(job_of("web01"), report), "Nothing was left undone."));
}

TEST(HtmlReport, WhatIsSetAsideAndWhatNobodyKnowsIsUndone) {
  Report report = converted("debian12");
  report.warnings = {{"network-set-aside", "eth0", "the address 10.0.0.7 was set aside"},
                     {"cannot-tell-network", "network", "said as an answer already"}};
  report.check_after = {
      {"network", "Does the network come up?", Verdict::cannot_tell, true, "who knows"}};
  const std::string html = report_html(job_of("web01"), report);
  EXPECT_TRUE(has(html, "Network settings that were set aside"));
  EXPECT_TRUE(has(html, "Does the network come up? who knows"));
  EXPECT_FALSE(has(html, "said as an answer already"));
}

TEST(HtmlReport, NothingOfTheGuestBecomesMarkup) {
  const std::string html = report_html(job_of(kEvil), hostile());
  for (const char* markup : {"<img", "<script", "</script", "<h2 id=\"injected\"",
                             "<style>body{display", "\x1b", "\xff"}) {
    EXPECT_FALSE(has(html, markup)) << markup;
  }
  EXPECT_FALSE(has(html, std::string(1, '\0')));
  EXPECT_TRUE(has(html, "&lt;img src=&quot;http://evil.example/x.png&quot;"));
}

TEST(HtmlReport, VeryLongDiffsAreCut) {
  const std::string html = report_html(job_of("web01"), hostile());
  EXPECT_LT(html.size(), size_t{4} << 20);
  EXPECT_TRUE(has(html, "more lines: the JSON report has all of them"));
}

// For tests/cli/html_report_test.py, which opens them in a browser.
TEST(HtmlReport, IsWrittenForABrowser) {
  const TemporaryDirectory temporary;
  const char* asked = std::getenv("REHOST_HTML_DIRECTORY");  // NOLINT: one thread
  const std::filesystem::path directory =
      asked == nullptr ? temporary.path() : std::filesystem::path(asked);
  std::ofstream(directory / "hostile.html") << report_html(job_of(kEvil), hostile());
  std::ofstream(directory / "converted.html")
      << report_html(job_of("web01"), converted("centos7-gce"));
  std::ofstream(directory / "plain.html") << report_html(job_of("web01"), converted("debian12"));
  for (const char* name : {"hostile.html", "converted.html", "plain.html"}) {
    EXPECT_GT(std::filesystem::file_size(directory / name), 5000U) << name;
  }
}

}  // namespace
}  // namespace rehost
