#include "images/volume_writer.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "images/commit.h"
#include "images/image_source.h"
#include "tests/support/expect_error.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

class Changed : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    return {{offset, length, false, true}};
  }
};

uint64_t allocated(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_blocks) * 512 : 0;
}

class RoomForImages : public testing::Test {
 protected:
  void SetUp() override { REHOST_NEEDS_QEMU(); }
  std::string image(const std::string& name,
                    const std::string& options = "cluster_size=64k") const {
    EXPECT_EQ(shell("qemu-img create -f qcow2 -o " + options + " " + directory / name + " 64M"), 0);
    return directory / name;
  }
  const TemporaryDirectory directory;
};

TEST_F(RoomForImages, IsTakenOnceForACluster) {
  const std::string path = image("disk.qcow2");
  const uint64_t before = allocated(path);
  const auto writer = open_volume_writer({"disk0", path, "qcow2", 64 * kMebibyte});
  writer->reserve(0, 4096);
  const uint64_t first = allocated(path) - before;
  EXPECT_GE(first, 2 * 64 * kKibibyte);
  writer->reserve(8192, 4096);
  writer->reserve(60 * kKibibyte, 4096);
  EXPECT_EQ(allocated(path) - before, first);
  writer->reserve(64 * kKibibyte, 4096);
  EXPECT_GT(allocated(path) - before, first);
}

TEST_F(RoomForImages, FollowsTheClusterSizeOfTheImage) {
  const std::string path = image("disk.qcow2", "cluster_size=2M");
  const uint64_t before = allocated(path);
  const auto writer = open_volume_writer({"disk0", path, "qcow2", 64 * kMebibyte});
  writer->reserve(0, 4096);
  EXPECT_GE(allocated(path) - before, 2 * kMebibyte);
}

TEST_F(RoomForImages, IsGivenBack) {
  const std::string path = image("disk.qcow2");
  const uint64_t before = allocated(path);
  const uint64_t size = std::filesystem::file_size(path);
  std::unique_ptr<TakenRoom> room;
  {
    const auto writer = open_volume_writer({"disk0", path, "qcow2", 64 * kMebibyte});
    writer->reserve(0, 10 * kMebibyte);
    room = writer->keep_room();
  }
  EXPECT_GE(allocated(path), before + 10 * kMebibyte);
  room.reset();
  EXPECT_EQ(allocated(path), before);
  EXPECT_EQ(std::filesystem::file_size(path), size);
}

// The image is elsewhere, and a link to it here: it grows there. Two images grow together.
TEST_F(RoomForImages, IsAskedForWhereTheImagesAreAndForBoth) {
  const TemporaryDirectory small;
  if (::mount("tmpfs", small.path().c_str(), "tmpfs", 0, "size=4m") != 0) {
    GTEST_SKIP() << "no tmpfs can be mounted here";
  }
  std::vector<CommitInput> inputs;
  const Changed wanted(std::vector<std::byte>(2 * kMebibyte, std::byte{1}));
  std::vector<std::string> before;
  for (const char* name : {"a.qcow2", "b.qcow2"}) {
    EXPECT_EQ(shell("qemu-img create -f qcow2 " + small / name + " 2M"), 0);
    std::filesystem::create_symlink(small / name, directory / name);
    before.push_back(content_of(small / name));
    inputs.push_back({{"disk", directory / name, "qcow2", 2 * kMebibyte}, &wanted});
  }
  EXPECT_ERROR(ErrorKind::environment, "make room",
               commit_inputs(inputs, {.journal = directory / "journal"}));
  EXPECT_EQ(content_of(small / "a.qcow2"), before[0]);
  EXPECT_EQ(content_of(small / "b.qcow2"), before[1]);
  // One alone fits.
  EXPECT_EQ(commit_inputs({inputs[0]}, {.journal = directory / "journal"}).bytes_written,
            2 * kMebibyte);
  EXPECT_EQ(::umount(small.path().c_str()), 0);
}

}  // namespace
}  // namespace rehost
