#include "converter/card_setup.h"

#include <gtest/gtest.h>

#include "bootfix/network.h"
#include "tests/support/memory_guest.h"

namespace rehost {
namespace {

// What the one file makes of eth0 and of ens5: d(hcp), f(ixed), -, ?.
std::string setup(std::string_view stack, const std::string& path, const std::string& text) {
  MemoryGuest guest;
  guest.add_file(path, text);
  std::string both;
  for (const std::string_view card : {"eth0", "ens5"}) {
    switch (read_card_setup(guest, stack, card).setup) {
      case CardSetup::nothing:
        both += '-';
        break;
      case CardSetup::dhcp:
        both += 'd';
        break;
      case CardSetup::fixed:
        both += 'f';
        break;
      case CardSetup::cannot_tell:
        both += '?';
        break;
    }
  }
  return both;
}

TEST(CardSetup, EveryStackOfTheTableIsRead) {
  for (const NetworkStack& stack : network_stacks()) {
    EXPECT_NE(read_card_setup(MemoryGuest(), stack.name, "eth0").setup, CardSetup::cannot_tell)
        << stack.name;
  }
  EXPECT_EQ(read_card_setup(MemoryGuest(), "connman", "eth0").setup, CardSetup::cannot_tell);
}

TEST(CardSetup, Ifupdown) {
  const auto of = [](const std::string& text) {
    return setup("ifupdown", "/etc/network/interfaces", text);
  };
  EXPECT_EQ(of("auto lo eth0\niface eth0 inet dhcp\n"), "d-");
  EXPECT_EQ(of("allow-hotplug ens5\niface ens5 inet static\n\taddress 10.0.0.5/24\n"), "-f");
  EXPECT_EQ(of("iface eth0 inet dhcp\n"), "--") << "nothing brings it up";
  EXPECT_EQ(of("auto eth0\niface eth0 inet manual\niface eth0 inet6 auto\n"), "--");
  EXPECT_EQ(of("auto eth0\niface eth0\n\tuse dhcp\n"), "??") << "ifupdown-ng";
  EXPECT_EQ(of("auto eth0\niface eth0\n"), "?-");
}

TEST(CardSetup, IfcfgOfRedHat) {
  const auto of = [](std::string_view stack, const std::string& name, const std::string& text) {
    return setup(stack, "/etc/sysconfig/network-scripts/" + name, text);
  };
  EXPECT_EQ(of("network-scripts", "ifcfg-eth0", "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n"), "d-");
  EXPECT_EQ(of("network-scripts", "ifcfg-a", "TYPE=Ethernet\nBOOTPROTO=dhcp\n"), "--");
  EXPECT_EQ(of("ifcfg-rh", "ifcfg-a", "TYPE=Ethernet\nBOOTPROTO=dhcp\n"), "dd");
  EXPECT_EQ(of("ifcfg-rh", "ifcfg-a", "TYPE=Ethernet\nIPADDR=10.0.0.5\n"), "ff");
  EXPECT_EQ(of("ifcfg-rh", "ifcfg-a", "TYPE=Ethernet\nBOOTPROTO=dhcp\nHWADDR=00:11:22:33:44:55\n"),
            "--");
  EXPECT_EQ(of("ifcfg-rh", "ifcfg-a", "TYPE=Ethernet\nBOOTPROTO=dhcp\nONBOOT=no\n"), "--");
  EXPECT_EQ(of("ifcfg-rh", "ifcfg-a.bak", "TYPE=Ethernet\nBOOTPROTO=dhcp\n"), "--");
}

TEST(CardSetup, Wicked) {
  const std::string path = "/etc/sysconfig/network/ifcfg-eth0";
  EXPECT_EQ(setup("wicked", path, "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n"), "d-");
  EXPECT_EQ(setup("wicked", path, "BOOTPROTO='static'\nIPADDR='10.0.0.5/24'\nSTARTMODE='auto'\n"),
            "f-");
  EXPECT_EQ(setup("wicked", path, "BOOTPROTO='dhcp'\nSTARTMODE='manual'\n"), "--");
}

TEST(CardSetup, Netplan) {
  const auto of = [](const std::string& card) {
    return setup("netplan", "/etc/netplan/a.yaml", "network:\n  version: 2\n  ethernets:\n" + card);
  };
  EXPECT_EQ(of("    eth0:\n      dhcp4: true\n"), "d-");
  EXPECT_EQ(of("    any:\n      match:\n        name: \"e*\"\n      dhcp4: yes\n"), "dd");
  EXPECT_EQ(
      of("    any:\n      match:\n        macaddress: 00:11:22:33:44:55\n      dhcp4: true\n"),
      "--");
  EXPECT_EQ(of("    ens5:\n      addresses: [10.0.0.5/24]\n"), "-f");
  EXPECT_EQ(of("    eth0: &card\n      dhcp4: true\n"), "??");
}

TEST(CardSetup, Keyfiles) {
  const std::string path = "/etc/NetworkManager/system-connections/a.nmconnection";
  const std::string card = "[connection]\ntype=ethernet\n";
  EXPECT_EQ(setup("keyfiles", path, card + "[ipv4]\nmethod=auto\n"), "dd");
  EXPECT_EQ(setup("keyfiles", path, card + "[ipv4]\nmethod=manual\naddress1=10.0.0.5/24\n"), "ff");
  const std::string other = card + "interface-name=ens192\n";
  EXPECT_EQ(setup("keyfiles", path, other), "dd") << "a card without a profile asks by itself";
  MemoryGuest server;
  server.add_file(path, other);
  server.add_file("/usr/lib/NetworkManager/conf.d/00-server.conf", "[main]\nno-auto-default=*\n");
  EXPECT_EQ(read_card_setup(server, "keyfiles", "ens5").setup, CardSetup::nothing);
}

TEST(CardSetup, Networkd) {
  const std::string path = "/etc/systemd/network/10-a.network";
  EXPECT_EQ(setup("networkd", path, "[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n"), "dd");
  EXPECT_EQ(setup("networkd", path, "[Match]\nName=ens5\n[Network]\nAddress=10.0.0.5/24\n"), "-f");
  EXPECT_EQ(setup("networkd", path, "[Match]\nMACAddress=00:11:22:33:44:55\n[Network]\nDHCP=yes\n"),
            "--");
  EXPECT_EQ(setup("networkd", path, "[Match]\nName=!ens*\n[Network]\nDHCP=ipv4\n"), "d-");
  EXPECT_EQ(setup("networkd", "/usr/lib/systemd/network/80-ec2.network",
                  "[Match]\nDriver=ena ixgbevf\n[Network]\nDHCP=yes\n"),
            "dd");
}

TEST(CardSetup, NetworkdPutsTheLinesOfOneKeyTogether) {
  const auto of = [](const std::string& match) {
    return setup("networkd", "/etc/systemd/network/10-a.network",
                 "[Match]\n" + match + "\n[Network]\nDHCP=yes\n");
  };
  EXPECT_EQ(of("Name=en*\nName=eth*"), "dd");
  EXPECT_EQ(of("Name=en* eth*\nName=!ens5"), "d-");
  EXPECT_EQ(of("Name=lo\nName=\nName=ens5"), "-d");
  EXPECT_EQ(of("Type=ether\nKind=!*"), "dd") << "89-ethernet.network.example of systemd";
  EXPECT_EQ(of("Type=!loopback bridge"), "dd");
  EXPECT_EQ(of("Type=wlan\nWLANInterfaceType=ad-hoc"), "--");
  EXPECT_EQ(of("Kind=bond"), "--");
  EXPECT_EQ(of("Name=e*\nVirtualization=!container"), "dd");
  EXPECT_EQ(of("Name=e*\nVirtualization=container"), "--");
}

TEST(CardSetup, NetworkdFilesOfWhichNobodyKnowsWhetherTheyMatch) {
  const std::string dhcp = "[Network]\nDHCP=yes\n";
  const std::string doubtful = "[Match]\nName=e*\nKernelCommandLine=!nfsroot\n";
  const std::string path = "/etc/systemd/network/10-a.network";
  EXPECT_EQ(setup("networkd", path, doubtful + dhcp), "??");
  EXPECT_EQ(setup("networkd", path, "[Match]\nArchitecture=x86-64\n" + dhcp), "??");
  MemoryGuest guest;
  guest.add_file(path, doubtful + dhcp);
  guest.add_file("/etc/systemd/network/90-b.network", "[Match]\nName=ens5\n" + dhcp);
  EXPECT_EQ(read_card_setup(guest, "networkd", "ens5").setup, CardSetup::dhcp)
      << "either of them asks";
  guest.add_file(path, doubtful + "[Network]\nAddress=10.0.0.5/24\n");
  EXPECT_EQ(read_card_setup(guest, "networkd", "ens5").setup, CardSetup::cannot_tell);
}

TEST(CardSetup, Dhcpcd) {
  const std::string path = "/etc/dhcpcd.conf";
  EXPECT_EQ(setup("dhcpcd", path, "hostname\n"), "dd");
  EXPECT_EQ(setup("dhcpcd", path, "interface eth0\nstatic ip_address=10.0.0.5/24\n"), "fd");
  EXPECT_EQ(setup("dhcpcd", path, "denyinterfaces eth0\n"), "-d");
  EXPECT_EQ(setup("dhcpcd", path, "allowinterfaces ens*\n"), "-d");
}

}  // namespace
}  // namespace rehost
