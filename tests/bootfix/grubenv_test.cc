#include "bootfix/grubenv.h"

#include <gtest/gtest.h>

#include "tests/bootfix/loaders.h"

namespace rehost {
namespace {

using testing::grubenv_block;

TEST(Grubenv, ReadsItsVariables) {
  const auto variables =
      parse_grubenv("# GRUB Environment Block\nsaved_entry=a=b\n# x=y is a comment\nz=\n#####");
  EXPECT_EQ(variables.at("saved_entry"), "a=b");
  EXPECT_EQ(variables.at("z"), "");
}

TEST(Grubenv, AnotherFileIsNone) {
  EXPECT_TRUE(parse_grubenv("saved_entry=1\n").empty());
  EXPECT_EQ(with_grubenv_variable("saved_entry=1\n", "saved_entry", "2"), std::nullopt);
}

TEST(Grubenv, KeepsItsSizeAndItsOtherLines) {
  const std::string block =
      grubenv_block("# WARNING: Do not edit\nsaved_entry=old\nboot_success=1\n");
  const auto longer = with_grubenv_variable(block, "saved_entry", "a longer one");
  EXPECT_EQ(longer,
            grubenv_block("# WARNING: Do not edit\nsaved_entry=a longer one\nboot_success=1\n"));
  EXPECT_EQ(longer->size(), 1024u);
  EXPECT_EQ(with_grubenv_variable(*longer, "saved_entry", "old"), block);
}

TEST(Grubenv, AddsAVariableBehindTheOthers) {
  EXPECT_EQ(with_grubenv_variable(grubenv_block(""), "saved_entry", "x"),
            grubenv_block("saved_entry=x\n"));
  EXPECT_EQ(with_grubenv_variable(grubenv_block("a=1\n"), "b", "2"), grubenv_block("a=1\nb=2\n"));
}

TEST(Grubenv, EscapesWhatGrubEscapes) {
  const auto block = with_grubenv_variable(grubenv_block("a=1\n"), "a", "back\\slash\nline");
  EXPECT_EQ(block, grubenv_block("a=back\\\\slash\\\nline\n"));
  EXPECT_EQ(parse_grubenv(*block).at("a"), "back\\slash\nline");
}

TEST(Grubenv, SaysWhenItIsFull) {
  const std::string block = grubenv_block("a=1\n");
  const size_t room = 1024 - std::string("# GRUB Environment Block\na=\n").size();
  EXPECT_TRUE(with_grubenv_variable(block, "a", std::string(room, 'x')));
  EXPECT_FALSE(with_grubenv_variable(block, "a", std::string(room + 1, 'x')));
}

TEST(Grubenv, IsFoundOnceThroughALink) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/redhat/grubenv", grubenv_block("a=1\n"));
  guest.add_symlink("/boot/grub2/grubenv", "../efi/EFI/redhat/grubenv");
  const std::vector<TextFile> files = grubenv_files(guest);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].path, GuestPath("/boot/efi/EFI/redhat/grubenv"));
}

TEST(Grubenv, NothingBreaksOnATruncatedBlock) {
  const std::string block = grubenv_block("saved_entry=a\\\\b\nkernelopts=root=x\n");
  for (size_t length = 0; length <= 80; ++length) {
    const auto written = with_grubenv_variable(block.substr(0, length), "b", "");
    EXPECT_TRUE(!written || written->size() == length) << length;
  }
}

}  // namespace
}  // namespace rehost
