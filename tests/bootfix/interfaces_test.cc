#include "bootfix/interfaces.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

TEST(Interfaces, KnowsTheNamesOfCards) {
  for (const char* name : {"eth0", "ens18", "ens192", "enp0s3", "eno1", "enx001122334455",
                           "enp1s0f0np0", "em1", "p4p1", "eth0:1"}) {
    EXPECT_TRUE(is_physical_interface(name)) << name;
  }
  for (const char* name : {"lo", "br0", "bond0", "ens18.100", "eth0.5", "vlan5", "tun0", "docker0",
                           "wg0", "", "e", "en", "p4", "ppp0", "eth"}) {
    EXPECT_FALSE(is_physical_interface(name)) << name;
  }
}

TEST(Interfaces, StanzasHaveTheOptionsBelowThem) {
  const std::vector<InterfaceStanza> stanzas = parse_interface_stanzas(
      "iface a inet static\n address 1\n# no\n\n gateway 2\nauto b\niface b inet6 auto\nmapping "
      "c\n script /x\n");
  ASSERT_EQ(stanzas.size(), 2u);
  EXPECT_EQ(stanzas[0].options.size(), 2u);
  EXPECT_EQ(stanzas[1].family, "inet6");
  EXPECT_TRUE(stanzas[1].options.empty());
}

TEST(Interfaces, LinesCoverTheText) {
  const std::string text =
      testing::file_of(testing::debian12(), "/etc/network/interfaces") + "a \\\n b \\";
  size_t at = 0;
  for (const InterfacesLine& line : parse_interfaces_lines(text)) {
    EXPECT_EQ(line.begin, at);
    at = line.next;
  }
  EXPECT_EQ(at, text.size());
}

TEST(Interfaces, HiddenFilesAndBackupsAreNotSourced) {
  MemoryGuest guest;
  guest.add_file("/etc/network/interfaces", "source-directory interfaces.d\n");
  guest.add_file("/etc/network/interfaces.d/lan", "");
  guest.add_file("/etc/network/interfaces.d/lan.dpkg-old", "");
  guest.add_file("/etc/network/interfaces.d/.lan", "");
  EXPECT_EQ(read_interfaces(guest).size(), 2u);
}

}  // namespace
}  // namespace rehost
