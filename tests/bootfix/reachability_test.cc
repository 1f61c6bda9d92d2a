#include "bootfix/reachability.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using Names = std::set<std::string>;

TEST(Reachability, CardsAreFoundInTheWordsOfEachKindOfRule) {
  EXPECT_EQ(cards_named_in("-A INPUT -i ens192 -p tcp --dport 22 -j ACCEPT\n"), Names{"ens192"});
  EXPECT_EQ(cards_named_in("iifname \"ens192\" accept\niifname { enp3s0, eth1 } drop\n"),
            (Names{"enp3s0", "ens192", "eth1"}));
  EXPECT_EQ(cards_named_in("<zone>\n  <interface name=\"ens192\"/>\n"), Names{"ens192"});
  EXPECT_EQ(cards_named_in("FW_DEV_EXT=\"eth0\"\n"), Names{"eth0"});
  EXPECT_EQ(cards_named_in("-A INPUT -i lan0 -j ACCEPT\n", {"lan0"}), Names{"lan0"});
}

TEST(Reachability, CardsAreNotFoundInCommentsAndPartsOfWords) {
  EXPECT_EQ(cards_named_in("# -A INPUT -i ens192\n-A INPUT -i lo -j ACCEPT\n"), Names{});
  EXPECT_EQ(cards_named_in("-A INPUT -m comment --comment my-ens192-rule -j established\n"),
            Names{});
}

FixResult planned(const MemoryGuest& guest, const Target& target = {}) {
  return kReachabilityFix.plan(guest, testing::two_disks(), target);
}

TEST(Reachability, RulesOfAnOldCardAreWarnedOfAndLeft) {
  MemoryGuest guest;
  guest.add_file("/etc/firewalld/zones/internal.xml", "<interface name=\"ens192\"/>\n");
  guest.add_file("/etc/iptables/rules.v4", "-A INPUT -i lo -j ACCEPT\n");
  const FixResult result = planned(guest);
  EXPECT_TRUE(result.edits.empty());
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_EQ(
      result.warnings[0].sentence,
      "/etc/firewalld/zones/internal.xml has rules for ens192, and the network card of EC2 is "
      "called ens5 or eth0: see that they do not shut you out");
  const Target keep{.initramfs = std::nullopt, .network = NetworkMode::keep};
  EXPECT_TRUE(planned(guest, keep).warnings.empty());
}

// Debian 12 with ifupdown: the card is eth0.
TEST(Reachability, RulesForEth0HoldWhereTheCardIsCalledSo) {
  MemoryGuest guest = testing::debian12();
  guest.add_file("/etc/iptables/rules.v4", "-A INPUT -i eth0 -j ACCEPT\n");
  EXPECT_TRUE(planned(guest).warnings.empty());
  guest.add_file("/etc/iptables/rules.v4", "-A INPUT -i ens18 -j ACCEPT\n");
  EXPECT_EQ(testing::codes(planned(guest).warnings),
            std::vector<std::string>{"firewall-names-old-card"});
}

TEST(Reachability, SshdListensOnWhatItsLinesSay) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(listen_addresses("Port 22\nListenAddress 10.0.0.5\nlistenaddress=[fd00::5]:22\n"),
            (Words{"10.0.0.5", "[fd00::5]:22"}));
  EXPECT_EQ(listen_addresses("#ListenAddress 10.0.0.5\nListenAddress 0.0.0.0\nListenAddress ::\n"
                             "ListenAddress 127.0.0.1\nListenAddress web01.example.com\n"),
            Words{});
}

TEST(Reachability, AnSshdOnAnAddressOfTheOldNetworkIsWarnedOf) {
  MemoryGuest guest;
  guest.add_file("/etc/ssh/sshd_config", "Port 22\n");
  EXPECT_TRUE(planned(guest).warnings.empty());
  guest.add_file("/etc/ssh/sshd_config.d/50-lan.conf", "ListenAddress 10.0.0.5\n");
  EXPECT_EQ(testing::codes(planned(guest).warnings),
            std::vector<std::string>{"sshd-listens-on-old-address"});
}

}  // namespace
}  // namespace rehost
