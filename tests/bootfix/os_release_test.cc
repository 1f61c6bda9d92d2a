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

// The first lines as the packages of the distributions have them.
TEST(OsRelease, KnowsEveryReleaseFileOfTheRedHatFamily) {
  struct Row {
    std::string_view text, id, version;
  };
  for (const Row& row : {
           Row{"CentOS release 5.11 (Final)\n", "centos", "5.11"},
           Row{"CentOS Linux release 7.8.2003 (Core)\n", "centos", "7.8.2003"},
           Row{"CentOS Stream release 9\n", "centos", "9"},
           Row{"Red Hat Enterprise Linux release 8.10 (Ootpa)\n", "rhel", "8.10"},
           Row{"Oracle Linux Server release 5.11\n", "ol", "5.11"},
           Row{"Enterprise Linux Enterprise Linux Server release 5.4 (Carthage)\n", "ol", "5.4"},
           Row{"Scientific Linux release 6.10 (Carbon)\n", "scientific", "6.10"},
           Row{"Rocky Linux release 9.4 (Blue Onyx)\n", "rocky", "9.4"},
           Row{"AlmaLinux release 8.10 (Cerulean Leopard)\n", "almalinux", "8.10"},
           Row{"Amazon Linux AMI release 2016.09\n", "amzn", "2016.09"},
           Row{"Amazon Linux release 2 (Karoo)\n", "amzn", "2"},
           Row{"Fedora release 20 (Heisenbug)\n", "fedora", "20"},
       }) {
    const std::optional<OsRelease> os = parse_redhat_release(row.text);
    ASSERT_TRUE(os) << row.text;
    EXPECT_EQ(os->id, row.id) << row.text;
    EXPECT_EQ(os->version_id, row.version) << row.text;
    EXPECT_NE(find_distro(os->id, os->id_like), nullptr) << row.text;
  }
}

TEST(OsRelease, AReleaseFileIsHostileToo) {
  EXPECT_FALSE(parse_redhat_release(""));
  EXPECT_FALSE(parse_redhat_release(std::string("\0\0CentOS 6", 10)));
  EXPECT_FALSE(parse_redhat_release("\n\nCentOS release 6.10 (Final)\n"));
  EXPECT_EQ(parse_redhat_release("CentOS release\r\n")->version_id, "");
  EXPECT_EQ(parse_redhat_release("CentOS release ....9..1.\n")->version_id, "9..1");
  EXPECT_EQ(parse_redhat_release("Fedora " + std::string(1u << 20, '9'))->version_id.size(),
            size_t{1} << 20);
  EXPECT_TRUE(Version::parse(std::string(1u << 20, '9')).parts.empty());
}

// The first file that tells wins; one that says nothing is passed over.
TEST(OsRelease, AnEmptyReleaseFileHidesNoOther) {
  MemoryGuest guest;
  guest.add_file("/etc/os-release", "");
  guest.add_file("/etc/oracle-release", "\n");
  guest.add_symlink("/etc/redhat-release", "centos-release");
  guest.add_file("/etc/centos-release", "CentOS release 6.10 (Final)\n");
  EXPECT_EQ(read_os_release(guest)->id, "centos");
}

}  // namespace
}  // namespace rehost
