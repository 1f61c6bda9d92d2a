#include "bootfix/shell_assignments.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

ShellAssignment only(std::string_view text) {
  const std::vector<ShellAssignment> all = parse_shell_assignments(text);
  EXPECT_EQ(all.size(), 1u) << text;
  return all.empty() ? ShellAssignment() : all[0];
}

TEST(ShellAssignments, ReadsEveryKindOfQuoting) {
  EXPECT_EQ(only("A=b\n").quoting, Quoting::bare);
  EXPECT_EQ(only("A='b c'\n").quoting, Quoting::single_quote);
  EXPECT_EQ(only("A=\"b c\"\n").quoting, Quoting::double_quote);
  EXPECT_EQ(only("A=b'c'\n").quoting, Quoting::mixed);
  EXPECT_EQ(only("A=`date +%s`\n").quoting, Quoting::mixed);
  EXPECT_EQ(only("A=$(date +%s)\n").quoting, Quoting::mixed);
  EXPECT_EQ(only("A=\n").quoting, Quoting::bare);
}

TEST(ShellAssignments, TakesQuotesAndEscapesAway) {
  EXPECT_EQ(only("A=\"a \\\"b\\\" \\x\"\n").value, "a \"b\" \\x");
  EXPECT_EQ(only("A='a \\b'\n").value, "a \\b");
  EXPECT_EQ(only("A=\"a \\\nb\"\n").value, "a b");
}

TEST(ShellAssignments, KnowsWhereTheTextBetweenTheQuotesIs) {
  const std::string text = "# x\nA=\"b c\" # d\n";
  const ShellAssignment a = only(text);
  EXPECT_EQ(text.substr(a.text_begin, a.text_end - a.text_begin), "b c");
  EXPECT_EQ(text.substr(a.value_begin, a.value_end - a.value_begin), "\"b c\"");
  EXPECT_EQ(a.next_line, text.size());
}

TEST(ShellAssignments, PassesOverWhatIsNone) {
  EXPECT_TRUE(
      parse_shell_assignments("# A=b\nif [ A = b ]; then\n  echo A=b\nfi\n=c\n1A=b\n").empty());
}

TEST(ShellAssignments, SeesExportAndAppending) {
  EXPECT_EQ(only("export A=b\n").name, "A");
  EXPECT_TRUE(only("  A+=\" b\"\n").appends);
}

TEST(ShellAssignments, AQuoteThatIsNeverClosedEndsWithTheText) {
  const std::string text = "A=\"b c\nd\n";
  const ShellAssignment a = only(text);
  EXPECT_EQ(a.value_end, text.size());
  EXPECT_EQ(a.text_end, text.size());
}

}  // namespace
}  // namespace rehost
