#include "bootfix/dhcpcd.h"

#include <gtest/gtest.h>

#include "tests/bootfix/network_laws.h"

namespace rehost {
namespace {

using namespace testing;  // the words of tests/bootfix/network_laws.h

constexpr std::string_view kConf = "/etc/dhcpcd.conf";
const std::string kDefault =
    "# A sample configuration for dhcpcd.\nhostname\nclientid\npersistent\noption rapid_commit\n"
    "slaac private\n\n# Example static IP configuration:\n#interface eth0\n"
    "#static ip_address=192.168.0.10/24\n";

MemoryGuest guest_with(const std::string& conf) {
  MemoryGuest guest;
  guest.add_symlink("/etc/systemd/system/multi-user.target.wants/dhcpcd.service",
                    "/lib/systemd/system/dhcpcd.service");
  guest.add_file(kConf, conf);
  return guest;
}

std::string fixed_text(const std::string& conf) {
  return file_of(fixed_network(guest_with(conf), "dhcpcd"), kConf);
}

TEST(Dhcpcd, TheDefaultIsLeftAlone) {
  EXPECT_EQ(fixed_text(kDefault), kDefault);
}

TEST(Dhcpcd, AStaticSectionIsSetAside) {
  const std::string conf = kDefault +
                           "interface eth0\nstatic ip_address=10.0.0.5/24\n"
                           "static routers=10.0.0.1\nmetric 7\n"
                           "static domain_name_servers=10.0.0.2 8.8.8.8\n";
  EXPECT_EQ(fixed_text(conf), kDefault + "interface eth0\nmetric 7\n");
  EXPECT_EQ(aside(fixed_network(guest_with(conf), "dhcpcd"), "/etc/dhcpcd.conf"), conf);
}

TEST(Dhcpcd, TheWarningSaysWhatItWas) {
  const std::vector<Warning> all = network_warnings(
      guest_with("interface eth0\nstatic ip_address=10.0.0.5/24\nstatic routers=10.0.0.1\n"),
      "dhcpcd");
  ASSERT_EQ(codes(all), std::vector<std::string>{"network-set-aside"});
  EXPECT_EQ(all[0].sentence,
            "/etc/dhcpcd.conf configured network cards with eth0: static ip_address=10.0.0.5/24, "
            "eth0: static routers=10.0.0.1: set aside in "
            "/var/lib/rehost/set-aside/etc/dhcpcd.conf, all cards ask DHCP instead");
}

TEST(Dhcpcd, NameServersOfOnesOwnStayBesideDhcp) {
  const std::string conf = "interface eth0\nstatic domain_name_servers=1.1.1.1\n";
  EXPECT_EQ(fixed_text(conf), conf);
}

TEST(Dhcpcd, ListsThatLeaveTheCardOutAreSetAside) {
  EXPECT_EQ(fixed_text("allowinterfaces ens192\nhostname\n"), "hostname\n");
  EXPECT_EQ(fixed_text("denyinterfaces eth0\nhostname\n"), "hostname\n");
  const std::string harmless = "allowinterfaces e* wlan*\ndenyinterfaces veth* docker0\n";
  EXPECT_EQ(fixed_text(harmless), harmless);
}

TEST(Dhcpcd, TheCardTakesTheDefaultRoute) {
  std::vector<std::string> dropped;
  EXPECT_EQ(dhcpcd_with_dhcp("hostname\ninterface eth0\nnogateway\nmetric 5\n", dropped),
            "hostname\ninterface eth0\nmetric 5\n");
  EXPECT_EQ(dropped, std::vector<std::string>{"eth0: nogateway"});
}

TEST(Dhcpcd, OtherInterfacesAreLeftAlone) {
  const std::string conf = "interface wlan0\nstatic ip_address=10.3.141.1/24\nnohook wpa\n";
  EXPECT_EQ(fixed_text(conf), conf);
}

TEST(Dhcpcd, AClientOfAnotherStackIsNotInUse) {
  MemoryGuest guest;
  guest.add_file(kConf, "interface eth0\nstatic ip_address=10.0.0.5/24\n");
  EXPECT_FALSE(dhcpcd_in_use(guest));
  EXPECT_EQ(network_edits(guest, "dhcpcd"), 0u);
}

TEST(Dhcpcd, NothingBreaksOnABrokenFile) {
  testing::break_file(guest_with("hostname\ninterface eth0\nstatic ip_address=10.0.0.5/24\n"
                                 "inform 10.0.0.5\nprofile a\nallowinterfaces ens192"),
                      kConf, "dhcpcd");
}

}  // namespace
}  // namespace rehost
