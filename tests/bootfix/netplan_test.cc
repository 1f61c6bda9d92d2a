#include "bootfix/netplan.h"

#include <gtest/gtest.h>

#include "tests/bootfix/network_laws.h"

namespace rehost {
namespace {

using namespace testing;  // the words of tests/bootfix/network_laws.h

constexpr std::string_view kOwn = "/etc/netplan/90-rehost.yaml";
constexpr std::string_view kOwnText =
    "# Written by rehost: any network card asks DHCP.\nnetwork:\n  version: 2\n  ethernets:\n"
    "    rehost:\n      renderer: networkd\n      match:\n        name: \"e*\"\n"
    "      dhcp4: true\n";

const std::string kSubiquity = "/etc/netplan/00-installer-config.yaml";
const std::string kSubiquityStatic =
    "# This is the network config written by 'subiquity'\n"
    "network:\n"
    "  ethernets:\n"
    "    ens160:\n"
    "      addresses:\n"
    "      - 10.0.0.5/24\n"
    "      - 10.0.0.6/24\n"
    "      gateway4: 10.0.0.1\n"
    "      nameservers:\n"
    "        addresses:\n"
    "        - 10.0.0.2\n"
    "        search: []\n"
    "  version: 2\n";
const std::string kSubiquityDhcp =
    "# This is the network config written by 'subiquity'\n"
    "network:\n  ethernets:\n    ens160:\n      dhcp4: true\n  version: 2\n";
const std::string kCloudInit = "/etc/netplan/50-cloud-init.yaml";
const std::string kCloudInitPinned =
    "# This file is generated from information provided by the datasource.  Changes\n"
    "# to it will not persist across an instance reboot.\n"
    "network:\n"
    "    ethernets:\n"
    "        eth0:\n"
    "            dhcp4: true\n"
    "            match:\n"
    "                macaddress: 52:54:00:12:34:56\n"
    "            set-name: eth0\n"
    "    version: 2\n";

MemoryGuest guest_with(const std::string& path, const std::string& yaml) {
  MemoryGuest guest;
  guest.add_file("/usr/sbin/netplan", "");
  guest.add_file(path, yaml, 0600);
  return guest;
}

TEST(Netplan, AStaticAddressIsSetAsideAndAnyCardAsksDhcp) {
  const MemoryGuest after = fixed_network(guest_with(kSubiquity, kSubiquityStatic), "netplan");
  EXPECT_EQ(file_of(after, kOwn), kOwnText);
  EXPECT_EQ(file_of(after, kSubiquity), kGone);
  EXPECT_EQ(aside(after, kSubiquity), kSubiquityStatic);
}

TEST(Netplan, OwnFileAndCopyAreForRootOnly) {
  const MemoryGuest after = fixed_network(guest_with(kSubiquity, kSubiquityStatic), "netplan");
  EXPECT_EQ(after.stat(GuestPath(kOwn))->mode, 0600u);
  EXPECT_EQ(after.stat(GuestPath("/var/lib/rehost/set-aside" + kSubiquity))->mode, 0600u);
}

TEST(Netplan, TheWarningSaysWhatTheAddressesWere) {
  const std::vector<Warning> all =
      network_warnings(guest_with(kSubiquity, kSubiquityStatic), "netplan");
  ASSERT_EQ(codes(all), std::vector<std::string>{"network-set-aside"});
  EXPECT_EQ(all[0].sentence,
            "/etc/netplan/00-installer-config.yaml configured network cards with ens160: addresses "
            "10.0.0.5/24, ens160: addresses 10.0.0.6/24, ens160: gateway4 10.0.0.1, ens160: no "
            "dhcp4: set aside in "
            "/var/lib/rehost/set-aside/etc/netplan/00-installer-config.yaml, any card asks DHCP "
            "instead");
}

TEST(Netplan, DhcpOnAnotherNameStaysAndAnyCardAsksToo) {
  const MemoryGuest after = fixed_network(guest_with(kSubiquity, kSubiquityDhcp), "netplan");
  EXPECT_EQ(file_of(after, kSubiquity), kSubiquityDhcp);
  EXPECT_EQ(file_of(after, kOwn), kOwnText);
  EXPECT_TRUE(network_warnings(guest_with(kSubiquity, kSubiquityDhcp), "netplan").empty());
}

TEST(Netplan, AMacAddressOfCloudInitIsSetAside) {
  const MemoryGuest after = fixed_network(guest_with(kCloudInit, kCloudInitPinned), "netplan");
  EXPECT_EQ(file_of(after, kCloudInit), kGone);
  EXPECT_EQ(file_of(after, kOwn), kOwnText);
}

TEST(Netplan, DhcpOnAnyCardIsLeftAlone) {
  const std::string flow =
      "network: {version: 2}\n";  // a file without cards beside one that has all
  MemoryGuest guest =
      guest_with(kCloudInit,
                 "network:\n  version: 2\n  ethernets:\n    all: # any\n      match: {name: 'e*'}\n"
                 "      dhcp4: yes\n");
  guest.add_file("/etc/netplan/01-version.yaml", flow);
  EXPECT_EQ(network_edits(guest, "netplan"), 0u);
}

TEST(Netplan, AnEmptyMatchIsAnyCard) {
  EXPECT_EQ(network_edits(guest_with("/etc/netplan/90-NM-1.yaml",
                                     "network:\n  version: 2\n  ethernets:\n    NM-1:\n"
                                     "      renderer: NetworkManager\n      match: {}\n"
                                     "      dhcp4: true\n      networkmanager:\n"
                                     "        uuid: \"1\"\n        passthrough:\n"
                                     "          connection.timestamp: \"17\"\n"),
                          "netplan"),
            0u);
}

// The file of Ubuntu's images for Azure, and that of a second card which does not lead out.
TEST(Netplan, AMatchByDriverAndARefusedDefaultRouteAreSetAside) {
  const std::string azure =
      "network:\n    version: 2\n    ethernets:\n        ephemeral:\n            dhcp4: true\n"
      "            match:\n                driver: hv_netvsc\n                name: '!eth0'\n"
      "            optional: true\n";
  MemoryGuest guest = guest_with("/etc/netplan/90-hotplug-azure.yaml", azure);
  const std::string refuses =
      "network:\n  version: 2\n  ethernets:\n    any:\n      match: {name: \"e*\"}\n"
      "      dhcp4: true\n      dhcp4-overrides: {use-routes: false}\n";
  guest.add_file("/etc/netplan/10-any.yaml", refuses);
  const MemoryGuest after = fixed_network(guest, "netplan");
  EXPECT_EQ(file_of(after, "/etc/netplan/90-hotplug-azure.yaml"), kGone);
  EXPECT_EQ(file_of(after, "/etc/netplan/10-any.yaml"), kGone);
  EXPECT_EQ(file_of(after, kOwn), kOwnText);
  EXPECT_NE(
      network_warnings(guest, "netplan")[0].sentence.find("any: dhcp4-overrides use-routes false"),
      std::string::npos);
}

TEST(Netplan, WithNetworkManagerAsRendererAnyCardAsksDhcpToo) {
  const MemoryGuest after = fixed_network(
      guest_with("/etc/netplan/01-network-manager-all.yaml",
                 "network:\n  version: 2\n  renderer: NetworkManager\n  ethernets:\n"
                 "    ens160:\n      addresses: [10.0.0.5/24]\n      mtu: 9000\n      routes:\n"
                 "      - to: default\n        via: 10.0.0.1\n"),
      "netplan");
  EXPECT_EQ(file_of(after, "/etc/netplan/01-network-manager-all.yaml"), kGone);
  EXPECT_EQ(file_of(after, kOwn), kOwnText);
}

TEST(Netplan, BondsAndBridgesAreSetAsideWithTheirCards) {
  const std::string yaml =
      "network:\n  version: 2\n  ethernets:\n    eno1: {dhcp4: no}\n    eno2: {dhcp4: no}\n"
      "  bonds:\n    bond0:\n      interfaces: [eno1, eno2]\n      addresses: [10.0.0.5/24]\n"
      "      routes:\n        - to: default\n          via: 10.0.0.1\n";
  const MemoryGuest after = fixed_network(guest_with(kSubiquity, yaml), "netplan");
  EXPECT_EQ(file_of(after, kOwn), kOwnText);
  EXPECT_EQ(aside(after, kSubiquity), yaml);
  EXPECT_NE(network_warnings(guest_with(kSubiquity, yaml), "netplan")[0].sentence.find(
                "bond0 on network cards"),
            std::string::npos);
}

TEST(Netplan, AVlanIsSetAsideWithItsCard) {
  const MemoryGuest guest = guest_with(
      kSubiquity,
      "network:\n  version: 2\n  ethernets:\n    ens160: {dhcp4: true}\n  vlans:\n    vlan7:\n"
      "      id: 7\n      link: ens160\n      addresses: [10.7.0.5/24]\n");
  EXPECT_EQ(file_of(fixed_network(guest, "netplan"), kSubiquity), kGone);
  EXPECT_NE(network_warnings(guest, "netplan")[0].sentence.find("vlan7 on network cards"),
            std::string::npos);
}

TEST(Netplan, ABridgeWithoutCardsStays) {
  const std::string yaml =
      "network:\n  version: 2\n  ethernets:\n    ens160:\n      dhcp4: true\n  bridges:\n"
      "    br0:\n      interfaces: []\n      addresses: [192.168.7.1/24]\n";
  EXPECT_EQ(file_of(fixed_network(guest_with(kSubiquity, yaml), "netplan"), kSubiquity), yaml);
}

TEST(Netplan, TheDesktopFileWithoutCardsIsNotInUse) {
  const MemoryGuest guest =
      guest_with("/etc/netplan/01-network-manager-all.yaml",
                 "# Let NetworkManager manage all devices on this system\nnetwork:\n  version: 2\n"
                 "  renderer: NetworkManager\n");
  EXPECT_FALSE(netplan_in_use(guest));
  EXPECT_EQ(network_edits(guest, "netplan"), 0u);
}

TEST(Netplan, YamlThatIsNotReadIsSetAsideWhole) {
  const std::string yaml = "network: {ethernets: {ens160: {addresses: [10.0.0.5/24]}}}\n";
  const MemoryGuest after = fixed_network(guest_with(kSubiquity, yaml), "netplan");
  EXPECT_EQ(aside(after, kSubiquity), yaml);
  EXPECT_EQ(file_of(after, kOwn), kOwnText);
}

TEST(Netplan, ALinkIsTakenAwayAndItsTargetStays) {
  MemoryGuest guest = guest_with("/srv/net.yaml", kSubiquityStatic);
  guest.add_directory("/etc/netplan");
  guest.add_symlink("/etc/netplan/net.yaml", "/srv/net.yaml");
  const MemoryGuest after = fixed_network(guest, "netplan");
  EXPECT_FALSE(after.stat(GuestPath("/etc/netplan/net.yaml")));
  EXPECT_EQ(file_of(after, "/srv/net.yaml"), kSubiquityStatic);
}

TEST(Netplan, NothingBreaksOnABrokenFile) {
  testing::break_file(guest_with(kSubiquity, kSubiquityStatic), kSubiquity, "netplan");
  testing::break_file(guest_with(kCloudInit, kCloudInitPinned), kCloudInit, "netplan");
}

}  // namespace
}  // namespace rehost
