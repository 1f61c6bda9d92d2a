#include "converter/html_text.h"

#include <gtest/gtest.h>

#include "converter/html_diff.h"
#include "converter/html_parts.h"

namespace rehost {
namespace {

TEST(HtmlText, MarkupBecomesText) {
  EXPECT_EQ(html_text("<b>&\"'"), "&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(html_text("&lt;"), "&amp;lt;");
}

TEST(HtmlText, KeepsTextInAnyLanguage) {
  const std::string text = "tab\tline\nGr\u00fc\u00dfe \u4f60\u597d \U0001F427";
  EXPECT_EQ(html_text(text), text);
}

TEST(HtmlText, ControlCharactersAreShown) {
  EXPECT_EQ(html_text(std::string("a\0b", 3)), "a&#x2400;b");
  EXPECT_EQ(html_text("\x1b[31m\r\x7f"), "&#x241b;[31m&#x240d;&#x2421;");
  EXPECT_EQ(html_text("\u009b"), "\uFFFD");
}

TEST(HtmlText, WhatTurnsTheDirectionOfWritingIsNamed) {
  EXPECT_EQ(html_text("a\u202ecod.exe"), "a[U+202E]cod.exe");
  EXPECT_EQ(html_text("a\u2066b\u200bc\ufeff"), "a[U+2066]b[U+200B]c[U+FEFF]");
}

TEST(HtmlText, BytesThatAreNoTextAreReplacedOneByOne) {
  EXPECT_EQ(html_text("\xff<\xc0\xbc"), "\uFFFD&lt;\uFFFD\uFFFD");
  EXPECT_EQ(html_text("\ufffe"), "\uFFFD") << "a noncharacter";
}

TEST(HtmlDiff, ColoursLinesByWhatTheyAre) {
  DiffRoom room;
  const std::string html = html_diff(
      "--- a/etc/fstab\n+++ b/etc/fstab\n@@ -1,2 +1,2 @@\n-old\n+new\n same\n--- a\n", room);
  EXPECT_NE(html.find("<span class=\"file\">--- a/etc/fstab</span>"), std::string::npos);
  EXPECT_NE(html.find("<span class=\"at\">@@ -1,2 +1,2 @@</span>"), std::string::npos);
  EXPECT_NE(
      html.find("<span class=\"del\">-old</span><span class=\"add\">+new</span><span> same</span>"),
      std::string::npos);
  EXPECT_NE(html.find("<span class=\"del\">--- a</span>"), std::string::npos)
      << "a removed line \"-- a\"";
}

TEST(HtmlDiff, CutsLongDiffsAndSaysSo) {
  std::string diff = "@@ -0,0 +1,1000 @@\n";
  for (int i = 0; i < 1000; ++i) {
    diff += "+line\n";
  }
  DiffRoom room;
  const std::string html = html_diff(diff, room);
  EXPECT_NE(html.find("601 more lines: the JSON report has all of them"), std::string::npos);
  EXPECT_LT(html.size(), 40000U);
}

TEST(HtmlDiff, CutsLongLinesAndSaysSo) {
  DiffRoom room;
  EXPECT_NE(html_diff("+" + std::string(10000, 'x'), room).find("[5905 more bytes]"),
            std::string::npos);
}

TEST(HtmlDiff, APageHasRoomForSoManyDiffs) {
  DiffRoom room{.bytes = 100};
  const std::string diff = "@@ -0,0 +1 @@\n+" + std::string(200, 'x') + "\n";
  EXPECT_NE(html_diff(diff, room).find("xxx"), std::string::npos);
  EXPECT_EQ(room.bytes, 0U);
  const std::string second = html_diff(diff, room);
  EXPECT_EQ(second.find("xxx"), std::string::npos);
  EXPECT_NE(second.find("2 more lines"), std::string::npos);
}

TEST(HtmlParts, CellsAreTextUnlessToldOtherwise) {
  Table table({"A", "B"}, {1});
  EXPECT_EQ(table.html(), "");
  table.add({"<i>", "1"});
  table.add_html({"<i>x</i>", "2"});
  EXPECT_NE(table.html().find(
                "<td data-name=\"A\">&lt;i&gt;</td><td class=\"number\" data-name=\"B\">1</td>"),
            std::string::npos);
  EXPECT_NE(table.html().find("<td data-name=\"A\"><i>x</i></td>"), std::string::npos);
}

TEST(HtmlParts, VeryLongTablesAreCut) {
  Table table({"A"}, {});
  for (int i = 0; i < 600; ++i) {
    table.add({"x"});
  }
  EXPECT_NE(table.html().find("And 100 more"), std::string::npos);
}

TEST(HtmlParts, EmptyValuesLeaveTheirNameOut) {
  DefinitionList list;
  list.add("System", "");
  EXPECT_EQ(list.html(), "");
  list.add("System", "Debian <12>");
  EXPECT_EQ(list.html(), "<dl>\n<dt>System</dt><dd>Debian &lt;12&gt;</dd>\n</dl>\n");
}

}  // namespace
}  // namespace rehost
