#include "bootfix/ifcfg.h"

#include <gtest/gtest.h>

#include "tests/bootfix/network_laws.h"

namespace rehost {
namespace {

using namespace testing;  // the words of tests/bootfix/network_laws.h

const std::string kDirectory = "/etc/sysconfig/network-scripts/";

// CentOS 7 as anaconda writes it, with a static address.
const std::string kEl7Static =
    "TYPE=\"Ethernet\"\nPROXY_METHOD=\"none\"\nBROWSER_ONLY=\"no\"\nBOOTPROTO=\"none\"\n"
    "DEFROUTE=\"yes\"\nIPV4_FAILURE_FATAL=\"no\"\nIPV6INIT=\"yes\"\nIPV6_AUTOCONF=\"yes\"\n"
    "NAME=\"ens192\"\nUUID=\"5f6b1f0e-4a29-4ef1-9d2c-0d2f1b7f2a11\"\nDEVICE=\"ens192\"\n"
    "ONBOOT=\"yes\"\nIPADDR=\"10.0.0.5\"\nPREFIX=\"24\"\nGATEWAY=\"10.0.0.1\"\n"
    "DNS1=\"10.0.0.2\"\nZONE=public\n";
const std::string kEl7Fixed =
    "TYPE=\"Ethernet\"\nPROXY_METHOD=\"none\"\nBROWSER_ONLY=\"no\"\nBOOTPROTO=dhcp\n"
    "DEFROUTE=\"yes\"\nIPV4_FAILURE_FATAL=\"no\"\nIPV6INIT=\"yes\"\nIPV6_AUTOCONF=\"yes\"\n"
    "DEVICE=eth0\nONBOOT=\"yes\"\nZONE=public\n";

MemoryGuest el7() {
  MemoryGuest guest;
  guest.add_file(kDirectory + "ifup-eth", "");
  guest.add_file("/usr/sbin/dhclient", "");
  guest.add_file("/usr/sbin/NetworkManager", "");
  guest.add_file(kDirectory + "ifcfg-lo", "DEVICE=lo\nIPADDR=127.0.0.1\nONBOOT=yes\n");
  return guest;
}

MemoryGuest el7_with(const std::string& name, const std::string& text) {
  MemoryGuest guest = el7();
  guest.add_file(kDirectory + name, text);
  return guest;
}

MemoryGuest el8_with(const std::string& name, const std::string& text) {
  MemoryGuest guest;
  guest.add_file("/usr/sbin/NetworkManager", "");
  guest.add_file("/usr/lib64/NetworkManager/1.40.16-1.el8/libnm-settings-plugin-ifcfg-rh.so", "");
  guest.add_file(kDirectory + name, text);
  return guest;
}

TEST(NetworkScripts, AStaticAddressBecomesDhcpOnEth0) {
  const MemoryGuest after = fixed_network(el7_with("ifcfg-ens192", kEl7Static), "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), kEl7Fixed);
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-ens192"), kGone);
  EXPECT_EQ(aside(after, kDirectory + "ifcfg-ens192"), kEl7Static);
}

TEST(NetworkScripts, TheWarningSaysWhatTheAddressWas) {
  const std::vector<Warning> all =
      network_warnings(el7_with("ifcfg-ens192", kEl7Static), "network-scripts");
  ASSERT_EQ(codes(all), std::vector<std::string>{"network-set-aside"});
  EXPECT_EQ(all[0].sentence,
            "/etc/sysconfig/network-scripts/ifcfg-ens192 configured ens192 with BOOTPROTO=none, "
            "IPADDR=10.0.0.5, PREFIX=24, GATEWAY=10.0.0.1, DNS1=10.0.0.2: set aside in "
            "/var/lib/rehost/set-aside/etc/sysconfig/network-scripts/ifcfg-ens192, eth0 asks DHCP "
            "instead");
}

TEST(NetworkScripts, AMacAddressIsTakenOffEth0) {
  const MemoryGuest after =
      fixed_network(el7_with("ifcfg-eth0",
                             "DEVICE=eth0\nHWADDR=00:0C:29:3E:5A:01\nTYPE=Ethernet\nUUID=1-2\n"
                             "ONBOOT=yes\nNM_CONTROLLED=yes\nBOOTPROTO=dhcp\n"),
                    "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"),
            "DEVICE=eth0\nTYPE=Ethernet\nONBOOT=yes\nNM_CONTROLLED=yes\nBOOTPROTO=dhcp\n");
}

TEST(NetworkScripts, DhcpOnEth0IsLeftAlone) {
  EXPECT_EQ(network_edits(el7_with("ifcfg-eth0",
                                   "# cloud\nDEVICE='eth0'\nBOOTPROTO=\"dhcp\"\n"
                                   "ONBOOT=yes\nUUID=1-2\nPEERDNS=no\nDNS1=1.1.1.1\n"),
                          "network-scripts"),
            0u);
}

TEST(NetworkScripts, TheCardTakesTheDefaultRouteOfEc2) {
  const MemoryGuest guest = el7_with(
      "ifcfg-eth0", "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\nDEFROUTE=no\nPEERROUTES=\"no\"\n");
  const MemoryGuest after = fixed_network(guest, "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\n");
  EXPECT_NE(
      network_warnings(guest, "network-scripts")[0].sentence.find("DEFROUTE=no, PEERROUTES=no"),
      std::string::npos);
}

TEST(NetworkScripts, NameServersOfAStaticAddressGoWithThePinOnThem) {
  const MemoryGuest after =
      fixed_network(el7_with("ifcfg-eth0",
                             "TYPE=Ethernet\nDEVICE=eth0\nONBOOT=yes\nBOOTPROTO=none\n"
                             "IPADDR=10.0.0.5\nDNS1=10.0.0.2\nPEERDNS=no\nMTU=9000\n"),
                    "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"),
            "TYPE=Ethernet\nDEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\nMTU=9000\n");
}

TEST(NetworkScripts, NameServersOfOnesOwnStayBesideDhcp) {
  const std::string text =
      "TYPE=Ethernet\nDEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\nPEERDNS=no\nDNS1=9.9.9.9\n";
  EXPECT_EQ(network_edits(el7_with("ifcfg-eth0", text), "network-scripts"), 0u);
}

TEST(NetworkScripts, ARangeOfAddressesIsSetAside) {
  MemoryGuest guest = el7_with("ifcfg-eth0", "TYPE=Ethernet\nDEVICE=eth0\nBOOTPROTO=dhcp\n");
  guest.add_file(kDirectory + "ifcfg-eth0-range0",
                 "IPADDR_START=10.0.0.20\nIPADDR_END=10.0.0.29\nCLONENUM_START=0\n");
  const MemoryGuest after = fixed_network(guest, "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0-range0"), kGone);
}

TEST(NetworkScripts, FurtherCardsAndAliasesAndRoutesAreSetAside) {
  MemoryGuest guest = el7_with("ifcfg-eth0",
                               "DEVICE=eth0\nBOOTPROTO=static\nIPADDR=10.0.0.5\nNETMASK=255.0.0.0\n"
                               "IPADDR2=10.0.0.6\nPREFIX2=24\nONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-eth0:1", "DEVICE=eth0:1\nIPADDR=10.0.0.7\nONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-eth1", "DEVICE=eth1\nBOOTPROTO=dhcp\nONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-eth2", "DEVICE=eth2\nIPADDR=10.9.0.7\nONBOOT=no\n");
  guest.add_file(kDirectory + "route-eth0", "192.168.0.0/16 via 10.0.0.254\n");
  guest.add_file("/etc/sysconfig/network", "NETWORKING=yes\nHOSTNAME=a\nGATEWAY=10.0.0.1\n");
  const MemoryGuest after = fixed_network(guest, "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0:1"), kGone);
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth1"), kGone);
  EXPECT_NE(file_of(after, kDirectory + "ifcfg-eth2"), kGone);
  EXPECT_EQ(file_of(after, kDirectory + "route-eth0"), kGone);
  EXPECT_EQ(file_of(after, "/etc/sysconfig/network"), "NETWORKING=yes\nHOSTNAME=a\n");
}

TEST(NetworkScripts, ABondIsKeptButNotBroughtUp) {
  MemoryGuest guest = el7_with("ifcfg-bond0",
                               "DEVICE=bond0\nTYPE=Bond\nBONDING_OPTS=\"mode=1\"\nBRIDGE=br0\n"
                               "ONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-br0",
                 "DEVICE=br0\nTYPE=Bridge\nIPADDR=10.0.0.5\nONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-br1",
                 "DEVICE=br1\nTYPE=Bridge\nIPADDR=10.7.0.5\nONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-em1", "DEVICE=em1\nMASTER=bond0\nSLAVE=yes\nONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-em2", "DEVICE=em2\nMASTER=bond0\nSLAVE=yes\nONBOOT=yes\n");
  const MemoryGuest after = fixed_network(guest, "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-bond0"),
            "DEVICE=bond0\nTYPE=Bond\nBONDING_OPTS=\"mode=1\"\nBRIDGE=br0\nONBOOT=no\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-br0"),
            "DEVICE=br0\nTYPE=Bridge\nIPADDR=10.0.0.5\nONBOOT=no\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-br1"), file_of(guest, kDirectory + "ifcfg-br1"));
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-em2"), kGone);
}

TEST(NetworkScripts, ACardInABridgeGoesOutOfIt) {
  MemoryGuest guest = el7_with("ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nBOOTPROTO=dhcp\n");
  const MemoryGuest after = fixed_network(guest, "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"), "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-br0"),
            "DEVICE=br0\nTYPE=Bridge\nBOOTPROTO=dhcp\nONBOOT=no\n");
}

TEST(NetworkScripts, AVlanIsKeptButNotBroughtUp) {
  MemoryGuest guest =
      el7_with("ifcfg-eth0", "TYPE=Ethernet\nDEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\n");
  guest.add_file(kDirectory + "ifcfg-eth0.7",
                 "DEVICE=eth0.7\nVLAN=yes\nIPADDR=10.7.0.5\nONBOOT=yes\n");
  const MemoryGuest after = fixed_network(guest, "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0.7"),
            "DEVICE=eth0.7\nVLAN=yes\nIPADDR=10.7.0.5\nONBOOT=no\n");
  EXPECT_EQ(codes(network_warnings(guest, "network-scripts")),
            std::vector<std::string>{"network-not-started"});
}

TEST(NetworkScripts, ACardWithANameOfTheOwnersMakingIsACard) {
  const std::string text =
      "TYPE=Ethernet\nDEVICE=lan0\nHWADDR=00:50:56:AA:BB:CC\nBOOTPROTO=none\nONBOOT=yes\n"
      "IPADDR=10.0.0.5\nPREFIX=24\n";
  const MemoryGuest after = fixed_network(el7_with("ifcfg-lan0", text), "network-scripts");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-eth0"),
            "TYPE=Ethernet\nDEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-lan0"), kGone);

  MemoryGuest renamed = el7_with("ifcfg-lan0", "DEVICE=lan0\nIPADDR=10.0.0.5\nONBOOT=yes\n");
  EXPECT_EQ(network_edits(renamed, "network-scripts"), 0u);
  renamed.add_file("/etc/udev/rules.d/70-persistent-net.rules",
                   "SUBSYSTEM==\"net\", ACTION==\"add\", ATTR{address}==\"00:50:56:aa:bb:cc\", "
                   "NAME=\"lan0\"\n");
  EXPECT_EQ(file_of(fixed_network(renamed, "network-scripts"), kDirectory + "ifcfg-eth0"),
            "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\n");
}

TEST(NetworkScripts, CopiesOfEditorsAreNotRead) {
  MemoryGuest guest = el7_with("ifcfg-eth0", "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n");
  guest.add_file(kDirectory + "ifcfg-eth0.bak", "DEVICE=eth0\nIPADDR=10.0.0.5\n");
  EXPECT_EQ(network_edits(guest, "network-scripts"), 0u);
}

TEST(NetworkScripts, AMissingDhcpClientIsWarnedOf) {
  MemoryGuest guest = el7_with("ifcfg-eth0", "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n");
  guest.remove(GuestPath("/usr/sbin/dhclient"));
  guest.remove(GuestPath("/usr/sbin/NetworkManager"));
  EXPECT_EQ(codes(network_warnings(guest, "network-scripts")),
            std::vector<std::string>{"dhcp-client-missing"});
}

TEST(NetworkScripts, NeedClassicNamesAndNetworkManagerDoesNot) {
  EXPECT_TRUE(needs_classic_interface_names(el7_with("ifcfg-ens192", kEl7Static), Target{}));
  EXPECT_FALSE(needs_classic_interface_names(el8_with("ifcfg-ens192", kEl7Static), Target{}));
}

TEST(NetworkScripts, NothingBreaksOnABrokenFile) {
  testing::break_file(el7_with("ifcfg-ens192", kEl7Static), kDirectory + "ifcfg-ens192",
                      "network-scripts");
}

TEST(IfcfgRh, AStaticAddressBecomesDhcpOnAnyCard) {
  const MemoryGuest after = fixed_network(el8_with("ifcfg-ens192", kEl7Static), "ifcfg-rh");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-ens192"),
            "TYPE=\"Ethernet\"\nPROXY_METHOD=\"none\"\nBROWSER_ONLY=\"no\"\nBOOTPROTO=dhcp\n"
            "DEFROUTE=\"yes\"\nIPV4_FAILURE_FATAL=\"no\"\nIPV6INIT=\"yes\"\n"
            "IPV6_AUTOCONF=\"yes\"\nONBOOT=\"yes\"\nZONE=public\n");
  EXPECT_EQ(aside(after, kDirectory + "ifcfg-ens192"), kEl7Static);
}

TEST(IfcfgRh, DhcpOnANamedCardIsForAnyCardAfterwards) {
  const MemoryGuest after = fixed_network(
      el8_with("ifcfg-ens192", "BOOTPROTO=dhcp\nDEVICE=ens192\nONBOOT=yes"), "ifcfg-rh");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-ens192"),
            "BOOTPROTO=dhcp\nONBOOT=yes\nTYPE=Ethernet\n");
}

TEST(IfcfgRh, TheCardThatLeadsOutIsTheOneThatStays) {
  MemoryGuest guest = el8_with("ifcfg-ens160", "TYPE=Ethernet\nDEVICE=ens160\nIPADDR=10.9.0.5\n");
  guest.add_file(kDirectory + "ifcfg-ens192", kEl7Static);
  const MemoryGuest after = fixed_network(guest, "ifcfg-rh");
  EXPECT_EQ(file_of(after, kDirectory + "ifcfg-ens160"), kGone);
  EXPECT_NE(file_of(after, kDirectory + "ifcfg-ens192"), kGone);
}

TEST(IfcfgRh, IsNotInUseWithoutThePlugin) {
  MemoryGuest guest = el8_with("ifcfg-ens192", kEl7Static);
  guest.remove(
      GuestPath("/usr/lib64/NetworkManager/1.40.16-1.el8/libnm-settings-plugin-ifcfg-rh.so"));
  EXPECT_FALSE(ifcfg_rh_in_use(guest));
}

TEST(IfcfgRh, NothingBreaksOnABrokenFile) {
  testing::break_file(el8_with("ifcfg-ens192", kEl7Static), kDirectory + "ifcfg-ens192",
                      "ifcfg-rh");
}

}  // namespace
}  // namespace rehost
