#include "images/work_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

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

TEST(WorkDirectory, NamesAMissingParent) {
  EXPECT_ERROR(ErrorKind::environment, "/nonexistent", WorkDirectory("/nonexistent"));
}

}  // namespace
}  // namespace rehost
