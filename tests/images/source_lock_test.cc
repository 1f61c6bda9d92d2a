#include "images/source_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "images/child_process.h"
#include "images/nbd.h"
#include "images/overlay.h"
#include "images/probe.h"
#include "images/volume_writer.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

class SourceLockTest : public testing::Test {
 protected:
  const TemporaryDirectory directory;
  const Volume volume{"disk0", directory.sparse("disk.raw", 1 << 20), "raw", 1 << 20};
};

TEST_F(SourceLockTest, ManyMayLookAtOnce) {
  const SourceLock one(volume, SourceUse::look);
  const SourceLock two(volume, SourceUse::look);
  EXPECT_TRUE(two.enforced());
}

TEST_F(SourceLockTest, TwoConversionsMayNot) {
  for (const SourceUse use : {SourceUse::convert, SourceUse::convert_in_place}) {
    const SourceLock one(volume, use);
    EXPECT_ERROR(ErrorKind::environment, "in use", SourceLock(volume, SourceUse::convert));
    EXPECT_ERROR(ErrorKind::environment, "in use", SourceLock(volume, SourceUse::convert_in_place));
    EXPECT_ERROR(ErrorKind::environment, "in use", SourceLock(volume, SourceUse::look));
  }
  const SourceLock again(volume, SourceUse::convert);
}

TEST_F(SourceLockTest, NobodyConvertsWhileSomebodyLooks) {
  const SourceLock one(volume, SourceUse::look);
  EXPECT_ERROR(ErrorKind::environment, "in use", SourceLock(volume, SourceUse::convert));
}

// A qemu-nbd stands for a running machine.
TEST_F(SourceLockTest, AQemuThatWritesIsNamed) {
  REHOST_NEEDS_QEMU();
  const NbdServer machine(volume.path, "raw", {.writable = true});
  EXPECT_ERROR(ErrorKind::environment, "qemu-nbd (pid ", SourceLock(volume, SourceUse::look));
  EXPECT_ERROR(ErrorKind::environment, "qemu-nbd", probe_volume("disk0", volume.path));
}

TEST_F(SourceLockTest, AQemuThatReadsMattersOnlyInPlace) {
  REHOST_NEEDS_QEMU();
  const NbdServer machine(volume.path, "raw", {});
  { const SourceLock lock(volume, SourceUse::convert); }
  EXPECT_ERROR(ErrorKind::environment, "reads it", SourceLock(volume, SourceUse::convert_in_place));
}

TEST_F(SourceLockTest, AQemuThatWouldWriteIsTurnedAwayMeanwhile) {
  REHOST_NEEDS_QEMU();
  const SourceLock lock(volume, SourceUse::convert);
  EXPECT_ERROR(ErrorKind::image_io, "lock", NbdServer(volume.path, "raw", {.writable = true}));
}

TEST_F(SourceLockTest, OurOwnOverlayAndWriterPass) {
  REHOST_NEEDS_QEMU();
  ASSERT_EQ(shell("qemu-img create -f qcow2 " + (directory / "disk.qcow2") + " 1M"), 0);
  const Volume qcow2{"disk1", directory / "disk.qcow2", "qcow2", 1 << 20};
  for (const Volume& each : {volume, qcow2}) {
    const SourceLock lock(each, SourceUse::convert_in_place);
    const Overlay overlay(each, directory.path());
    EXPECT_EQ(shell("qemu-io -f qcow2 -c 'write -P 7 0 512' " + overlay.path()), 0);
    EXPECT_EQ(overlay.merged()->size(), 1U << 20);
    open_volume_writer(each)->sync();
  }
}

TEST_F(SourceLockTest, AFileUnderALoopDeviceIsInUse) {
  if (::geteuid() != 0 || shell("losetup -f") != 0) {
    GTEST_SKIP() << "needs root and a loop device";
  }
  const std::string device = run_command({"losetup", "-f", "--show", volume.path}).output;
  if (device.empty()) {
    GTEST_SKIP() << "no loop device";
  }
  EXPECT_ERROR(ErrorKind::environment, "losetup -d", SourceLock(volume, SourceUse::look));
  EXPECT_EQ(shell("losetup -d " + device.substr(0, device.size() - 1)), 0);
}

TEST_F(SourceLockTest, AMountedBlockDeviceIsNamedWithItsPlace) {
  if (::geteuid() != 0 || !have_program("mkfs.ext4") || shell("losetup -f") != 0) {
    GTEST_SKIP() << "needs root, mkfs.ext4 and a loop device";
  }
  const std::string disk = directory.sparse("fs.raw", 4 << 20);
  std::filesystem::create_directory(directory / "mnt");
  std::string device = run_command({"losetup", "-f", "--show", disk}).output;
  if (device.empty()) {
    GTEST_SKIP() << "no loop device";
  }
  device.pop_back();
  ASSERT_EQ(shell("mkfs.ext4 -q " + disk), 0);
  if (shell("mount " + device + " " + (directory / "mnt")) == 0) {
    EXPECT_ERROR(ErrorKind::environment, "mounted on this host at " + (directory / "mnt"),
                 probe_volume("disk0", device));
    EXPECT_EQ(shell("umount " + device), 0);
  }
  {
    const Volume block = probe_volume("disk0", device);
    EXPECT_EQ(block.size, 4U << 20);
    const SourceLock lock(block, SourceUse::convert);
    EXPECT_NE(shell("mount " + device + " " + (directory / "mnt")), 0);
  }
  EXPECT_EQ(shell("losetup -d " + device), 0);
}

}  // namespace
}  // namespace rehost
