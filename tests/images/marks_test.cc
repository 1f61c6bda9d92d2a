#include "images/marks.h"

#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "images/journal.h"
#include "tests/support/expect_error.h"
#include "tests/support/kernel_calls.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

TEST(LastingPath, IsTheFirstLinkThatLeadsToTheDisk) {
  const TemporaryDirectory dev;
  const std::filesystem::path links = dev / "by-id";
  std::filesystem::create_directory(links);
  const std::string sdb = dev.write("sdb", "");
  const std::string sdc = dev.write("sdc", "");
  EXPECT_EQ(lasting_path(sdb, links), std::filesystem::canonical(sdb));
  for (const char* name : {"wwn-0x5000", "scsi-2nd", "scsi-1st"}) {
    std::filesystem::create_symlink("../sdb", links / name);
  }
  std::filesystem::create_symlink("../sdc", links / "ata-other");
  std::filesystem::create_symlink("../gone", links / "ata-gone");
  EXPECT_EQ(lasting_path(sdb, links), links / "scsi-1st");
  EXPECT_EQ(lasting_path(links / "wwn-0x5000", links), links / "scsi-1st");
  EXPECT_EQ(lasting_path(sdc, links), links / "ata-other");
  EXPECT_EQ(lasting_path(sdb, dev / "nowhere"), std::filesystem::canonical(sdb));
}

// The link of a physical volume of LVM is made from what is written on the disk, and sorts first.
TEST(LastingPath, IsNoLinkThatGoesWithWhatIsOnTheDisk) {
  const TemporaryDirectory dev;
  const std::filesystem::path links = dev / "by-id";
  std::filesystem::create_directory(links);
  const std::string disk = dev.write("sdb", "");
  const std::string mapped = dev.write("dm-0", "");
  for (const char* name : {"lvm-pv-uuid-abc", "dm-name-root"}) {
    std::filesystem::create_symlink("../sdb", links / name);
  }
  EXPECT_EQ(lasting_path(disk, links), std::filesystem::canonical(disk));
  std::filesystem::create_symlink("../sdb", links / "nvme-vol0123");
  EXPECT_EQ(lasting_path(disk, links), links / "nvme-vol0123");
  for (const char* name : {"dm-name-vg-lv", "dm-uuid-LVM-abc"}) {
    std::filesystem::create_symlink("../dm-0", links / name);
  }
  EXPECT_EQ(lasting_path(mapped, links), links / "dm-uuid-LVM-abc");
}

// Two disks of one machine, and the journal of both beside the first.
class Marks : public testing::Test {
 protected:
  Marks() {
    fs::create_directory(directory / "machine");
    for (const char* name : {"machine/a.raw", "machine/b.raw"}) {
      directory.write(name, std::string(4096, name[8]));
    }
    disks = {volume("machine/a.raw"), volume("machine/b.raw")};
    journal = default_journal_path(disks[0]);
    link = default_journal_path(disks[1]);
  }
  Volume volume(const std::string& name) const { return {"disk", directory / name, "raw", 4096}; }
  void write_journal() const {
    JournalWriter writer(journal, disks);
    writer.add(0, 0, std::vector<std::byte>(512, std::byte{'a'}), std::vector<std::byte>(512));
    writer.finish();
  }

  const TemporaryDirectory directory;
  std::vector<Volume> disks;
  fs::path journal;
  fs::path link;
};

TEST_F(Marks, AWholeDiskHasNone) {
  EXPECT_FALSE(mark_of(disks[0]));
  EXPECT_FALSE(mark_of({"disk", "nbd://localhost/web01", "nbd", 4096}));
  EXPECT_FALSE(mark_of(volume("machine/nothing.raw")));
  EXPECT_FALSE(mark_of(volume("machine/a.raw/nothing")));
}

TEST_F(Marks, LeadToTheJournalFromEveryVolumeUnderEveryName) {
  write_journal();
  put_marks(journal, {link}, disks);
  fs::create_directory(directory / "elsewhere");
  fs::create_hard_link(disks[0].path, directory / "elsewhere/first.raw");
  fs::create_hard_link(disks[1].path, directory / "elsewhere/second.raw");
  fs::create_symlink(disks[1].path, directory / "elsewhere/link.raw");
  for (const char* name : {"machine/a.raw", "machine/b.raw", "elsewhere/first.raw",
                           "elsewhere/second.raw", "elsewhere/link.raw"}) {
    const std::optional<Mark> mark = mark_of(volume(name));
    ASSERT_TRUE(mark) << name;
    EXPECT_TRUE(mark->leads_to_journal) << name;
    EXPECT_EQ(mark->journal, fs::canonical(journal)) << name;
  }
  remove_marks({link}, disks);
  fs::remove(journal);
  for (const char* name : {"machine/a.raw", "machine/b.raw", "elsewhere/second.raw"}) {
    EXPECT_FALSE(mark_of(volume(name))) << name;
  }
  remove_marks({link}, disks);  // a second time there is nothing to do
}

TEST_F(Marks, TheLinkGoesWithTheDirectory) {
  write_journal();
  put_marks(journal, {link}, {});
  fs::rename(directory / "machine", directory / "moved");
  const std::optional<Mark> mark = mark_of(volume("moved/b.raw"));
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->journal, fs::canonical(directory / "moved/a.raw.rehost-journal"));
}

TEST_F(Marks, OneThatLeadsNowhereIsNotNothing) {
  put_marks(journal, {link}, {});
  std::optional<Mark> mark = mark_of(disks[1]);
  ASSERT_TRUE(mark);
  EXPECT_FALSE(mark->leads_to_journal);
  EXPECT_EQ(mark->journal, journal);
  EXPECT_NE(describe_lost_journal(*mark).find("rm " + link.native()), std::string::npos);

  fs::remove(link);
  put_marks(journal, {}, disks);
  mark = mark_of(disks[1]);
  ASSERT_TRUE(mark);
  EXPECT_FALSE(mark->leads_to_journal);
  EXPECT_NE(describe_lost_journal(*mark).find("setfattr -x user.rehost.journal " + disks[1].path),
            std::string::npos);
}

TEST_F(Marks, OneThatLedElsewhereIsReplaced) {
  fs::create_symlink(directory / "gone", link);
  write_journal();
  put_marks(journal, {link}, {});
  EXPECT_TRUE(mark_at(link)->leads_to_journal);
  EXPECT_FALSE(fs::exists(link.native() + ".new"));
}

TEST_F(Marks, TheJournalOfAnotherIsNotReplaced) {
  write_journal();
  directory.write("machine/b.raw.rehost-journal", "another's");
  EXPECT_ERROR(ErrorKind::plan_conflict, "another conversion", put_marks(journal, {link}, {}));
  remove_marks({link}, {});
  EXPECT_EQ(content_of(link), "another's");
}

// What cannot be read is not absent.
TEST_F(Marks, APlaceThatCannotBeLookedAtIsAnError) {
  {
    const FailingCall failing(1, EIO);
    EXPECT_ERROR(ErrorKind::image_io, "look for the journal", mark_of(disks[0]));
    EXPECT_EQ(failing.failed(), "getxattr");
  }
  fs::create_symlink("b.raw.rehost-journal", link);  // leads to itself
  EXPECT_FALSE(mark_of(disks[1])->leads_to_journal);
  // Root may look everywhere.
  const uid_t user = ::geteuid();
  fs::permissions(directory / "machine", fs::perms::none);
  EXPECT_TRUE(user != 0 || ::seteuid(65534) == 0);
  EXPECT_ERROR(ErrorKind::environment, "look for the journal", mark_at(journal));
  EXPECT_EQ(::seteuid(user), 0);
  fs::permissions(directory / "machine", fs::perms::owner_all);
}

TEST_F(Marks, WithoutAttributesAFileWithTwoNamesIsRefused) {
  fs::create_hard_link(disks[1].path, directory / "other.raw");
  write_journal();
  {
    const FailingCall failing(1, ENOTSUP, Fault::setxattr_onwards);
    put_marks(journal, {link}, {disks[0]});
    EXPECT_ERROR(ErrorKind::usage, "hard link", put_marks(journal, {link}, disks));
  }
  EXPECT_FALSE(mark_of(volume("other.raw")));
}

}  // namespace
}  // namespace rehost
