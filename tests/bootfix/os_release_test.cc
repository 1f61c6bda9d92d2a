#include "bootfix/os_release.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

TEST(OsRelease, ReadsDebian) {
  const OsRelease os = *read_os_release(testing::debian12());
  EXPECT_EQ(os.id, "debian");
  EXPECT_EQ(os.version_id, "12");
  EXPECT_EQ(os.pretty_name, "Debian GNU/Linux 12 (bookworm)");
}

TEST(OsRelease, TakesQuotesAndEscapesAway) {
  const OsRelease os = parse_os_release(
      "ID='centos'\nID_LIKE=\"rhel fedora\"\nPRETTY_NAME=\"a \\\"b\\\" \\$c\"\nVERSION_ID=\"7\"\n");
  EXPECT_EQ(os.id, "centos");
  EXPECT_EQ(os.id_like, "rhel fedora");
  EXPECT_EQ(os.pretty_name, "a \"b\" $c");
}

TEST(OsRelease, TheLastAssignmentWins) {
  EXPECT_EQ(parse_os_release("ID=a\n#ID=c\nID=b\n").id, "b");
}

TEST(OsRelease, UnderstandsCarriageReturns) {
  EXPECT_EQ(parse_os_release("ID=debian\r\nVERSION_ID=\"12\"\r\n").id, "debian");
}

TEST(OsRelease, KnowsEnterpriseLinux6ByItsReleaseFile) {
  const OsRelease os = *parse_redhat_release("CentOS release 6.10 (Final)\n");
  EXPECT_EQ(os.id, "centos");
  EXPECT_EQ(os.version_id, "6.10");
}

TEST(OsRelease, KnowsRedHat5) {
  const OsRelease os =
      *parse_redhat_release("Red Hat Enterprise Linux Server release 5.11 (Tikanga)\n");
  EXPECT_EQ(os.id, "rhel");
  EXPECT_EQ(os.version_id, "5.11");
}

TEST(OsRelease, KnowsSles11AndItsServicePack) {
  const OsRelease os = *parse_suse_release(
      "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n");
  EXPECT_EQ(os.id, "sles");
  EXPECT_EQ(os.version_id, "11.4");
}

TEST(OsRelease, KnowsOldDebianByItsVersionFile) {
  EXPECT_EQ(parse_debian_version("7.11\n")->version_id, "7.11");
  EXPECT_EQ(parse_debian_version("wheezy/sid\n")->version_id, "");
  EXPECT_FALSE(parse_debian_version("\n"));
}

TEST(OsRelease, OracleLinuxIsNotTakenForRedHat) {
  MemoryGuest guest;
  guest.add_file("/etc/oracle-release", "Oracle Linux Server release 6.10\n");
  guest.add_file("/etc/redhat-release",
                 "Red Hat Enterprise Linux Server release 6.10 (Santiago)\n");
  EXPECT_EQ(read_os_release(guest)->id, "ol");
}

TEST(OsRelease, AGuestWithoutAnyHasNone) {
  EXPECT_FALSE(read_os_release(MemoryGuest()));
}

}  // namespace
}  // namespace rehost
