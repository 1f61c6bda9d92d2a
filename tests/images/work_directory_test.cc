#include "images/work_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

TEST(WorkDirectory, IsPrivateAndRemovedWithWhatItHolds) {
  const TemporaryDirectory parent;
  {
    const WorkDirectory work(parent.path());
    struct stat status = {};
    ASSERT_EQ(::stat(work.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700U);
    std::filesystem::create_directory(work.path() / "below");
  }
  EXPECT_TRUE(parent.names().empty());
}

TEST(WorkDirectory, RemovesWhatKilledRunsLeftAndNothingElse) {
  const TemporaryDirectory parent;
  std::filesystem::create_directory(parent / "rehost-killed");
  parent.write("rehost-killed/lock", "");
  parent.write("rehost-killed/disk0.overlay.qcow2", "x");
  std::filesystem::create_directory(parent / "rehost-notes");
  const WorkDirectory first(parent.path());
  const WorkDirectory second(parent.path());
  EXPECT_TRUE(std::filesystem::exists(first.path()));
  EXPECT_FALSE(std::filesystem::exists(parent / "rehost-killed"));
  EXPECT_TRUE(std::filesystem::exists(parent / "rehost-notes"));
}

// A kill between any two steps of making or removing one must not leave it for ever.
TEST(WorkDirectory, RemovesWhatWasKilledWhileItWasMadeOrRemoved) {
  const TemporaryDirectory parent;
  for (const char* name : {"rehost-empty-aaaaaa", "rehost-empty-bbbbbb", "rehost-cccccc"}) {
    std::filesystem::create_directory(parent / name);
  }
  parent.write("rehost-empty-bbbbbb/lock", "");
  parent.write("rehost-cccccc/lock", "");
  std::filesystem::create_directory(parent / "rehost-empty-notes");
  parent.write("rehost-empty-notes/text", "");
  const WorkDirectory work(parent.path());
  const std::vector<std::string> names = parent.names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()),
            (std::set<std::string>{work.path().filename().native(), "rehost-empty-notes"}));
}

TEST(WorkDirectory, ManyRunsAtOnceLeaveEachOtherAlone) {
  const TemporaryDirectory parent;
  std::vector<std::jthread> runs;
  std::atomic<int> broken = 0;
  for (int run = 0; run < 8; ++run) {
    runs.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        try {
          const WorkDirectory work(parent.path());
          broken += std::filesystem::exists(work.path() / "lock") ? 0 : 1;
        } catch (const Error&) {
          ++broken;
        }
      }
    });
  }
  runs.clear();
  EXPECT_EQ(broken, 0);
  EXPECT_TRUE(parent.names().empty());
}

TEST(WorkDirectory, NamesAMissingParent) {
  EXPECT_ERROR(ErrorKind::environment, "/nonexistent", WorkDirectory("/nonexistent"));
}

}  // namespace
}  // namespace rehost
