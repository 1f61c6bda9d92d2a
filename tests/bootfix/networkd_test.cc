#include "bootfix/networkd.h"

#include <gtest/gtest.h>

#include "tests/bootfix/network_laws.h"

namespace rehost {
namespace {

using namespace testing;  // the words of tests/bootfix/network_laws.h

const std::string kDirectory = "/etc/systemd/network/";
const std::string kOwnText =
    "# Written by rehost: any network card asks DHCP.\n[Match]\nName=en* eth*\n\n"
    "[Network]\nDHCP=yes\n";
const std::string kStatic =
    "[Match]\nName=ens192\n\n[Network]\nDNS=10.0.0.2\nAddress=10.0.0.5/24\n\n"
    "[Address]\nAddress=10.0.0.6/24\n\n[Route]\nGateway=10.0.0.1\n";

MemoryGuest guest_with(const std::string& name, const std::string& text) {
  MemoryGuest guest;
  guest.add_symlink("/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
                    "/lib/systemd/system/systemd-networkd.service");
  guest.add_file(kDirectory + name, text);
  return guest;
}

TEST(Networkd, AStaticFileIsSetAsideAndAnyCardAsksDhcp) {
  const MemoryGuest after = fixed_network(guest_with("10-lan.network", kStatic), "networkd");
  EXPECT_EQ(file_of(after, kDirectory + "90-rehost.network"), kOwnText);
  EXPECT_EQ(file_of(after, kDirectory + "10-lan.network"), kGone);
  EXPECT_EQ(aside(after, kDirectory + "10-lan.network"), kStatic);
}

TEST(Networkd, TheWarningSaysWhatItWas) {
  const std::vector<Warning> all =
      network_warnings(guest_with("10-lan.network", kStatic), "networkd");
  ASSERT_EQ(codes(all), std::vector<std::string>{"network-set-aside"});
  EXPECT_EQ(all[0].sentence,
            "/etc/systemd/network/10-lan.network configured ens192 with Name=ens192, DNS=10.0.0.2, "
            "Address=10.0.0.5/24, Address=10.0.0.6/24, Gateway=10.0.0.1: set aside in "
            "/var/lib/rehost/set-aside/etc/systemd/network/10-lan.network, any card asks DHCP "
            "instead");
}

TEST(Networkd, DhcpOnAnyCardIsLeftAlone) {
  EXPECT_EQ(network_edits(guest_with("20-wired.network", kOwnText), "networkd"), 0u);
  EXPECT_EQ(
      network_edits(guest_with("20-wired.network", "[Match]\nType=ether\n[Network]\nDHCP=ipv4\n"),
                    "networkd"),
      0u);
}

TEST(Networkd, TwoFilesTogetherMayHoldForAnyCard) {
  MemoryGuest guest = guest_with("20-en.network", "[Match]\nName=en*\n[Network]\nDHCP=yes\n");
  guest.add_file(kDirectory + "21-eth.network", "[Match]\nName=eth0\n[Network]\nDHCP=true\n");
  EXPECT_EQ(network_edits(guest, "networkd"), 0u);
}

TEST(Networkd, DhcpOnAnotherNameStaysAndAnyCardAsksToo) {
  const std::string text = "[Match]\nName=ens192\n\n[Network]\nDHCP=ipv4\n";
  const MemoryGuest after = fixed_network(guest_with("10-lan.network", text), "networkd");
  EXPECT_EQ(file_of(after, kDirectory + "10-lan.network"), text);
  EXPECT_EQ(file_of(after, kDirectory + "90-rehost.network"), kOwnText);
}

TEST(Networkd, AFileThatRefusesTheDefaultRouteOrTheCardIsSetAside) {
  for (const std::string section :
       {"[DHCPv4]\nUseRoutes=no\n", "[DHCP]\nUseRoutes=false\n", "[DHCPv4]\nUseGateway=false\n",
        "[Link]\nUnmanaged=yes\n", "[Link]\nActivationPolicy=manual\n"}) {
    const MemoryGuest after = fixed_network(
        guest_with("10-lan.network", "[Match]\nName=e*\n[Network]\nDHCP=yes\n" + section),
        "networkd");
    EXPECT_EQ(file_of(after, kDirectory + "10-lan.network"), kGone) << section;
    EXPECT_EQ(file_of(after, kDirectory + "90-rehost.network"), kOwnText);
  }
}

TEST(Networkd, AMacAddressIsSetAside) {
  const MemoryGuest after = fixed_network(
      guest_with("10-lan.network", "[Match]\nMACAddress=00:0c:29:3e:5a:01\n[Network]\nDHCP=yes\n"),
      "networkd");
  EXPECT_EQ(file_of(after, kDirectory + "10-lan.network"), kGone);
}

TEST(Networkd, APortOfABondIsSetAsideAndTheBondIsNotManaged) {
  MemoryGuest guest = guest_with("10-port.network", "[Match]\nName=en*\n[Network]\nBond=bond0\n");
  guest.add_file(kDirectory + "bond0.network",
                 "[Match]\nName=bond0\n[Network]\nAddress=10.0.0.5/24\n");
  guest.add_file(kDirectory + "bond0.netdev", "[NetDev]\nName=bond0\nKind=bond\n");
  const MemoryGuest after = fixed_network(guest, "networkd");
  EXPECT_EQ(file_of(after, kDirectory + "10-port.network"), kGone);
  EXPECT_EQ(file_of(after, kDirectory + "bond0.network"), kGone);
  EXPECT_NE(file_of(after, kDirectory + "bond0.netdev"), kGone);
  EXPECT_EQ(codes(network_warnings(guest, "networkd")),
            (std::vector<std::string>{"network-not-started", "network-set-aside"}));
}

TEST(Networkd, ACardThatCarriesAVlanIsSetAside) {
  MemoryGuest guest =
      guest_with("10-lan.network", "[Match]\nName=en*\n[Network]\nDHCP=yes\nVLAN=vlan7\n");
  const MemoryGuest after = fixed_network(guest, "networkd");
  EXPECT_EQ(file_of(after, kDirectory + "10-lan.network"), kGone);
  EXPECT_EQ(file_of(after, kDirectory + "90-rehost.network"), kOwnText);
}

TEST(Networkd, ABridgeWithoutCardsStays) {
  MemoryGuest guest = guest_with("20-any.network", kOwnText);
  guest.add_file(kDirectory + "br0.network", "[Match]\nName=br0\n[Network]\nAddress=10.9.0.1/24\n");
  EXPECT_EQ(network_edits(guest, "networkd"), 0u);
}

TEST(Networkd, ACardThatALinkFileRenamesIsACard) {
  MemoryGuest guest =
      guest_with("10-lan.network", "[Match]\nName=lan0\n[Network]\nAddress=10.0.0.5/24\n");
  EXPECT_EQ(network_edits(guest, "networkd"), 0u);
  guest.add_file(kDirectory + "10-lan.link",
                 "[Match]\nMACAddress=00:50:56:aa:bb:cc\n[Link]\nName=lan0\n");
  const MemoryGuest after = fixed_network(guest, "networkd");
  EXPECT_EQ(file_of(after, kDirectory + "90-rehost.network"), kOwnText);
  EXPECT_EQ(file_of(after, kDirectory + "10-lan.network"), kGone);
}

TEST(Networkd, FilesOfAServiceThatIsNotEnabledAreLeftAlone) {
  MemoryGuest guest;
  guest.add_file(kDirectory + "10-lan.network", kStatic);
  EXPECT_FALSE(networkd_in_use(guest));
  EXPECT_EQ(network_edits(guest, "networkd"), 0u);
}

TEST(Networkd, NothingBreaksOnABrokenFile) {
  testing::break_file(guest_with("10-lan.network", kStatic + "[Match]\nName=a \\\n b"),
                      kDirectory + "10-lan.network", "networkd");
}

}  // namespace
}  // namespace rehost
