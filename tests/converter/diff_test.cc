#include "converter/diff.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(Diff, IsUnifiedWithContext) {
  EXPECT_EQ(unified_diff(GuestPath("/etc/fstab"), "a\nb\nc\nd\ne\nf\n", "a\nb\nc\nX\ne\nf\n"),
            "--- a/etc/fstab\n+++ b/etc/fstab\n@@ -1,6 +1,6 @@\n a\n b\n c\n-d\n+X\n e\n f\n");
}

TEST(Diff, NewAndRemovedFilesNameDevNull) {
  EXPECT_EQ(unified_diff(GuestPath("/n"), std::nullopt, "x\n"),
            "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n");
  EXPECT_EQ(unified_diff(GuestPath("/n"), "x\n", std::nullopt),
            "--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
}

TEST(Diff, MentionsAMissingLastNewline) {
  const std::string diff = unified_diff(GuestPath("/n"), "x", "x\n");
  EXPECT_NE(diff.find("No newline at end of file"), std::string::npos) << diff;
}

TEST(Diff, BytesThatAreNoTextAreNotPrinted) {
  const std::string diff = unified_diff(GuestPath("/n"), std::string_view("a\0b", 3), "text");
  EXPECT_NE(diff.find("binary: 3 bytes become 4"), std::string::npos) << diff;
  EXPECT_EQ(unified_diff(GuestPath("/n"), std::nullopt, std::string_view("\0", 1)),
            "--- /dev/null\n+++ b/n\nbinary: 1 bytes, sha256 "
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d\n");
}

}  // namespace
}  // namespace rehost
