#include "bootfix/text_edits.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

std::string rejoined(std::string_view text) {
  std::string joined;
  for (const Line& line : split_lines(text)) {
    joined += text.substr(line.begin, line.next - line.begin);
  }
  return joined;
}

TEST(TextEdits, LinesCoverTheText) {
  for (const std::string_view text :
       {"", "\n", "a", "a\n", "a\nb", "\r\n", "a\r\n\r\nb\r", "\n\n\n"}) {
    EXPECT_EQ(rejoined(text), text);
  }
}

TEST(TextEdits, ALineEndsBeforeItsCarriageReturn) {
  const std::string_view text = "ab\r\ncd";
  EXPECT_EQ(content_of(text, split_lines(text)[0]), "ab");
  EXPECT_EQ(content_of(text, split_lines(text)[1]), "cd");
}

TEST(TextEdits, AppendingALineSuppliesTheMissingNewline) {
  EXPECT_EQ(with_line_appended("a", "b"), "a\nb\n");
  EXPECT_EQ(with_line_appended("a\r\n", "b"), "a\r\nb\r\n");
  EXPECT_EQ(with_line_appended("", "b"), "b\n");
  EXPECT_EQ(with_line_appended("a\\", "b"), "a\\\n\nb\n") << "a line that goes on";
}

TEST(TextEdits, NoEditGivesTheTextBack) {
  EXPECT_EQ(TextEdits().apply(std::string_view("a\0b\r\n", 5)), std::string("a\0b\r\n", 5));
}

TEST(TextEdits, EditsAreMadeAtThePlacesOfTheOriginal) {
  TextEdits edits;
  edits.replace(2, 3, "CC");
  edits.insert(0, ">");
  edits.insert(0, ">");
  edits.remove(3, 4);
  EXPECT_EQ(edits.apply("abcde"), ">>abCCe");
}

TEST(TextEdits, AnInsertionStandsBeforeWhatIsReplacedThere) {
  TextEdits edits;
  edits.insert(1, "x");
  edits.replace(1, 2, "B");
  EXPECT_EQ(edits.apply("abc"), "axBc");
}

}  // namespace
}  // namespace rehost
