#include "bootfix/ifupdown.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/bootfix/network_laws.h"

namespace rehost {
namespace {

using namespace testing;  // the words of tests/bootfix/network_laws.h

constexpr std::string_view kMain = "/etc/network/interfaces";

MemoryGuest guest_with(const std::string& interfaces) {
  MemoryGuest guest;
  guest.add_file("/sbin/ifup", "");
  guest.add_file("/sbin/dhclient", "");
  guest.add_file(kMain, interfaces);
  return guest;
}

MemoryGuest fixed(const MemoryGuest& guest) {
  return fixed_network(guest, "ifupdown");
}

std::string fixed_text(const std::string& interfaces) {
  return file_of(fixed(guest_with(interfaces)), kMain);
}

std::vector<Warning> warnings(const MemoryGuest& guest) {
  return network_warnings(guest, "ifupdown");
}

TEST(Ifupdown, AStaticAddressBecomesDhcpOnEth0) {
  EXPECT_EQ(
      fixed_text(
          "auto lo\niface lo inet loopback\n\n# the LAN\nauto ens18\niface ens18 inet static\n"
          "\taddress 10.0.0.5/24\n\tgateway 10.0.0.1\n# end\n"),
      "auto lo\niface lo inet loopback\n\n# the LAN\nauto eth0\niface eth0 inet dhcp\n# end\n");
}

TEST(Ifupdown, TheWarningSaysWhatTheAddressWas) {
  const std::vector<Warning> all =
      warnings(guest_with("auto ens18\niface ens18 inet static\n  address 10.0.0.5/24\n  gateway "
                          "10.0.0.1\n  dns-nameservers 10.0.0.2 10.0.0.3\n"));
  ASSERT_EQ(codes(all), std::vector<std::string>{"network-set-aside"});
  EXPECT_EQ(all[0].sentence,
            "/etc/network/interfaces configured ens18 (inet static) with address 10.0.0.5/24, "
            "gateway 10.0.0.1, "
            "dns-nameservers 10.0.0.2 10.0.0.3: set aside, eth0 asks DHCP instead");
}

TEST(Ifupdown, DhcpOnEth0IsLeftAlone) {
  const std::string text =
      "auto lo eth0\niface lo inet loopback\niface eth0 inet dhcp\n\tmetric 10\n";
  EXPECT_EQ(fixed_text(text), text);
}

TEST(Ifupdown, DhcpOnAnotherCardMovesToEth0WithItsOptions) {
  EXPECT_EQ(
      fixed_text("allow-hotplug enp0s3\niface enp0s3 inet dhcp\n\tmetric 10\n\thwaddress ether "
                 "00:11:22:33:44:55\n"
                 "\tpost-up ethtool -K enp0s3 tso off\n\tpost-up /usr/local/bin/notify\n"),
      "allow-hotplug eth0\niface eth0 inet dhcp\n\tmetric 10\n\tpost-up /usr/local/bin/notify\n");
}

TEST(Ifupdown, AFirewallStaysWhenTheAddressGoes) {
  EXPECT_EQ(fixed_text("auto ens18\niface ens18 inet static\n\taddress 10.0.0.5/24\n"
                       "\tpre-up /sbin/iptables-restore < /etc/iptables.rules\n"
                       "\tpost-up /usr/local/bin/notify up\n"),
            "auto eth0\niface eth0 inet dhcp\n"
            "\tpre-up /sbin/iptables-restore < /etc/iptables.rules\n"
            "\tpost-up /usr/local/bin/notify up\n");
}

TEST(Ifupdown, CommandsAboutTheOldAddressesGoAndAreNamed) {
  const MemoryGuest guest = guest_with(
      "auto ens18\niface ens18 inet static\n\taddress 10.0.0.5/24\n"
      "\tpost-up ip route add 192.168.0.0/16 via 10.0.0.254 || true\n"
      "\tup sh -c \"/sbin/ethtool -K ens18 tso off\"\n"
      "\tup echo 2 > /proc/sys/net/ipv4/conf/ens18/rp_filter\n"
      "\tdown (/sbin/route del default)\n");
  EXPECT_EQ(file_of(fixed(guest), kMain), "auto eth0\niface eth0 inet dhcp\n");
  const std::vector<Warning> all = warnings(guest);
  ASSERT_EQ(codes(all), (std::vector<std::string>{"network-hook-dropped", "network-set-aside"}));
  EXPECT_EQ(
      all[0].sentence,
      "/etc/network/interfaces ran commands for ens18 that eth0 does not run: post-up ip "
      "route add 192.168.0.0/16 via 10.0.0.254 || true, up sh -c \"/sbin/ethtool -K ens18 tso "
      "off\", up echo 2 > /proc/sys/net/ipv4/conf/ens18/rp_filter, down (/sbin/route del "
      "default)");
  EXPECT_EQ(all[1].sentence,
            "/etc/network/interfaces configured ens18 (inet static) with address 10.0.0.5/24: set "
            "aside, eth0 asks DHCP instead");
}

TEST(Ifupdown, TheCommandsOfAFurtherCardAreNamedToo) {
  const MemoryGuest guest = guest_with(
      "auto eth0 eth1\niface eth0 inet dhcp\niface eth1 inet dhcp\n\tup /usr/local/bin/san\n");
  EXPECT_EQ(codes(warnings(guest)),
            (std::vector<std::string>{"network-hook-dropped", "network-set-aside"}));
}

TEST(Ifupdown, AnotherCardWithTheNameAsAPartIsNotTheCard) {
  EXPECT_EQ(fixed_text("auto ens1\niface ens1 inet dhcp\n\tup /usr/local/bin/watch ens18\n"),
            "auto eth0\niface eth0 inet dhcp\n\tup /usr/local/bin/watch ens18\n");
}

TEST(Ifupdown, AMacAddressIsTakenOffEth0Too) {
  EXPECT_EQ(fixed_text("auto eth0\niface eth0 inet dhcp\n\thwaddress ether 00:11:22:33:44:55\n"),
            "auto eth0\niface eth0 inet dhcp\n");
}

TEST(Ifupdown, ACardThatNothingBringsUpIsBroughtUp) {
  EXPECT_EQ(fixed_text("iface ens18 inet manual\n"), "auto eth0\niface eth0 inet dhcp\n");
}

TEST(Ifupdown, FurtherCardsAndAliasesAreSetAside) {
  EXPECT_EQ(
      fixed_text("auto lo ens18 ens18:1 ens19\niface ens18 inet static\n\taddress 10.0.0.5/24\n"
                 "iface ens18:1 inet static\n\taddress 10.0.0.6/24\niface ens19 inet dhcp\niface "
                 "lo inet loopback\n"),
      "auto lo eth0\niface eth0 inet dhcp\niface lo inet loopback\n");
}

TEST(Ifupdown, AnAutoLineOfFurtherCardsOnlyGoes) {
  EXPECT_EQ(fixed_text("auto ens18\nauto ens19\niface ens18 inet dhcp\niface ens19 inet dhcp\n"),
            "auto eth0\niface eth0 inet dhcp\n");
}

TEST(Ifupdown, SelfConfiguringIpv6StaysAndStaticIpv6Goes) {
  EXPECT_EQ(fixed_text("auto ens18\niface ens18 inet dhcp\niface ens18 inet6 auto\n"),
            "auto eth0\niface eth0 inet dhcp\niface eth0 inet6 auto\n");
  EXPECT_EQ(
      fixed_text(
          "auto ens18\niface ens18 inet dhcp\niface ens18 inet6 static\n\taddress fd00::5/64\n"),
      "auto eth0\niface eth0 inet dhcp\n");
}

TEST(Ifupdown, ABridgeOnTheOldCardStaysWrittenDownButDown) {
  const MemoryGuest guest = guest_with(
      "auto lo br0\niface lo inet loopback\niface ens18 inet manual\niface br0 inet "
      "static\n\taddress 10.0.0.5/24\n"
      "\tgateway 10.0.0.1\n\tbridge_ports ens18\n");
  EXPECT_EQ(
      file_of(fixed(guest), kMain),
      "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\niface br0 inet static\n"
      "\taddress 10.0.0.5/24\n\tgateway 10.0.0.1\n\tbridge_ports ens18\n");
  EXPECT_EQ(codes(warnings(guest)), std::vector<std::string>{"network-not-started"});
  EXPECT_TRUE(warnings(fixed(guest)).empty());
}

TEST(Ifupdown, ABridgeWithoutCardsIsNoneOfOurBusiness) {
  const std::string text =
      "auto eth0 br0\niface eth0 inet dhcp\niface br0 inet static\n\taddress "
      "192.168.9.1/24\n\tbridge_ports none\n";
  EXPECT_EQ(fixed_text(text), text);
}

TEST(Ifupdown, BondsAndVlansStayDown) {
  EXPECT_EQ(
      fixed_text(
          "auto ens18\nauto bond0\nauto ens18.100\niface ens18 inet manual\n\tbond-master bond0\n"
          "iface bond0 inet static\n\taddress 10.0.0.5/24\niface ens18.100 inet static\n\taddress "
          "10.1.0.5/24\n"),
      "auto eth0\niface eth0 inet dhcp\niface bond0 inet static\n\taddress 10.0.0.5/24\n"
      "iface ens18.100 inet static\n\taddress 10.1.0.5/24\n");
}

// bonding.txt and the wiki of Debian have no stanza for the cards themselves.
TEST(Ifupdown, ACardBelowABridgeOrABondNeedsNoStanzaOfItsOwn) {
  const std::string lo = "auto lo\niface lo inet loopback\n\n";
  const std::string bridge = "iface br0 inet static\n\taddress 10.0.0.5/24\n\tbridge_ports ens18\n";
  EXPECT_EQ(fixed_text(lo + "auto br0\n" + bridge),
            lo + bridge + "auto eth0\niface eth0 inet dhcp\n");
  const std::string bond =
      "iface bond0 inet static\n\taddress 10.0.0.5/24\n\tbond-slaves eno1 eno2\n";
  EXPECT_EQ(fixed_text("auto bond0\n" + bond), bond + "auto eth0\niface eth0 inet dhcp\n");
  const std::string vlan = "iface eth0.100 inet static\n\taddress 10.0.0.5/24\n";
  EXPECT_EQ(fixed_text("auto eth0\nauto eth0.100\n" + vlan),
            "auto eth0\n" + vlan + "iface eth0 inet dhcp\n");
  EXPECT_EQ(codes(warnings(guest_with("auto br0\n" + bridge))),
            std::vector<std::string>{"network-not-started"});
  EXPECT_EQ(fixed_text(bridge), bridge) << "nothing brings it up: the network is somebody else's";
}

TEST(Ifupdown, ACardThatUdevHasRenamedIsACard) {
  MemoryGuest guest =
      guest_with("auto lan0\niface lan0 inet static\n\taddress 10.0.0.5/24\n\tgateway 10.0.0.1\n");
  EXPECT_FALSE(ifupdown_in_use(guest));
  guest.add_file("/etc/udev/rules.d/70-persistent-net.rules",
                 "SUBSYSTEM==\"net\", ACTION==\"add\", ATTR{address}==\"00:50:56:aa:bb:cc\", "
                 "NAME=\"lan0\"\n");
  EXPECT_EQ(file_of(fixed(guest), kMain), "auto eth0\niface eth0 inet dhcp\n");
  guest.remove(GuestPath("/etc/udev/rules.d/70-persistent-net.rules"));
  guest.add_file("/etc/systemd/network/10-lan.link",
                 "[Match]\nPath=pci-0000:0b:00.0\n[Link]\nName=lan0\n");
  EXPECT_EQ(file_of(fixed(guest), kMain), "auto eth0\niface eth0 inet dhcp\n");
}

TEST(Ifupdown, FilesThatAreSourcedCount) {
  MemoryGuest guest =
      guest_with("source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n");
  guest.add_file("/etc/network/interfaces.d/10-lan",
                 "auto ens18\niface ens18 inet static\n\taddress 10.0.0.5\n");
  guest.add_file("/etc/network/interfaces.d/20-san",
                 "auto ens19\niface ens19 inet static\n\taddress 10.9.0.5\n");
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, "/etc/network/interfaces.d/10-lan"),
            "auto eth0\niface eth0 inet dhcp\n");
  EXPECT_EQ(file_of(after, "/etc/network/interfaces.d/20-san"), "");
}

TEST(Ifupdown, BringUpAndStanzaMayStandInDifferentFiles) {
  MemoryGuest guest = guest_with("source interfaces.d/*.cfg\nauto lo ens18\nallow-hotplug ens19\n");
  guest.add_file("/etc/network/interfaces.d/a.cfg",
                 "iface ens19 inet static\n\taddress 10.0.0.5\n");
  guest.add_file("/etc/network/interfaces.d/b.cfg", "iface ens18 inet dhcp\n");
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, kMain), "source interfaces.d/*.cfg\nauto lo eth0\n");
  EXPECT_EQ(file_of(after, "/etc/network/interfaces.d/a.cfg"), "iface eth0 inet dhcp\n");
  EXPECT_EQ(file_of(after, "/etc/network/interfaces.d/b.cfg"), "");
}

TEST(Ifupdown, LinesThatGoOnAreOneLine) {
  EXPECT_EQ(fixed_text("auto lo \\\n  ens18\niface ens18 inet static\n\taddress \\\n\t10.0.0.5\n"),
            "auto lo \\\n  eth0\niface eth0 inet dhcp\n");
}

TEST(Ifupdown, KeepsCarriageReturnsAndAMissingLastNewline) {
  EXPECT_EQ(fixed_text("auto ens18\r\niface ens18 inet static\r\n  address 10.0.0.5\r\n# end"),
            "auto eth0\r\niface eth0 inet dhcp\r\n# end");
}

TEST(Ifupdown, FilesWithoutCardsStayAsTheyAre) {
  const std::string text = "auto lo\niface lo inet loopback\nauto ens18\n";
  EXPECT_EQ(fixed_text(text), text);
}

TEST(Ifupdown, AFileThatCannotBeUnderstoodIsLeftAlone) {
  const std::string text = "iface eth0 inet static\nauto eth0\n\taddress 10.0.0.5/24\n";
  EXPECT_EQ(fixed_text(text), text);
  EXPECT_EQ(codes(warnings(guest_with(text))), std::vector<std::string>{"network-not-understood"});
}

TEST(Ifupdown, OtherProtocolsAreLeftAlone) {
  const std::string text = "auto eth0\niface eth0 inet dhcp\niface eth0 ipx static\n\tnetnum 1\n";
  EXPECT_EQ(fixed_text(text), text);
}

TEST(Ifupdown, NothingIsDoneWhenTheNetworkIsKept) {
  const Target keep{.initramfs = std::nullopt, .network = NetworkMode::keep};
  const FixResult result = kIfupdownFix.plan(debian12(), testing::two_disks(), keep);
  EXPECT_TRUE(result.edits.empty());
  EXPECT_TRUE(result.warnings.empty());
  EXPECT_FALSE(needs_classic_interface_names(debian12(), keep));
}

TEST(Ifupdown, AFileLeftBehindByIfupdownIsNotInUse) {
  MemoryGuest guest;
  guest.add_file(kMain, "auto ens18\niface ens18 inet dhcp\n");
  EXPECT_FALSE(ifupdown_in_use(guest));
}

TEST(Ifupdown, AMissingDhcpClientIsWarnedOf) {
  MemoryGuest guest = guest_with("auto eth0\niface eth0 inet dhcp\n");
  guest.remove(GuestPath("/sbin/dhclient"));
  EXPECT_EQ(codes(warnings(guest)), std::vector<std::string>{"dhcp-client-missing"});
}

TEST(Ifupdown, ClassicNamesAreNeededBeforeAndAfter) {
  const MemoryGuest guest = debian12();
  EXPECT_TRUE(needs_classic_interface_names(guest, Target{}));
  EXPECT_TRUE(needs_classic_interface_names(fixed(guest), Target{}));
}

TEST(Ifupdown, ConvertsTheDebianGuest) {
  EXPECT_EQ(file_of(fixed(debian12()), kMain),
            "# This file describes the network interfaces available on your system\n"
            "# and how to activate them. For more information, see interfaces(5).\n"
            "\nsource /etc/network/interfaces.d/*\n"
            "\n# The loopback network interface\nauto lo\niface lo inet loopback\n"
            "\n# The primary network interface\nallow-hotplug eth0\niface eth0 inet dhcp\n"
            "\t# dns-* options are implemented by the resolvconf package, if installed\n");
}

TEST(Ifupdown, NothingBreaksOnATruncatedFile) {
  const std::string text = file_of(debian12(), kMain) +
                           "auto lo br0 \\\n ens19\niface br0 inet dhcp\n bridge_ports ens20 \\";
  for (size_t length = 0; length <= text.size(); ++length) {
    fixed(guest_with(text.substr(0, length)));
  }
}

TEST(NetworkStacks, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const NetworkStack& stack : network_stacks()) {
    EXPECT_TRUE(names.insert(stack.name).second) << stack.name;
  }
}

}  // namespace
}  // namespace rehost
