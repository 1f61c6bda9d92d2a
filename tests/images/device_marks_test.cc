#include "images/device_marks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "images/child_process.h"
#include "images/commit.h"
#include "images/journal.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

class AllChanged : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    return {{offset, length, false, true}};
  }
};

// Files that stand for two devices in a /dev of its own. The journal changes two sectors.
class DeviceMarks : public testing::Test {
 protected:
  DeviceMarks() {
    for (const fs::path& place : {places.links, places.nodes, places.journals}) {
      fs::create_directory(place);
    }
    directory.write("dev/sda", std::string(kBytes, 'a'));
    directory.write("dev/sdb", std::string(kBytes, 'b'));
  }
  // As a kill leaves it after so many sectors of sda were written.
  void interrupt(const std::string& path, int sectors) {
    journal = places.journals / (fs::path(path).filename().native() + ".rehost-journal");
    JournalWriter writer(journal, {{"disk", path, "raw", kBytes}});
    for (const uint64_t offset : {4096, 8192}) {
      writer.add(0, offset, Bytes(512, std::byte{'a'}), Bytes(512, std::byte{'X'}));
    }
    writer.finish();
    for (int i = 0; i < sectors; ++i) {
      patch(sda, 4096 + 4096 * static_cast<uint64_t>(i), std::string(512, 'X'));
    }
  }
  void swap_names() const {
    fs::rename(sda, directory / "dev/other");
    fs::rename(sdb, sda);
    fs::rename(directory / "dev/other", sdb);
  }
  void link(const std::string& name, const std::string& device) const {
    fs::create_symlink("../dev/" + device, places.links / name);
  }
  bool is_marked(const std::string& device) const {
    const std::optional<Mark> mark = mark_of_device(device, places);
    return mark && mark->leads_to_journal && mark->journal == fs::canonical(journal);
  }

  static constexpr uint64_t kBytes = 16384;
  const TemporaryDirectory directory;
  const DevicePlaces places{directory / "by-id", directory / "dev", directory / "journals"};
  const std::string sda = directory / "dev/sda";
  const std::string sdb = directory / "dev/sdb";
  fs::path journal;
};

TEST_F(DeviceMarks, AreFoundUnderEveryLinkAndTheKernelName) {
  link("lvm-pv-uuid-abc", "sda");
  link("nvme-vol0123", "sda");
  link("wwn-0x5000", "sda");
  for (const fs::path& name : {places.links / "lvm-pv-uuid-abc", places.links / "nvme-vol0123",
                               places.links / "wwn-0x5000", fs::path(sda)}) {
    interrupt(name, 0);
    EXPECT_TRUE(is_marked(sda)) << name;
    EXPECT_TRUE(is_marked(places.links / "wwn-0x5000")) << name;
    EXPECT_FALSE(mark_of_device(sdb, places)) << name;
    fs::remove(journal);
  }
  EXPECT_FALSE(mark_of_device(sda, places));
}

TEST_F(DeviceMarks, AreFoundWhenTheLinkOfAPhysicalVolumeIsGone) {
  link("lvm-pv-uuid-abc", "sda");
  interrupt(places.links / "lvm-pv-uuid-abc", 1);
  fs::remove(places.links / "lvm-pv-uuid-abc");
  EXPECT_TRUE(is_marked(sda));
  EXPECT_FALSE(mark_of_device(sdb, places));
}

TEST_F(DeviceMarks, GoWithTheBytesWhenKernelNamesWereSwapped) {
  interrupt(sda, 1);
  swap_names();
  EXPECT_TRUE(is_marked(sdb));
  EXPECT_FALSE(mark_of_device(sda, places));
}

TEST_F(DeviceMarks, GoWithTheDiskThatWasBegunWhenTheOtherIsACopyOfItsSource) {
  fs::copy_file(sda, sdb, fs::copy_options::overwrite_existing);
  interrupt(sda, 1);
  swap_names();
  EXPECT_TRUE(is_marked(sdb));
  EXPECT_FALSE(mark_of_device(sda, places));
}

// A disk that was converted before, from the same template, is whole.
TEST_F(DeviceMarks, ACopyOfTheResultHasNone) {
  interrupt(sda, 2);
  fs::copy_file(sda, sdb, fs::copy_options::overwrite_existing);
  EXPECT_TRUE(is_marked(sda));
  EXPECT_FALSE(mark_of_device(sdb, places));
}

// Half written, and somebody else wrote to it: finishing says so.
TEST_F(DeviceMarks, StayWithADiskThatWasDisturbed) {
  interrupt(sda, 1);
  patch(sda, 8192, "somebody else");
  EXPECT_TRUE(is_marked(sda));
}

TEST_F(DeviceMarks, UnderALinkOfTheHardwareTheNameDecides) {
  link("nvme-vol0123", "sda");
  interrupt(places.links / "nvme-vol0123", 1);
  fs::copy_file(sda, sdb, fs::copy_options::overwrite_existing);
  patch(sda, 4096, "somebody else");
  EXPECT_TRUE(is_marked(sda));
  EXPECT_FALSE(mark_of_device(sdb, places));
}

// Real devices: found under the one name, finished under the other.
TEST_F(DeviceMarks, AJournalFollowsTheBytesToAnotherKernelName) {
  if (::geteuid() != 0 || shell("losetup -f") != 0) {
    GTEST_SKIP() << "needs root and a loop device";
  }
  std::vector<std::string> devices;
  for (const std::string& file : {sda, sdb}) {
    std::string device = run_command({"losetup", "-f", "--show", file}).output;
    if (device.empty()) {
      break;
    }
    device.pop_back();
    devices.push_back(device);
  }
  if (devices.size() == 2) {
    interrupt(devices[1], 1);  // a name that is the other's now
    EXPECT_TRUE(is_marked(devices[0]));
    EXPECT_FALSE(mark_of_device(devices[1], places));
    CommitOptions options{.journal = journal};
    options.disks = {{"disk", devices[1], "raw", kBytes}};
    EXPECT_FALSE(JournalReader(journal).is_about(options.disks));
    options.disks[0].path = devices[0];
    EXPECT_EQ(finish_commit(options).blocks_written, 1U);
    EXPECT_FALSE(fs::exists(journal));

    // And a conversion under a link of one's own.
    fs::create_symlink(devices[0], directory / "sdf");
    const AllChanged wanted(Bytes(kBytes, std::byte{'Y'}));
    const Volume volume{"disk", directory / "sdf", "raw", kBytes};
    EXPECT_EQ(commit_inputs({{volume, &wanted}}, {.journal = journal}).bytes_written, kBytes);
    EXPECT_EQ(content_of(devices[0]), std::string(kBytes, 'Y'));
  }
  for (const std::string& device : devices) {
    EXPECT_EQ(shell("losetup -d " + device), 0);
  }
  EXPECT_EQ(content_of(sdb), std::string(kBytes, 'b'));
}

}  // namespace
}  // namespace rehost
