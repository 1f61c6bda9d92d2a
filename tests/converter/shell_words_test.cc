#include "converter/shell_words.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(ShellWords, NothingInAWordIsTheShells) {
  EXPECT_EQ(shell_line({"dracut", "-f", "/boot/a b; rm -rf $HOME"}),
            "'dracut' '-f' '/boot/a b; rm -rf $HOME'");
  EXPECT_EQ(shell_line({"it's", ""}), "'it'\\''s' ''");
}

}  // namespace
}  // namespace rehost
