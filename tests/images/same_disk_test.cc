#include "images/same_disk.h"

#include <gtest/gtest.h>

#include "images/commit.h"
#include "images/journal.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

TEST(SameDisk, IsOneFileUnderWhateverName) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("a", "x");
  fs::create_hard_link(file, directory / "hard");
  fs::create_symlink("a", directory / "soft");
  EXPECT_TRUE(same_disk(file, directory / "hard"));
  EXPECT_TRUE(same_disk(file, directory / "soft"));
  EXPECT_FALSE(same_disk(file, directory.write("b", "x")));
  EXPECT_FALSE(same_disk(directory / "none", directory / "none"));
}

// What holds of these holds of block devices, which not every machine has.
TEST(SameDisk, IsOneDeviceUnderWhateverName) {
  const TemporaryDirectory directory;
  fs::create_symlink("/dev/null", directory / "by-id");
  EXPECT_TRUE(same_disk("/dev/null", "/dev/null"));
  EXPECT_TRUE(same_disk("/dev/null", directory / "by-id"));
  EXPECT_FALSE(same_disk("/dev/null", "/dev/zero"));
  EXPECT_FALSE(same_disk("/dev/null", directory.write("file", "")));
}

// The worker of EC2: /dev/sdf is a link, and the disk has others in /dev/disk/by-id.
TEST(SameDisk, AJournalIsAboutADeviceUnderAnyOfItsNames) {
  const TemporaryDirectory directory;
  fs::create_symlink("/dev/null", directory / "by-id-of-it");
  fs::create_symlink("/dev/zero", directory / "by-id-of-another");
  JournalWriter(directory / "journal", {{"disk", directory / "by-id-of-it", "raw", 4096}}).finish();
  const JournalReader journal(directory / "journal");
  EXPECT_TRUE(journal.is_about({{"disk", directory / "by-id-of-it", "raw", 4096}}));
  EXPECT_TRUE(journal.is_about({{"disk", "/dev/null", "raw", 4096}}));
  EXPECT_FALSE(journal.is_about({{"disk", directory / "by-id-of-another", "raw", 4096}}));
}

class AllChanged : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    return {{offset, length, false, true}};
  }
};

// A disk of zeros that keeps what is written to it to itself.
class NoWriter : public VolumeWriter {
 public:
  explicit NoWriter(std::string name) : name_(std::move(name)) {}
  uint64_t size() const override { return 4096; }
  const std::string& name() const override { return name_; }
  void read(uint64_t /*offset*/, std::span<std::byte> into) override {
    std::fill(into.begin(), into.end(), std::byte{});
  }
  void reserve(uint64_t /*offset*/, uint64_t /*length*/) override {}
  void write(uint64_t /*offset*/, std::span<const std::byte> /*from*/) override {}
  void sync() override {}

 private:
  std::string name_;
};

TEST(SameDisk, ADeviceIsConvertedUnderTheNameOfALink) {
  const TemporaryDirectory directory;
  fs::create_symlink("/dev/null", directory / "sdf");
  const AllChanged wanted(std::vector<std::byte>(4096, std::byte{1}));
  CommitOptions options{.journal = directory / "journal"};
  options.open_writer = [](const Volume& volume) {
    return std::make_unique<NoWriter>(volume.path);
  };
  const CommitInput input{{"disk", directory / "sdf", "raw", 4096}, &wanted};
  EXPECT_EQ(commit_inputs({input}, options).bytes_written, 4096U);
}

}  // namespace
}  // namespace rehost
