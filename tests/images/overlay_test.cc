#include "images/overlay.h"

#include <gtest/gtest.h>

#include "images/commit.h"
#include "images/copier.h"
#include "images/nbd.h"
#include "images/raw.h"
#include "tests/support/expect_error.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

std::string as_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What a conversion does to a disk, in small: some writes, one of zeros, one over a hole.
void convert(std::string& disk, const Overlay& overlay) {
  ASSERT_EQ(shell("qemu-io -f qcow2 -c 'write -P 7 100k 3k' -c 'write -z 1M 512k' -c 'write -P 9 "
                  "3145k 1k' " +
                  overlay.path()),
            0);
  disk.replace(100 * kKibibyte, 3 * kKibibyte, 3 * kKibibyte, '\7');
  disk.replace(kMebibyte, 512 * kKibibyte, 512 * kKibibyte, '\0');
  disk.replace(3145 * kKibibyte, 1024, 1024, '\11');
}

class OverlayOver : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    REHOST_NEEDS_QEMU();
    disk = as_text(mixed_disk(4 << 20, 21));
    const std::string raw = directory.write("disk.raw", disk);
    volume = {"disk0", directory / ("disk." + std::string(GetParam())), GetParam(), disk.size()};
    if (volume.format != "raw") {
      ASSERT_EQ(
          shell("qemu-img convert -f raw -O " + volume.format + " " + raw + " " + volume.path), 0);
    }
  }
  std::string volume_content() {
    EXPECT_EQ(shell("qemu-img convert -f " + volume.format + " -O raw " + volume.path + " " +
                    (directory / "now.raw")),
              0);
    return content_of(directory / "now.raw");
  }

  const TemporaryDirectory directory;
  std::string disk;
  Volume volume;
};

TEST_P(OverlayOver, TheMergedViewIsTheConvertedDiskAndTheVolumeIsUntouched) {
  const std::string before = content_of(volume.path);
  {
    const Overlay overlay(volume, directory.path());
    convert(disk, overlay);
    const auto merged = overlay.merged();
    RawFileSink sink({.path = directory / "out.raw", .size = merged->size()});
    copy_image(*merged, sink);
    EXPECT_TRUE(content_of(directory / "out.raw") == disk);
  }
  EXPECT_TRUE(content_of(volume.path) == before);
  EXPECT_FALSE(std::filesystem::exists(directory / "disk0.overlay.qcow2"));
}

TEST_P(OverlayOver, TellsWhatChanged) {
  const Overlay overlay(volume, directory.path());
  convert(disk, overlay);
  const auto merged = overlay.merged();
  uint64_t covered = 0;
  uint64_t changed = 0;
  for (const Extent& extent : merged->extents(0, merged->size())) {
    EXPECT_EQ(extent.offset, covered);
    covered += extent.length;
    changed += extent.changed ? extent.length : 0;
  }
  EXPECT_EQ(covered, disk.size());
  EXPECT_EQ(changed, 64 * kKibibyte * 2 + 512 * kKibibyte);
  // Asking for a part says the same as asking for the whole.
  const std::vector<Extent> part = merged->extents(kMebibyte + 4096, 8192);
  const std::vector<Extent> expected = {{kMebibyte + 4096, 8192, true, true}};
  EXPECT_EQ(part, expected);
}

TEST_P(OverlayOver, CommitMakesTheVolumeTheConvertedDisk) {
  const Overlay overlay(volume, directory.path());
  convert(disk, overlay);
  const CommitResult result = commit_in_place({&overlay}, {.journal = directory / "journal"});
  EXPECT_TRUE(volume_content() == disk);
  EXPECT_LE(result.bytes_written, 4096U * 2 + 512 * kKibibyte);
  // A second commit finds nothing to do.
  EXPECT_EQ(commit_in_place({&overlay}, {.journal = directory / "journal"}).blocks_written, 0U);
}

INSTANTIATE_TEST_SUITE_P(All, OverlayOver, testing::Values("raw", "qcow2", "vmdk"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST(Overlay, OddNamesAreNoTrouble) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  const std::string name = "a,b=c: \"d\" json:{}.raw";
  const Volume volume{"disk0", directory.sparse(name, 1 << 20), "raw", 1 << 20};
  const Overlay overlay(volume, directory.path());
  ASSERT_EQ(shell("qemu-io -f qcow2 -c 'write -P 7 0 512' " + overlay.path()), 0);
  commit_in_place({&overlay}, {.journal = directory / "journal"});
  EXPECT_EQ(content_of(directory / name).substr(0, 512), std::string(512, '\7'));
}

TEST(Overlay, AMissingWorkDirectoryIsNamed) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  const Volume volume{"disk0", directory.sparse("disk.raw", 1 << 20), "raw", 1 << 20};
  EXPECT_ERROR(ErrorKind::environment, "/nonexistent", Overlay(volume, "/nonexistent"));
}

TEST(Nbd, SaysWhyQemuDoesNotOpenAnImage) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  EXPECT_ERROR(ErrorKind::image_io, "not in qcow2 format",
               NbdSource(directory.sparse("disk.raw", 1 << 20), "qcow2", {}));
}

TEST(Nbd, MapsAreJoinedAtAllBorders) {
  const std::vector<Extent> data = {{0, 10, true, false}, {10, 20, false, false}};
  const std::vector<Extent> changes = {
      {0, 5, false, false}, {5, 10, false, true}, {15, 15, false, false}};
  const std::vector<Extent> expected = {
      {0, 5, true, false}, {5, 5, true, true}, {10, 5, false, true}, {15, 15, false, false}};
  EXPECT_EQ(join_maps(data, changes), expected);
}

}  // namespace
}  // namespace rehost
