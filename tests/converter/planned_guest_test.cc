#include "converter/planned_guest.h"

#include <gtest/gtest.h>

#include "tests/support/memory_guest.h"

namespace rehost {
namespace {

Edit edit_of(EditAction action) {
  return Edit{.fix = "test", .reason = "", .action = std::move(action)};
}

TEST(PlannedGuest, ShowsWhatWillBeAndLeavesWhatIs) {
  MemoryGuest guest;
  guest.add_file("/etc/fstab", "old\n", 0600);
  PlannedGuest planned(guest);
  planned.pretend(edit_of(WriteFile{
      .path = GuestPath("/etc/fstab"), .content = "new\n", .expects = hash_content("old\n")}));
  EXPECT_EQ(planned.read(GuestPath("/etc/fstab"), 100), "new\n");
  EXPECT_EQ(planned.stat(GuestPath("/etc/fstab"))->mode, 0600U);
  EXPECT_EQ(planned.stat(GuestPath("/etc/fstab"))->size, 4U);
  EXPECT_EQ(guest.read(GuestPath("/etc/fstab"), 100), "old\n");
}

TEST(PlannedGuest, NewFilesBringTheirDirectories) {
  MemoryGuest guest;
  guest.add_directory("/etc");
  PlannedGuest planned(guest);
  planned.pretend(edit_of(WriteFile{
      .path = GuestPath("/etc/dracut.conf.d/rehost.conf"), .content = "x", .expects = {}}));
  EXPECT_TRUE(is_directory(planned, GuestPath("/etc/dracut.conf.d")));
  ASSERT_EQ(planned.list(GuestPath("/etc")).size(), 1U);
  EXPECT_EQ(planned.list(GuestPath("/etc/dracut.conf.d"))[0].name, "rehost.conf");
  EXPECT_EQ(planned.read_range(GuestPath("/etc/dracut.conf.d/rehost.conf"), 0, 5), "x");
}

TEST(PlannedGuest, RemovedFilesAreGone) {
  MemoryGuest guest;
  guest.add_file("/etc/blkid.tab", "x");
  PlannedGuest planned(guest);
  planned.pretend(
      edit_of(RemoveFile{.path = GuestPath("/etc/blkid.tab"), .expects = hash_content("x")}));
  EXPECT_FALSE(planned.stat(GuestPath("/etc/blkid.tab")));
  EXPECT_FALSE(planned.read(GuestPath("/etc/blkid.tab"), 100));
  EXPECT_TRUE(planned.list(GuestPath("/etc")).empty());
}

TEST(PlannedGuest, EditsBehindLinksAreSeenByBothNames) {
  MemoryGuest guest;
  guest.add_file("/boot/grub2/grub.cfg", "old");
  guest.add_symlink("/etc/grub2.cfg", "../boot/grub2/grub.cfg");
  PlannedGuest planned(guest);
  planned.pretend(edit_of(WriteFile{
      .path = GuestPath("/etc/grub2.cfg"), .content = "new", .expects = hash_content("old")}));
  EXPECT_EQ(planned.read(GuestPath("/boot/grub2/grub.cfg"), 100), "new");
  EXPECT_EQ(planned.read(GuestPath("/etc/grub2.cfg"), 100), "new");
  EXPECT_EQ(planned.stat(GuestPath("/etc/grub2.cfg"))->type, FileType::symlink);
}

TEST(PlannedGuest, AppendsAddUp) {
  MemoryGuest guest;
  guest.add_file("/etc/initramfs-tools/modules", "a\n");
  PlannedGuest planned(guest);
  planned.pretend(edit_of(AppendFile{
      .path = GuestPath("/etc/initramfs-tools/modules"), .content = "b\n", .expects = {}}));
  planned.pretend(edit_of(AppendFile{
      .path = GuestPath("/etc/initramfs-tools/modules"), .content = "c\n", .expects = {}}));
  EXPECT_EQ(planned.read(GuestPath("/etc/initramfs-tools/modules"), 100), "a\nb\nc\n");
}

TEST(PlannedGuest, PlannedLinksAreFollowed) {
  MemoryGuest guest;
  guest.add_file("/lib/systemd/system/serial-getty@.service", "unit");
  PlannedGuest planned(guest);
  planned.pretend(
      edit_of(MakeSymlink{.path = GuestPath("/etc/systemd/system/getty.target.wants/s.service"),
                          .target = "/lib/systemd/system/serial-getty@.service",
                          .expects = {}}));
  EXPECT_EQ(planned.read(GuestPath("/etc/systemd/system/getty.target.wants/s.service"), 100),
            "unit");
  EXPECT_EQ(planned.read_link(GuestPath("/etc/systemd/system/getty.target.wants/s.service")),
            "/lib/systemd/system/serial-getty@.service");
}

TEST(PlannedGuest, ARemovedTreeIsGoneToItsLeavesAndStaysSo) {
  MemoryGuest guest;
  guest.add_file("/opt/agent/bin/java", "x");
  guest.add_file("/opt/agent2/file", "x");
  guest.add_symlink("/opt/link", "agent/bin");
  PlannedGuest planned(guest);
  planned.pretend(edit_of(
      WriteFile{.path = GuestPath("/opt/agent/new"), .content = "", .expects = std::nullopt}));
  planned.pretend(
      edit_of(RemoveTree{.path = GuestPath("/opt/agent"), .entries = 3, .expects = {}}));
  for (const char* path :
       {"/opt/agent", "/opt/agent/bin", "/opt/agent/bin/java", "/opt/agent/new"}) {
    EXPECT_FALSE(planned.stat(GuestPath(path))) << path;
  }
  EXPECT_FALSE(planned.read(GuestPath("/opt/link/java"), 10));
  EXPECT_TRUE(planned.list(GuestPath("/opt/agent")).empty());
  EXPECT_EQ(planned.list(GuestPath("/opt")).size(), 2U);
  EXPECT_TRUE(planned.stat(GuestPath("/opt/agent2/file")));
  planned.pretend(edit_of(
      WriteFile{.path = GuestPath("/opt/agent/later"), .content = "", .expects = std::nullopt}));
  EXPECT_EQ(planned.list(GuestPath("/opt/agent")).size(), 1U);
  EXPECT_FALSE(planned.stat(GuestPath("/opt/agent/bin")));
}

}  // namespace
}  // namespace rehost
