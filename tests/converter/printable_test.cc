#include "converter/printable.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(Printable, KeepsTextInAnyLanguage) {
  EXPECT_EQ(printable("tab\tline\nGr\u00fc\u00dfe \u4f60\u597d \U0001F427"),
            "tab\tline\nGr\u00fc\u00dfe \u4f60\u597d \U0001F427");
}

TEST(Printable, TakesEscapesAway) {
  EXPECT_EQ(printable("\x1b[31mred"), "?[31mred");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31mred"),
            "?31mred")
      << "C1 CSI as UTF-8";
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            "?31m")
      << "C1 CSI as a byte";
  EXPECT_EQ(printable("a\rb\x7f\b"), "a?b??");
}

TEST(Printable, SurvivesTextThatIsCutShort) {
  EXPECT_EQ(printable("\xe4\xbd"), "??");
  EXPECT_EQ(printable("\xf0"), "?");
  EXPECT_EQ(printable(""), "");
}

}  // namespace
}  // namespace rehost
