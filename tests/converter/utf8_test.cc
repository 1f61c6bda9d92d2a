#include "converter/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace rehost {
namespace {

TEST(Utf8, ReadsCharactersOfEveryLength) {
  EXPECT_EQ(first_character("a").code, 0x61U);
  EXPECT_EQ(first_character("\u00e9x").code, 0xe9U);
  EXPECT_EQ(first_character("\u4f60").length, 3U);
  EXPECT_EQ(first_character("\U0010ffff").code, 0x10ffffU);
}

TEST(Utf8, RefusesWhatIsNone) {
  for (const std::string text : {
           "\x80",
           "\xff",
           "\xc3",
           "\xe4\xbd",
           "\xc3(",
           "\xc0\xbc",          // overlong "<"
           "\xe0\x80\xbc",      // and longer
           "\xf0\x80\x80\xbc",  // and longest
           "\xed\xa0\x80",      // half of a surrogate pair
           "\xf4\x90\x80\x80",  // beyond the last character
           "\xf8\x88\x80\x80\x80",
       }) {
    EXPECT_EQ(first_character(text).length, 0U) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace rehost
