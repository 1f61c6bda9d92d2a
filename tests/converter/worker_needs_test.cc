#include "converter/worker_needs.h"

#include <gtest/gtest.h>

#include <fstream>

#include "converter/core/error.h"
#include "converter/job_batch.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kGibibyte = uint64_t{1} << 30;

// A machine as /proc and /sys show it.
class Machine {
 public:
  Machine() {
    put("proc/meminfo", "MemTotal:  99999999 kB\nMemFree: 1 kB\nMemAvailable:    4194304 kB\n");
    put("proc/self/cgroup", "0::/jobs/web01\n");
  }
  void put(const fs::path& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  void group(const std::string& name, const std::string& most, uint64_t current,
             uint64_t inactive) const {
    put(fs::path("sys/fs/cgroup") / name / "memory.max", most + "\n");
    put(fs::path("sys/fs/cgroup") / name / "memory.current", std::to_string(current) + "\n");
    put(fs::path("sys/fs/cgroup") / name / "memory.stat",
        "anon 5\ninactive_file " + std::to_string(inactive) + "\n");
  }
  uint64_t available() const { return available_memory(root_); }

 private:
  const TemporaryDirectory directory_;
  const fs::path& root_ = directory_.path();
};

TEST(WorkerNeeds, TheKernelSaysWhatIsAvailable) {
  EXPECT_EQ(Machine().available(), 4 * kGibibyte);
}

TEST(WorkerNeeds, AContainerHasWhatItsGroupLeaves) {
  const Machine machine;
  machine.group("jobs/web01", "max", kGibibyte, 0);
  machine.group("jobs", std::to_string(3 * kGibibyte), 2 * kGibibyte, kGibibyte);
  EXPECT_EQ(machine.available(), 2 * kGibibyte) << "pages of files can be given back";
  machine.group("jobs/web01", std::to_string(kGibibyte), kGibibyte + 5, 0);
  EXPECT_EQ(machine.available(), 0U);
}

TEST(WorkerNeeds, AContainerMaySeeItsGroupAsTheRoot) {
  const Machine machine;
  machine.put("proc/self/cgroup", "0::/\n");
  machine.group("", std::to_string(2 * kGibibyte), 0, 0);
  EXPECT_EQ(machine.available(), 2 * kGibibyte);
}

TEST(WorkerNeeds, SayWhatIsNeededAndWhatIsThere) {
  EXPECT_NO_THROW(require_memory(kGibibyte, kGibibyte));
  try {
    require_memory(kGibibyte, kGibibyte / 2);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::environment);
    EXPECT_NE(std::string(error.what()).find("needs 1.0 GiB of memory, and this worker has 512"),
              std::string::npos)
        << error.what();
  }
}

TEST(JobBatch, RunsAsManyAsThereAreProcessorsAndMemoryFor) {
  EXPECT_EQ(jobs_at_a_time(0, 100, 8, 4 * kLargestConversion), 4);
  EXPECT_EQ(jobs_at_a_time(0, 100, 2, 4 * kLargestConversion), 2);
  EXPECT_EQ(jobs_at_a_time(0, 1, 8, 4 * kLargestConversion), 1);
  EXPECT_EQ(jobs_at_a_time(3, 100, 2, 4 * kLargestConversion), 3);
  EXPECT_EQ(jobs_at_a_time(0, 100, 8, kConversionMemory), 1) << "one alone may stay small";
  EXPECT_EQ(jobs_at_a_time(100, 2, 1, 4 * kLargestConversion), 2);
}

TEST(JobBatch, RefusesMoreThanThereIsMemoryFor) {
  EXPECT_THROW(jobs_at_a_time(5, 100, 8, 4 * kLargestConversion), Error);
  EXPECT_THROW(jobs_at_a_time(0, 100, 8, kConversionMemory - 1), Error);
}

TEST(JobBatch, FilesThatJobsLeaveAreNoJobs) {
  const TemporaryDirectory holder;
  const fs::path& directory = holder.path();
  for (const char* name : {"b.json", "a.json", "a.report.json", "a.register-image.json",
                           "a.run-instances.json", ".c.json", "a.events.jsonl", "d.txt"}) {
    std::ofstream(directory / name) << "{}";
  }
  EXPECT_EQ(jobs_in(directory),
            (std::vector<fs::path>{directory / "a.json", directory / "b.json"}));
}

}  // namespace
}  // namespace rehost
