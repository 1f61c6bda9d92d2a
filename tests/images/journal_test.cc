#include "images/journal.h"

#include <gtest/gtest.h>

#include "images/commit.h"
#include "tests/support/expect_error.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

// A journal of two disks beside the first, as a kill leaves it before the first block is written.
class WhichDisk : public testing::Test {
 protected:
  WhichDisk() {
    fs::create_directory(directory / "machine");
    for (const char* name : {"a.raw", "b.raw"}) {
      directory.write("machine/" + std::string(name), std::string(kBytes, name[0]));
    }
    const std::vector<Volume> disks = disks_in("machine");
    JournalWriter writer(default_journal_path(disks[0]), disks, {"", "/reports/b.manifest"});
    for (const size_t volume : {size_t{0}, size_t{1}}) {
      const Bytes before(512, std::byte(volume == 0 ? 'a' : 'b'));
      writer.add(volume, 4096, before, Bytes(512, std::byte{'X'}));
    }
    writer.finish();
    put_marks(default_journal_path(disks[0]), {default_journal_path(disks[1])}, disks);
  }
  std::vector<Volume> disks_in(const std::string& where) const {
    return {{"disk0", directory / (where + "/a.raw"), "raw", kBytes},
            {"disk1", directory / (where + "/b.raw"), "raw", kBytes}};
  }
  // Found from either disk, it takes them for its own, and they are finished.
  void expect_commit(const std::vector<Volume>& disks) const {
    const std::optional<Mark> mark = mark_of(disks[1]);
    ASSERT_TRUE(mark && mark->leads_to_journal);
    EXPECT_EQ(mark_of(disks[0])->journal, mark->journal);
    CommitOptions options{.journal = mark->journal};
    options.disks = disks;
    options.marks = {default_journal_path(disks[1])};
    EXPECT_EQ(finish_commit(options).blocks_written, 2U);
    for (const Volume& disk : disks) {
      EXPECT_EQ(content_of(disk.path).substr(4096, 513),
                std::string(512, 'X') + content_of(disk.path)[0]);
      EXPECT_FALSE(mark_of(disk));
    }
  }

  static constexpr size_t kBytes = 16384;
  const TemporaryDirectory directory;
};

TEST_F(WhichDisk, IsFoundWhenTheDirectoryWasMoved) {
  fs::rename(directory / "machine", directory / "moved");
  expect_commit(disks_in("moved"));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory / "moved"), {}), 2);
}

TEST_F(WhichDisk, IsFoundWhenTheDirectoryWasCopiedAndTheOldOneIsGone) {
  ASSERT_EQ(
      shell("cp -r --preserve=links,xattr " + directory / "machine" + " " + directory / "copy"), 0);
  fs::remove_all(directory / "machine");
  expect_commit(disks_in("copy"));
}

TEST_F(WhichDisk, IsFoundUnderAHardLink) {
  fs::create_directory(directory / "links");
  fs::create_hard_link(directory / "machine/a.raw", directory / "links/a.raw");
  fs::create_hard_link(directory / "machine/b.raw", directory / "links/b.raw");
  expect_commit(disks_in("links"));
  // And nothing is left beside the names it had before.
  EXPECT_EQ(std::distance(fs::directory_iterator(directory / "machine"), {}), 2);
}

TEST_F(WhichDisk, IsNotACopyThatLiesElsewhereNorOneOfAnotherSizeOrOrder) {
  const JournalReader journal(default_journal_path(disks_in("machine")[0]));
  std::vector<Volume> disks = disks_in("machine");
  EXPECT_TRUE(journal.is_about(disks));
  EXPECT_FALSE(journal.is_about({disks[0]}));
  EXPECT_FALSE(journal.is_about({disks[1], disks[0]}));
  disks[1].size += 512;
  EXPECT_FALSE(journal.is_about(disks));
  disks = disks_in("machine");
  fs::create_directory(directory / "copies");
  fs::copy_file(disks[1].path, directory / "copies/b.raw");
  disks[1].path = directory / "copies/b.raw";
  EXPECT_FALSE(journal.is_about(disks));
  CommitOptions options{.journal = default_journal_path(disks[0])};
  options.disks = disks;
  EXPECT_ERROR(ErrorKind::plan_conflict, "not about these disks", finish_commit(options));
}

TEST_F(WhichDisk, IsFoundWhenItWasRenamed) {
  const JournalReader journal(default_journal_path(disks_in("machine")[0]));
  std::vector<Volume> disks = disks_in("machine");
  fs::rename(disks[1].path, directory / "renamed.raw");
  disks[1].path = directory / "renamed.raw";
  EXPECT_TRUE(journal.is_about(disks));
}

// cp -a to another file system, where the copy happened to get the number of its original.
TEST_F(WhichDisk, IsNotAFileOfItsNumberWhileItLiesWhereItLay) {
  std::vector<Volume> disks = disks_in("machine");
  fs::rename(disks[1].path, directory / "same-number.raw");
  fs::copy_file(directory / "same-number.raw", disks[1].path);
  disks[1].path = directory / "same-number.raw";
  EXPECT_FALSE(JournalReader(default_journal_path(disks_in("machine")[0])).is_about(disks));
  // Nor when all of the original's directory was moved.
  fs::rename(directory / "machine", directory / "moved");
  disks[0].path = disks_in("moved")[0].path;
  EXPECT_FALSE(JournalReader(default_journal_path(disks_in("moved")[0])).is_about(disks));
}

TEST_F(WhichDisk, IsOnlyTrustedWhenItsBytesAreOldOrNew) {
  patch(directory / "machine/b.raw", 4096, "somebody else's");
  CommitOptions options{.journal = default_journal_path(disks_in("machine")[0])};
  options.disks = disks_in("machine");
  EXPECT_ERROR(ErrorKind::plan_conflict, "somebody else", finish_commit(options));
}

TEST_F(WhichDisk, TheJournalKnowsWhoseManifestsAreOwed) {
  const JournalReader journal(default_journal_path(disks_in("machine")[0]));
  EXPECT_EQ(journal.manifests(), (std::vector<fs::path>{"", "/reports/b.manifest"}));
}

// Who finishes it may be root, and the journal from anybody.
TEST_F(WhichDisk, AManifestIsWrittenNowhereElse) {
  for (const char* path : {"/etc/passwd", "b.manifest", "/reports/b.manifest/.."}) {
    JournalWriter writer(directory / "hostile", disks_in("machine"), {path});
    writer.finish();
    EXPECT_ERROR(ErrorKind::image_io, "where none belongs", JournalReader(directory / "hostile"));
    fs::remove(directory / "hostile");
  }
}

}  // namespace
}  // namespace rehost
