#include "converter/shell_words.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(ShellWords, NothingInAWordIsTheShells) {
  EXPECT_EQ(shell_line({"dracut", "-f", "/boot/a b; rm -rf $HOME"}),
            "'dracut' '-f' '/boot/a b; rm -rf $HOME'");
  EXPECT_EQ(shell_line({"it's", ""}), "'it'\\''s' ''");
}

TEST(ShellWords, TheStatusIsBehindTheOutput) {
  EXPECT_EQ(line_with_status({"false"}), "('false') 2>&1 </dev/null; echo \"rehost-status:$?\"");
  const std::optional<CommandResult> result = result_with_status("no room\nrehost-status:28\n");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_status, 28);
  EXPECT_EQ(result->output, "no room\n");
}

TEST(ShellWords, ACommandThatPrintsAStatusDoesNotSetItsOwn) {
  const std::optional<CommandResult> result =
      result_with_status("rehost-status:0\nrehost-status:1\n");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_status, 1);
  EXPECT_EQ(result->output, "rehost-status:0\n");
}

TEST(ShellWords, WithoutAStatusThereIsNoResult) {
  EXPECT_FALSE(result_with_status("killed"));
  EXPECT_FALSE(result_with_status("rehost-status:"));
}

}  // namespace
}  // namespace rehost
