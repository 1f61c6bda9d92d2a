#include "converter/subtree_view.h"

#include <gtest/gtest.h>

#include "tests/support/memory_guest.h"

namespace rehost {
namespace {

MemoryGuest guest_with_subtree() {
  MemoryGuest guest;
  guest.add_file("/etc/os-release", "ID=outside\n");
  guest.add_file("/@/usr/lib/os-release", "ID=inside\n");
  guest.add_symlink("/@/etc/os-release", "../usr/lib/os-release");
  guest.add_symlink("/@/etc/absolute", "/usr/lib/os-release");
  guest.add_symlink("/@/etc/upwards", "../../../etc/os-release");
  return guest;
}

std::string text_of(const GuestView& view, const char* path) {
  return view.read(GuestPath(path), kMaxTextBytes).value_or("(no such file)");
}

TEST(SubtreeView, ShowsTheTreeAsIfItWereTheRoot) {
  const MemoryGuest guest = guest_with_subtree();
  const SubtreeView tree(guest, GuestPath("/@"));
  EXPECT_EQ(text_of(tree, "/usr/lib/os-release"), "ID=inside\n");
  EXPECT_EQ(tree.stat(GuestPath("/"))->type, FileType::directory);
  ASSERT_EQ(tree.list(GuestPath("/")).size(), 2u);
  EXPECT_EQ(tree.list(GuestPath("/")).front().name, "etc");
  EXPECT_EQ(*tree.read_link(GuestPath("/etc/os-release")), "../usr/lib/os-release");
  EXPECT_EQ(*tree.read_range(GuestPath("/usr/lib/os-release"), 3, 6), "inside");
}

TEST(SubtreeView, LinksStayInTheTree) {
  const MemoryGuest guest = guest_with_subtree();
  const SubtreeView tree(guest, GuestPath("/@"));
  EXPECT_EQ(text_of(tree, "/etc/os-release"), "ID=inside\n");
  EXPECT_EQ(text_of(tree, "/etc/absolute"), "ID=inside\n");
  EXPECT_EQ(text_of(tree, "/../etc/os-release"), "ID=inside\n");
  EXPECT_EQ(text_of(tree, "/etc/upwards"), "ID=inside\n");
}

TEST(SubtreeView, TheWholeGuestIsASubtreeToo) {
  const MemoryGuest guest = guest_with_subtree();
  EXPECT_EQ(text_of(SubtreeView(guest, GuestPath("/")), "/etc/os-release"), "ID=outside\n");
}

}  // namespace
}  // namespace rehost
