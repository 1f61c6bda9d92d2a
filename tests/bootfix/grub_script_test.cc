#include "bootfix/grub_script.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

// "set default=0|linux /x" : the commands of a script, quotes taken away.
std::string commands(std::string_view text) {
  std::string joined;
  for (const ScriptCommand& command : parse_grub_script(text).commands) {
    joined += joined.empty() ? "" : "|";
    for (size_t i = 0; i < command.words.size(); ++i) {
      joined += (i == 0 ? "" : " ") + command.words[i].text;
    }
  }
  return joined;
}

TEST(GrubScript, SplitsCommandsAtLinesAndSemicolons) {
  EXPECT_EQ(commands("a b\nc ; d&& e\n"), "a b|c|d|e");
}

TEST(GrubScript, TakesQuotesAndEscapesAway) {
  EXPECT_EQ(commands("set root='hd0,msdos1' \"a b\" c\\ d x'y'\"z\""),
            "set root=hd0,msdos1 a b c d xyz");
}

TEST(GrubScript, LeavesVariablesAsTheyAre) {
  EXPECT_EQ(commands("set default=\"${saved_entry}\" $root ${a}b"),
            "set default=${saved_entry} $root ${a}b");
}

TEST(GrubScript, LeavesCommentsOut) {
  EXPECT_EQ(commands("# a\nb # c\nd#e\n"), "b|d#e");
}

TEST(GrubScript, KeywordsAreNoCommands) {
  EXPECT_EQ(commands("if [ a = b ]; then\n c\nelse d; fi\n"), "[ a = b ]|c|d");
}

TEST(GrubScript, ALineGoesOnBehindABackslash) {
  EXPECT_EQ(commands("a \\\n b\n"), "a b");
}

TEST(GrubScript, KnowsWhichCommandOpensABlock) {
  const GrubScript script =
      parse_grub_script("submenu 'S' {\n menuentry 'M' {\n linux /x\n }\n}\na\n");
  ASSERT_EQ(script.blocks.size(), 2u);
  EXPECT_EQ(script.commands[*script.blocks[1].opener].words[1].text, "M");
  EXPECT_EQ(script.blocks[1].parent, 0u);
  EXPECT_EQ(script.commands[2].block, 1u);
  EXPECT_EQ(script.commands[3].block, std::nullopt);
}

TEST(GrubScript, BracesThatDoNotMatchAreSurvived) {
  EXPECT_EQ(commands("}}} a { { b"), "a|b");
}

TEST(GrubScript, NothingBreaksOnATruncatedFile) {
  const std::string text = testing::file_of(testing::debian12(), "/boot/grub/grub.cfg");
  for (size_t length = 0; length <= text.size(); ++length) {
    for (const ScriptCommand& command :
         parse_grub_script(std::string_view(text).substr(0, length)).commands) {
      ASSERT_LE(command.end(), length);
      ASSERT_LE(command.begin(), command.end());
    }
  }
}

}  // namespace
}  // namespace rehost
