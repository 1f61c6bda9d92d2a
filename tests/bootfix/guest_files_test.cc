#include "bootfix/guest_files.h"

#include <gtest/gtest.h>

#include "converter/core/guest_tree.h"
#include "tests/support/memory_guest.h"

namespace rehost {
namespace {

std::vector<std::string> matches(const GuestView& guest, std::string_view pattern) {
  std::vector<std::string> paths;
  for (const GuestPath& path : matching_entries(guest, pattern)) {
    paths.push_back(path.str());
  }
  return paths;
}

TEST(GuestFiles, PatternsGoThroughLinkedDirectoriesAndNameEntriesOnce) {
  MemoryGuest guest;
  guest.add_file("/etc/rc.d/rc3.d/S10x", "");
  guest.add_file("/etc/rc.d/rc5.d/S10x", "");
  guest.add_symlink("/etc/rc3.d", "rc.d/rc3.d");
  guest.add_symlink("/etc/rc4.d", "rc.d/rc3.d");
  guest.add_symlink("/etc/rc9.d", "nowhere");
  EXPECT_EQ(matches(guest, "/etc/rc?.d/S*"), std::vector<std::string>{"/etc/rc.d/rc3.d/S10x"});
  EXPECT_EQ(matches(guest, "/etc/rc.d/*/S10x"),
            (std::vector<std::string>{"/etc/rc.d/rc3.d/S10x", "/etc/rc.d/rc5.d/S10x"}));
  EXPECT_EQ(matches(guest, "/etc/rc3.d"), std::vector<std::string>{"/etc/rc3.d"});
  EXPECT_TRUE(matches(guest, "/etc/rc.d/rc3.d/S10x/y").empty());
  EXPECT_TRUE(matches(guest, "/absent/*").empty());
}

TEST(GuestFiles, WhatLiesInARemovedDirectoryIsNotNamedAgain) {
  MemoryGuest guest;
  guest.add_file("/opt/agent/agent.conf", "");
  guest.add_file("/opt/agent.log", "");
  FixResult result;
  const std::string patterns[] = {"/opt/agent*", "/opt/agent/*"};
  plan_removals(result, guest, "test", patterns, "test");
  ASSERT_EQ(result.edits.size(), 2U);
  EXPECT_EQ(edited_path(result.edits[0]), GuestPath("/opt/agent"));
  EXPECT_EQ(edited_path(result.edits[1]), GuestPath("/opt/agent.log"));
}

TEST(GuestFiles, WhatIsNoFileStaysWithAWarning) {
  MemoryGuest guest;
  guest.add_device("/opt/agent", FileType::block_device);
  FixResult result;
  plan_entry_removal(result, guest, "test", GuestPath("/opt/agent"), "test");
  EXPECT_TRUE(result.edits.empty());
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_EQ(result.warnings[0].code, "left-behind-kept");
}

TEST(GuestTree, ItsHashSeesEveryNameTypeModeAndSize) {
  MemoryGuest guest;
  guest.add_file("/d/a", "1", 0600);
  guest.add_file("/d/sub/b", "22");
  const auto hash = [&] { return list_tree(guest, GuestPath("/d"))->hash; };
  const ContentHash before = hash();
  EXPECT_EQ(list_tree(guest, GuestPath("/d"))->entries, 3U);
  guest.write(GuestPath("/d/sub/b"), "333", 0644);
  EXPECT_NE(hash(), before);
  guest.write(GuestPath("/d/sub/b"), "22", 0644);
  EXPECT_EQ(hash(), before);
  guest.add_symlink("/d/link", "/");
  EXPECT_NE(hash(), before);
}

TEST(GuestTree, ALinkIsNoTreeAndTooMuchIsNone) {
  MemoryGuest guest;
  guest.add_directory("/d");
  guest.add_symlink("/link", "d");
  EXPECT_FALSE(list_tree(guest, GuestPath("/link")));
  EXPECT_FALSE(list_tree(guest, GuestPath("/absent")));
  EXPECT_EQ(list_tree(guest, GuestPath("/d"))->entries, 0U);
}

}  // namespace
}  // namespace rehost
