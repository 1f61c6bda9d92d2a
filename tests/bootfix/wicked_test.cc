#include "bootfix/wicked.h"

#include <gtest/gtest.h>

#include "tests/bootfix/network_laws.h"

namespace rehost {
namespace {

using namespace testing;  // the words of tests/bootfix/network_laws.h

const std::string kDirectory = "/etc/sysconfig/network/";

// SLES 12 as YaST writes it.
const std::string kSlesStatic =
    "BOOTPROTO='static'\nBROADCAST=''\nETHTOOL_OPTIONS=''\nIPADDR='10.0.0.5/24'\n"
    "IPADDR_1='10.0.0.6/24'\nLABEL_1='db'\nMTU='1400'\nNAME='VMXNET3 Ethernet Controller'\n"
    "NETWORK=''\nREMOTE_IPADDR=''\nSTARTMODE='auto'\n";
const std::string kSlesFixed =
    "BOOTPROTO='dhcp'\nBROADCAST=''\nETHTOOL_OPTIONS=''\n"
    "MTU='1400'\nNAME='VMXNET3 Ethernet Controller'\n"
    "NETWORK=''\nREMOTE_IPADDR=''\nSTARTMODE='auto'\n";

MemoryGuest sles_with(const std::string& name, const std::string& text) {
  MemoryGuest guest;
  guest.add_file("/usr/sbin/wicked", "");
  guest.add_file(kDirectory + "ifcfg-lo", "IPADDR=127.0.0.1/8\nSTARTMODE=auto\n");
  guest.add_file(kDirectory + "ifcfg.template", "");
  guest.add_file(kDirectory + name, text);
  return guest;
}

TEST(Wicked, AStaticAddressBecomesDhcpAndTheRestStays) {
  MemoryGuest guest = sles_with("ifcfg-eth0", kSlesStatic);
  guest.add_file(kDirectory + "routes", "default 10.0.0.1 - -\n");
  const MemoryGuest after = fixed_network(guest, "wicked");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), kSlesFixed);
  EXPECT_EQ(file_of(after, kDirectory + "routes"), kGone);
  EXPECT_EQ(aside(after, kDirectory + "ifcfg-eth0"), kSlesStatic);
  EXPECT_EQ(aside(after, kDirectory + "routes"), "default 10.0.0.1 - -\n");
}

TEST(Wicked, TheWarningsSayWhatItWas) {
  MemoryGuest guest = sles_with("ifcfg-eth0", kSlesStatic);
  guest.add_file(kDirectory + "ifroute-eth0", "# LAN\n192.168.0.0/16 10.0.0.254 - -\n");
  const std::vector<Warning> all = network_warnings(guest, "wicked");
  ASSERT_EQ(codes(all), (std::vector<std::string>{"network-set-aside", "network-set-aside"}));
  EXPECT_NE(all[0].sentence.find("IPADDR=10.0.0.5/24, IPADDR_1=10.0.0.6/24"), std::string::npos);
  EXPECT_NE(all[1].sentence.find("192.168.0.0/16 10.0.0.254"), std::string::npos);
}

// /etc/sysconfig/network/config and dhcp, cut down to what is read.
TEST(Wicked, NameServersOfAStaticAddressAndARefusedRouteGo) {
  const std::string config =
      "NETCONFIG_DNS_POLICY=\"auto\"\nNETCONFIG_DNS_STATIC_SEARCHLIST=\"example.com\"\n"
      "NETCONFIG_DNS_STATIC_SERVERS=\"10.0.0.2 10.0.0.3\"\n";
  const std::string dhcp = "DHCLIENT_HOSTNAME_OPTION=\"AUTO\"\nDHCLIENT_SET_DEFAULT_ROUTE=\"no\"\n";
  MemoryGuest guest = sles_with("ifcfg-eth0", kSlesStatic);
  guest.add_file(kDirectory + "config", config);
  guest.add_file(kDirectory + "dhcp", dhcp);
  const MemoryGuest after = fixed_network(guest, "wicked");
  EXPECT_EQ(file_of(after, kDirectory + "config"),
            "NETCONFIG_DNS_POLICY=\"auto\"\nNETCONFIG_DNS_STATIC_SEARCHLIST=\"\"\n"
            "NETCONFIG_DNS_STATIC_SERVERS=\"\"\n");
  EXPECT_EQ(file_of(after, kDirectory + "dhcp"), "DHCLIENT_HOSTNAME_OPTION=\"AUTO\"\n");
  EXPECT_NE(network_warnings(guest, "wicked")[0].sentence.find(
                "NETCONFIG_DNS_STATIC_SERVERS=10.0.0.2 10.0.0.3"),
            std::string::npos);
}

TEST(Wicked, NameServersOfOnesOwnStayBesideDhcp) {
  MemoryGuest guest = sles_with("ifcfg-eth0", kSlesFixed);
  guest.add_file(kDirectory + "config", "NETCONFIG_DNS_STATIC_SERVERS=\"9.9.9.9\"\n");
  EXPECT_EQ(network_edits(guest, "wicked"), 0u);
}

// "Multi-IP NIC", "routes", "several NICs" and a bridge, as YaST writes them.
TEST(Wicked, AVirtualMachineHostKeepsItsBridgeWrittenDown) {
  MemoryGuest guest =
      sles_with("ifcfg-br0",
                "BOOTPROTO='static'\nBRIDGE='yes'\nBRIDGE_FORWARDDELAY='0'\nBRIDGE_PORTS='eth0'\n"
                "BRIDGE_STP='off'\nIPADDR='10.0.0.5/24'\nSTARTMODE='auto'\n");
  guest.add_file(kDirectory + "ifcfg-eth0", "BOOTPROTO='none'\nSTARTMODE='hotplug'\n");
  guest.add_file(kDirectory + "ifcfg-eth1",
                 "BOOTPROTO='static'\nIPADDR='10.9.0.5/24'\nSTARTMODE='auto'\n");
  guest.add_file(kDirectory + "ifroute-eth1", "10.10.0.0/16 10.9.0.1 - -\n");
  const MemoryGuest after = fixed_network(guest, "wicked");
  EXPECT_NE(file_of(after, kDirectory + "ifcfg-br0").find("STARTMODE='manual'"), std::string::npos);
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), "BOOTPROTO='dhcp'\nSTARTMODE='hotplug'\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth1"), kGone);
  EXPECT_EQ(file_of(after, kDirectory + "ifroute-eth1"), kGone);
}

TEST(Wicked, DhcpOnEth0IsLeftAlone) {
  EXPECT_EQ(network_edits(sles_with("ifcfg-eth0", kSlesFixed), "wicked"), 0u);
}

TEST(Wicked, AFileNamedByItsMacAddressBecomesEth0) {
  const MemoryGuest after = fixed_network(
      sles_with("ifcfg-eth-id-00:0c:29:3e:5a:01", "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n"),
      "wicked");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth-id-00:0c:29:3e:5a:01"), kGone);
}

TEST(Wicked, ABondIsKeptButNotBroughtUp) {
  MemoryGuest guest = sles_with(
      "ifcfg-bond0",
      "BONDING_MASTER='yes'\nBONDING_SLAVE0='eth0'\nIPADDR='10.0.0.5/24'\nSTARTMODE='auto'\n");
  guest.add_file(kDirectory + "ifcfg-eth0", "BOOTPROTO='none'\nSTARTMODE='hotplug'\n");
  guest.add_file(kDirectory + "ifcfg-vlan7", "ETHERDEVICE='bond0'\nSTARTMODE='auto'\n");
  const MemoryGuest after = fixed_network(guest, "wicked");
  EXPECT_EQ(
      file_of(after, kDirectory + "ifcfg-bond0"),
      "BONDING_MASTER='yes'\nBONDING_SLAVE0='eth0'\nIPADDR='10.0.0.5/24'\nSTARTMODE='manual'\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-vlan7"),
            "ETHERDEVICE='bond0'\nSTARTMODE='manual'\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), "BOOTPROTO='dhcp'\nSTARTMODE='hotplug'\n");
}

// After wicked-config(5) and the samples of wicked.
TEST(Wicked, FilesOfItsOwnFormatAreSetAsideAndEth0AsksDhcp) {
  const std::string xml =
      "<interface>\n  <name>eth1</name>\n  <control><mode>boot</mode></control>\n"
      "  <ipv4:static>\n    <address><local>10.0.0.5/24</local></address>\n"
      "    <route><nexthop><gateway>10.0.0.1</gateway></nexthop></route>\n"
      "  </ipv4:static>\n</interface>\n";
  MemoryGuest guest;
  guest.add_file("/usr/sbin/wicked", "");
  guest.add_file("/etc/wicked/ifconfig/lan.xml", xml);
  guest.add_file("/etc/wicked/ifconfig/dummy.xml", "<interface><name>dummy0</name></interface>\n");
  const MemoryGuest after = fixed_network(guest, "wicked");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n");
  EXPECT_EQ(file_of(after, "/etc/wicked/ifconfig/lan.xml"), kGone);
  EXPECT_NE(file_of(after, "/etc/wicked/ifconfig/dummy.xml"), kGone);
  EXPECT_EQ(network_warnings(guest, "wicked")[0].sentence,
            "/etc/wicked/ifconfig/lan.xml configured network cards with eth1, local 10.0.0.5/24, "
            "gateway 10.0.0.1: set aside in /var/lib/rehost/set-aside/etc/wicked/ifconfig/lan.xml, "
            "eth0 asks DHCP instead");
}

TEST(Wicked, ACardFoundByItsAddressIsACard) {
  MemoryGuest guest = sles_with("ifcfg-eth0", kSlesFixed);
  guest.add_file("/etc/wicked/ifconfig/a.xml",
                 "<interface><name namespace=\"ethernet\"><permanent-address>00:0c:29:3e:5a:01"
                 "</permanent-address></name></interface>");
  EXPECT_EQ(file_of(fixed_network(guest, "wicked"), "/etc/wicked/ifconfig/a.xml"), kGone);
}

TEST(Wicked, IsNotInUseBesideNetworkManager) {
  MemoryGuest guest = sles_with("ifcfg-eth0", kSlesStatic);
  guest.add_symlink("/etc/systemd/system/network.service",
                    "/usr/lib/systemd/system/NetworkManager.service");
  EXPECT_FALSE(wicked_in_use(guest));
  EXPECT_EQ(network_edits(guest, "wicked"), 0u);
}

TEST(Wicked, NothingBreaksOnABrokenFile) {
  testing::break_file(sles_with("ifcfg-eth0", kSlesStatic), kDirectory + "ifcfg-eth0", "wicked");
}

}  // namespace
}  // namespace rehost
