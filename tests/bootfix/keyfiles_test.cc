#include "bootfix/keyfiles.h"

#include <gtest/gtest.h>

#include "tests/bootfix/network_laws.h"

namespace rehost {
namespace {

using namespace testing;  // the words of tests/bootfix/network_laws.h

const std::string kDirectory = "/etc/NetworkManager/system-connections/";

// RHEL 9 as anaconda writes it, with two static addresses.
const std::string kEl9Static =
    "[connection]\nid=ens192\nuuid=5f6b1f0e-4a29-4ef1-9d2c-0d2f1b7f2a11\ntype=ethernet\n"
    "autoconnect-priority=-999\ninterface-name=ens192\ntimestamp=1700000000\nzone=internal\n\n"
    "[ethernet]\nmac-address=00:0C:29:3E:5A:01\n\n"
    "[ipv4]\naddress1=10.0.0.5/24,10.0.0.1\naddress2=10.0.0.6/24\ndns=10.0.0.2;\n"
    "method=manual\n\n[ipv6]\naddr-gen-mode=eui64\nmethod=auto\n\n[proxy]\n";
const std::string kEl9Fixed =
    "[connection]\nid=ens192\nuuid=5f6b1f0e-4a29-4ef1-9d2c-0d2f1b7f2a11\ntype=ethernet\n"
    "autoconnect-priority=-999\ntimestamp=1700000000\nzone=internal\n\n"
    "[ethernet]\n\n"
    "[ipv4]\nmethod=auto\n\n[ipv6]\naddr-gen-mode=eui64\nmethod=auto\n\n[proxy]\n";

MemoryGuest el9_with(const std::string& name, const std::string& text) {
  MemoryGuest guest;
  guest.add_file("/usr/sbin/NetworkManager", "");
  guest.add_file(kDirectory + name, text, 0600);
  return guest;
}

TEST(Keyfiles, AStaticProfileAsksDhcpOnAnyCard) {
  const MemoryGuest after = fixed_network(el9_with("ens192.nmconnection", kEl9Static), "keyfiles");
  EXPECT_EQ(file_of(after, kDirectory + "ens192.nmconnection"), kEl9Fixed);
  EXPECT_EQ(aside(after, kDirectory + "ens192.nmconnection"), kEl9Static);
  EXPECT_EQ(after.stat(GuestPath(kDirectory + "ens192.nmconnection"))->mode, 0600u);
}

TEST(Keyfiles, TheWarningSaysWhatItWas) {
  const std::vector<Warning> all =
      network_warnings(el9_with("ens192.nmconnection", kEl9Static), "keyfiles");
  ASSERT_EQ(codes(all), std::vector<std::string>{"network-set-aside"});
  EXPECT_EQ(all[0].sentence,
            "/etc/NetworkManager/system-connections/ens192.nmconnection configured ens192 with "
            "connection.interface-name=ens192, ethernet.mac-address=00:0C:29:3E:5A:01, "
            "ipv4.address1=10.0.0.5/24,10.0.0.1, ipv4.address2=10.0.0.6/24, ipv4.dns=10.0.0.2;, "
            "ipv4.method=manual: set aside in "
            "/var/lib/rehost/set-aside/etc/NetworkManager/system-connections/ens192.nmconnection, "
            "any card asks DHCP instead");
}

TEST(Keyfiles, DhcpOnAnyCardIsLeftAlone) {
  EXPECT_EQ(network_edits(el9_with("ens192.nmconnection", kEl9Fixed), "keyfiles"), 0u);
  EXPECT_EQ(network_edits(el9_with("Wired",
                                   "[connection]\nid=Wired\ntype=802-3-ethernet\n\n"
                                   "[802-3-ethernet]\ncloned-mac-address=stable\n"),
                          "keyfiles"),
            0u);
}

TEST(Keyfiles, DhcpOnANamedCardIsForAnyCardAfterwards) {
  const MemoryGuest after = fixed_network(
      el9_with("a.nmconnection",
               "[connection]\nid=a\ntype=ethernet\ninterface-name=ens192\n\n[ipv4]\nmethod=auto\n"),
      "keyfiles");
  EXPECT_EQ(file_of(after, kDirectory + "a.nmconnection"),
            "[connection]\nid=a\ntype=ethernet\n\n[ipv4]\nmethod=auto\n");
}

TEST(Keyfiles, TheProfileThatLeadsOutStaysAndOtherStaticOnesAreSetAside) {
  MemoryGuest guest = el9_with("ens192.nmconnection", kEl9Static);
  guest.add_file(kDirectory + "a-san.nmconnection",
                 "[connection]\nid=san\ntype=ethernet\ninterface-name=ens224\n\n[ipv4]\n"
                 "address1=10.9.0.5/24\nmethod=manual\n",
                 0600);
  guest.add_file(kDirectory + "wifi.nmconnection",
                 "[connection]\nid=wifi\ntype=wifi\n\n[wifi-security]\npsk=secret\n", 0600);
  const MemoryGuest after = fixed_network(guest, "keyfiles");
  EXPECT_EQ(file_of(after, kDirectory + "ens192.nmconnection"), kEl9Fixed);
  EXPECT_EQ(file_of(after, kDirectory + "a-san.nmconnection"), kGone);
  EXPECT_EQ(file_of(after, kDirectory + "wifi.nmconnection"),
            file_of(guest, kDirectory + "wifi.nmconnection"));
}

TEST(Keyfiles, TheCardTakesTheRoutesOfEc2) {
  const MemoryGuest guest = el9_with(
      "a.nmconnection",
      "[connection]\nid=a\ntype=ethernet\n\n[ipv4]\nmethod=auto\nnever-default=true\n"
      "ignore-auto-routes=true\nroute1=192.168.0.0/16,10.0.0.254\nroute1_options=mtu=1400\n"
      "route-metric=50\nrouting-rule1=priority 5 from 10.0.0.0/8 table 1\ndns=9.9.9.9;\n"
      "ignore-auto-dns=true\n");
  const MemoryGuest after = fixed_network(guest, "keyfiles");
  EXPECT_EQ(file_of(after, kDirectory + "a.nmconnection"),
            "[connection]\nid=a\ntype=ethernet\n\n[ipv4]\nmethod=auto\nroute-metric=50\n"
            "dns=9.9.9.9;\nignore-auto-dns=true\n");
}

TEST(Keyfiles, ThePinOnNameServersGoesWithThem) {
  const MemoryGuest after =
      fixed_network(el9_with("a.nmconnection",
                             "[connection]\nid=a\ntype=ethernet\n\n[ipv4]\naddress1=10.0.0.5/24\n"
                             "dns=10.0.0.2;\nignore-auto-dns=true\nmethod=manual\n"),
                    "keyfiles");
  EXPECT_EQ(file_of(after, kDirectory + "a.nmconnection"),
            "[connection]\nid=a\ntype=ethernet\n\n[ipv4]\nmethod=auto\n");
}

TEST(Keyfiles, OfTwoCardsTheOneThatLedOutStays) {
  MemoryGuest guest =
      el9_with("a.nmconnection",
               "[connection]\nid=a\ntype=ethernet\ninterface-name=ens224\n\n[ipv4]\n"
               "method=auto\nnever-default=true\n");
  guest.add_file(kDirectory + "b.nmconnection",
                 "[connection]\nid=b\ntype=ethernet\ninterface-name=ens192\n\n[ipv4]\n"
                 "method=auto\n",
                 0600);
  const MemoryGuest after = fixed_network(guest, "keyfiles");
  EXPECT_EQ(file_of(after, kDirectory + "b.nmconnection"),
            "[connection]\nid=b\ntype=ethernet\n\n[ipv4]\nmethod=auto\n");
  EXPECT_EQ(file_of(after, kDirectory + "a.nmconnection"), kGone);
}

TEST(Keyfiles, ABondIsKeptButNotBroughtUpAndANewProfileAsksDhcp) {
  MemoryGuest guest = el9_with("bond0.nmconnection",
                               "[connection]\nid=bond0\nuuid=b-1\ntype=bond\n"
                               "interface-name=bond0\n\n[ipv4]\naddress1=10.0.0.5/24\n"
                               "method=manual\n");
  guest.add_file(kDirectory + "eno1.nmconnection",
                 "[connection]\nid=eno1\ntype=ethernet\ninterface-name=eno1\nmaster=b-1\n"
                 "slave-type=bond\n",
                 0600);
  const MemoryGuest after = fixed_network(guest, "keyfiles");
  EXPECT_EQ(file_of(after, kDirectory + "bond0.nmconnection"),
            "[connection]\nautoconnect=false\nid=bond0\nuuid=b-1\ntype=bond\n"
            "interface-name=bond0\n\n[ipv4]\naddress1=10.0.0.5/24\nmethod=manual\n");
  EXPECT_EQ(file_of(after, kDirectory + "eno1.nmconnection"), kGone);
  EXPECT_NE(file_of(after, kDirectory + "rehost.nmconnection").find("[ipv4]\nmethod=auto\n"),
            std::string::npos);
  EXPECT_EQ(after.stat(GuestPath(kDirectory + "rehost.nmconnection"))->mode, 0600u);
}

TEST(Keyfiles, AVlanAndABridgeOfACardAreNotBroughtUp) {
  MemoryGuest guest = el9_with("ens192.nmconnection", kEl9Fixed);
  guest.add_file(kDirectory + "vlan7.nmconnection",
                 "[connection]\nid=vlan7\ntype=vlan\n\n[vlan]\nparent=ens192\nid=7\n", 0600);
  guest.add_file(kDirectory + "br0.nmconnection",
                 "[connection]\nid=br0\nuuid=u-1\ntype=bridge\ninterface-name=br0\n", 0600);
  guest.add_file(kDirectory + "port.nmconnection",
                 "[connection]\nid=port\ntype=ethernet\ninterface-name=ens224\nmaster=br0\n"
                 "slave-type=bridge\n",
                 0600);
  const MemoryGuest after = fixed_network(guest, "keyfiles");
  EXPECT_EQ(
      file_of(after, kDirectory + "vlan7.nmconnection"),
      "[connection]\nautoconnect=false\nid=vlan7\ntype=vlan\n\n[vlan]\nparent=ens192\nid=7\n");
  EXPECT_EQ(file_of(after, kDirectory + "br0.nmconnection"),
            "[connection]\nautoconnect=false\nid=br0\nuuid=u-1\ntype=bridge\ninterface-name=br0\n");
  EXPECT_EQ(file_of(after, kDirectory + "port.nmconnection"), kGone);
}

TEST(Keyfiles, ABridgeWithoutCardsStays) {
  MemoryGuest guest = el9_with("ens192.nmconnection", kEl9Fixed);
  guest.add_file(kDirectory + "br0.nmconnection",
                 "[connection]\nid=br0\ntype=bridge\ninterface-name=br0\n", 0600);
  EXPECT_EQ(network_edits(guest, "keyfiles"), 0u);
}

// Nothing but NetworkManager.
MemoryGuest without_profiles() {
  MemoryGuest guest;
  guest.add_file("/usr/sbin/NetworkManager", "");
  guest.add_symlink("/etc/systemd/system/multi-user.target.wants/NetworkManager.service",
                    "/usr/lib/systemd/system/NetworkManager.service");
  return guest;
}

TEST(Keyfiles, WithoutAProfileACardAsksDhcpByItself) {
  EXPECT_TRUE(keyfiles_in_use(without_profiles()));
  EXPECT_EQ(network_edits(without_profiles(), "keyfiles"), 0u);
}

TEST(Keyfiles, WhereNoCardMayAskByItselfAProfileAsks) {
  MemoryGuest guest = without_profiles();
  // From the package NetworkManager-config-server.
  guest.add_file("/usr/lib/NetworkManager/conf.d/00-server.conf",
                 "[main]\nno-auto-default=*\nignore-carrier=*\n");
  const MemoryGuest after = fixed_network(guest, "keyfiles");
  EXPECT_NE(file_of(after, kDirectory + "rehost.nmconnection").find("[ipv4]\nmethod=auto\n"),
            std::string::npos);
  guest.add_file("/etc/NetworkManager/conf.d/90-desk.conf",
                 "[main]\nno-auto-default=00:11:22:33:44:55\n");
  EXPECT_EQ(network_edits(guest, "keyfiles"), 0u);
}

TEST(Keyfiles, CardsThatAreNotManagedOrSomebodyElsesAreLeftAlone) {
  MemoryGuest unmanaged = without_profiles();
  unmanaged.add_file("/usr/lib/NetworkManager/conf.d/10-globally-managed-devices.conf",
                     "[keyfile]\nunmanaged-devices=*,except:type:wifi\n");
  EXPECT_FALSE(keyfiles_in_use(unmanaged));
  MemoryGuest ifupdown = without_profiles();
  ifupdown.add_file("/sbin/ifup", "");
  ifupdown.add_file("/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n");
  EXPECT_FALSE(keyfiles_in_use(ifupdown));
}

TEST(Keyfiles, WithoutTheProgramTheyAreNotInUse) {
  MemoryGuest guest = el9_with("ens192.nmconnection", kEl9Static);
  guest.remove(GuestPath("/usr/sbin/NetworkManager"));
  EXPECT_FALSE(keyfiles_in_use(guest));
}

TEST(Keyfiles, NothingBreaksOnABrokenFile) {
  testing::break_file(el9_with("ens192.nmconnection", kEl9Static),
                      kDirectory + "ens192.nmconnection", "keyfiles");
}

}  // namespace
}  // namespace rehost
