#include "converter/job.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "converter/job_results.h"
#include "converter/job_run.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFull = R"({
  "version": 1, "id": "web01", "mode": "cutover",
  "volumes": [{"path": "data.raw", "role": "data"},
              {"path": "disk0.qcow2", "format": "qcow2", "role": "boot", "manifest": "disk0.manifest"}],
  "action": {"type": "image", "directory": "out", "format": "vhd"},
  "target": {"architecture": "arm64", "boot_mode": "uefi", "nitro_generation": 5, "instance_type": "m7g.large"},
  "options": {"initramfs": "append", "network": "keep", "keep": ["xen"], "driver_bundles": ["b"],
              "default_kernel": "6.1.0-9", "allow_backing": true, "overwrite": true, "strict": true,
              "verify": true},
  "timeouts": {"total": 3600, "phases": {"launch": 300}},
  "launch": {"subnet_id": "subnet-01234567"},
  "labels": {"project": "blue"}})";

std::string in_place(const std::string& volumes) {
  return R"({"version":1,"id":"a","mode":"test","action":{"type":"in-place"},"volumes":[)" +
         volumes + "]}";
}

TEST(Job, BecomesTheOptionsOfConvert) {
  const Job job = parse_job(kFull);
  const Options& options = job.conversion;
  EXPECT_EQ(options.command, Command::convert);
  EXPECT_EQ(options.sources, (std::vector<std::string>{"data.raw", "disk0.qcow2"}));
  EXPECT_EQ(options.source_formats, (std::vector<std::string>{"auto", "qcow2"}));
  EXPECT_EQ(options.source_manifests, (std::vector<std::string>{"", "disk0.manifest"}));
  EXPECT_EQ(options.output, "out");
  EXPECT_EQ(options.format, "vhd");
  EXPECT_FALSE(options.in_place);
  EXPECT_EQ(options.target.initramfs, InitramfsStrategy::append);
  EXPECT_EQ(options.target.network, NetworkMode::keep);
  EXPECT_EQ(options.target.keep, std::vector<std::string>{"xen"});
  EXPECT_EQ(options.target.nitro_generation, 5);
  EXPECT_EQ(options.target.default_kernel, "6.1.0-9");
  EXPECT_EQ(options.driver_bundles, std::vector<std::string>{"b"});
  EXPECT_TRUE(options.allow_backing && options.overwrite && options.strict && options.verify &&
              options.write_manifest);
}

TEST(Job, KeepsWhatConvertDoesNotKnow) {
  const Job job = parse_job(kFull);
  EXPECT_EQ(job.id, "web01");
  EXPECT_EQ(job.mode, "cutover");
  EXPECT_EQ(job.boot_volume, 1U);
  ASSERT_TRUE(job.conversion.launch);
  const LaunchRequest& launch = *job.conversion.launch;
  EXPECT_EQ(launch.boot_volume, 1U);
  EXPECT_EQ(launch.target.architecture, "arm64");
  EXPECT_EQ(launch.target.boot_mode, BootMode::uefi);
  EXPECT_EQ(launch.target.instance_type, "m7g.large");
  ASSERT_TRUE(launch.blueprint);
  EXPECT_EQ(launch.blueprint->subnet_id, "subnet-01234567");
  EXPECT_EQ(job.timeouts.total, std::chrono::seconds(3600));
  EXPECT_EQ(job.timeouts.phases.at("launch"), std::chrono::seconds(300));
  EXPECT_EQ(job.labels.at("project"), "blue");
}

TEST(Job, TheInstanceTypeSaysWhatTheDriversHaveToServe) {
  const Job job =
      parse_job(R"({"version": 1, "id": "a", "mode": "test", "action": {"type": "in-place"},
                                "volumes": [{"path": "a.raw", "role": "boot"}],
                                "launch": {"instance_type": "m8i.large"}})");
  EXPECT_EQ(job.conversion.target.nitro_generation, 6);
}

TEST(Job, DefaultsAreThoseOfConvert) {
  const Job job = parse_job(in_place(R"({"device":"/dev/sdf","role":"boot"})"));
  const Options defaults;
  EXPECT_TRUE(job.conversion.in_place);
  EXPECT_TRUE(job.conversion.source_manifests.empty());
  EXPECT_EQ(job.conversion.format, defaults.format);
  EXPECT_EQ(job.conversion.write_manifest, defaults.write_manifest);
  EXPECT_EQ(job.conversion.target.initramfs, defaults.target.initramfs);
  EXPECT_EQ(job.conversion.target.network, defaults.target.network);
  EXPECT_FALSE(job.conversion.overwrite || job.conversion.strict || job.conversion.verify);
}

TEST(Job, TheDigestIsThatOfTheMeaning) {
  const Job one = parse_job(in_place(R"({"path":"a","role":"boot"})"));
  EXPECT_EQ(one.digest, parse_job(in_place(R"( { "role" : "boot", "path":"\u0061" } )")).digest);
  EXPECT_NE(one.digest, parse_job(in_place(R"({"path":"b","role":"boot"})")).digest);
  EXPECT_EQ(one.digest.size(), 64U);
}

TEST(Job, RelativePathsBeginAtTheJob) {
  Job job = parse_job(kFull);
  resolve_paths(job, "/jobs/x/..", {});
  EXPECT_EQ(job.conversion.sources,
            (std::vector<std::string>{"/jobs/data.raw", "/jobs/disk0.qcow2"}));
  EXPECT_EQ(job.conversion.source_manifests,
            (std::vector<std::string>{"", "/jobs/disk0.manifest"}));
  EXPECT_EQ(job.conversion.output, "/jobs/out");
  EXPECT_EQ(job.conversion.driver_bundles, std::vector<std::string>{"/jobs/b"});
}

TEST(Job, AbsolutePathsAndServersStayAsTheyAre) {
  Job job = parse_job(
      in_place(R"({"path":"nbd://host/a","role":"boot"},{"device":"/dev/x","role":"data"})"));
  resolve_paths(job, "/jobs", {});
  EXPECT_EQ(job.conversion.sources, (std::vector<std::string>{"nbd://host/a", "/dev/x"}));
}

TEST(Job, UnderARootTheNameIsTheOneThatWasLookedAt) {
  const TemporaryDirectory directory;
  const fs::path& root = directory.path();
  fs::create_directories(root / "inner");
  std::ofstream(root / "inner/disk.raw") << "x";
  fs::create_symlink("inner", root / "link");
  Job job = parse_job(in_place(R"({"path":"link/disk.raw","role":"boot"})"));
  resolve_paths(job, root, root);
  EXPECT_EQ(job.conversion.sources[0], (fs::canonical(root) / "inner/disk.raw").string());
}

TEST(Job, TheReportIsBesideTheJob) {
  Options options;
  options.run.job = "jobs/web01.json";
  EXPECT_EQ(job_report_path(options, "id"), "jobs/web01.report.json");
  options.run.job = "-";
  EXPECT_EQ(job_report_path(options, "id"), "id.report.json");
  EXPECT_EQ(job_report_path(options, ""), "");
  options.report = "elsewhere/r.json";
  EXPECT_EQ(job_report_path(options, "id"), "elsewhere/r.json");
}

TEST(Job, OtherResultsAreNamedAfterTheReport) {
  EXPECT_EQ(beside_report("jobs/web01.report.json", "report.html"), "jobs/web01.report.html");
  EXPECT_EQ(beside_report("out/report.json", "report.html"), "out/report.html");
  EXPECT_EQ(beside_report("out/answer.json", "report.html"), "out/answer.report.html");
}

}  // namespace
}  // namespace rehost
