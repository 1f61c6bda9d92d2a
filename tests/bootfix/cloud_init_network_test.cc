#include "bootfix/cloud_init_network.h"

#include <gtest/gtest.h>

#include "tests/bootfix/network_laws.h"

namespace rehost {
namespace {

using namespace testing;  // the words of tests/bootfix/network_laws.h

const std::string kCurtin = "/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg";
// Ubuntu 18.04's installer writes this.
const std::string kStatic =
    "network:\n  ethernets:\n    ens160:\n      addresses:\n      - 10.0.0.5/24\n"
    "      gateway4: 10.0.0.1\n  version: 2\n";

MemoryGuest guest_with(const std::string& path, const std::string& text) {
  MemoryGuest guest;
  guest.add_file("/usr/bin/cloud-init", "");
  guest.add_file(path, text);
  return guest;
}

MemoryGuest fixed(const MemoryGuest& guest) {
  const std::span<const Fix> fix(&kCloudInitNetworkFix, 1);
  testing::expect_plan_laws(guest, testing::two_disks(), Target{}, fix);
  return testing::converted(guest, testing::two_disks(), Target{}, fix);
}

FixResult plan(const MemoryGuest& guest) {
  return kCloudInitNetworkFix.plan(guest, testing::two_disks(), Target{});
}

TEST(CloudInitNetwork, WhatTheInstallerLeftIsSetAside) {
  const MemoryGuest guest = guest_with(kCurtin, "# installer\n" + kStatic);
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, kCurtin), kGone);
  EXPECT_EQ(aside(after, kCurtin), "# installer\n" + kStatic);
  const std::vector<Warning> warnings = plan(guest).warnings;
  ASSERT_EQ(codes(warnings), std::vector<std::string>{"network-set-aside"});
  EXPECT_EQ(warnings[0].sentence,
            "/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg configured network cards with ens160: "
            "addresses 10.0.0.5/24, ens160: gateway4 10.0.0.1, ens160: no dhcp4: set aside in "
            "/var/lib/rehost/set-aside/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg, cloud-init "
            "asks EC2 instead");
}

TEST(CloudInitNetwork, OtherSettingsOfTheFileStay) {
  const std::string before = "preserve_hostname: true\n";
  const std::string behind = "\n# users\nusers:\n- default\n";
  const MemoryGuest after = fixed(guest_with("/etc/cloud/cloud.cfg", before + kStatic + behind));
  EXPECT_EQ(file_of(after, "/etc/cloud/cloud.cfg"), before + behind);
}

TEST(CloudInitNetwork, TheFirstVersionAndListsAtTheLeftEdgeAreTakenWhole) {
  const std::string v1 =
      "network:\n  version: 1\n  config:\n  - type: physical\n    name: eth0\n    subnets:\n"
      "    - type: static\n      address: 10.0.0.5/24\n";
  EXPECT_TRUE(configures_cards(v1));
  EXPECT_EQ(without_network_config(v1 + "ssh_pwauth: true\n"), "ssh_pwauth: true\n");
  EXPECT_EQ(without_network_config("a: 1\r\nnetwork:\r\n- x\r\n- y\r\nb: 2"), "a: 1\r\nb: 2");
  EXPECT_EQ(without_network_config("network: {version: 2,\n ethernets: {}\n}\nb: 2\n"), "b: 2\n");
}

TEST(CloudInitNetwork, ANetworkThatIsSwitchedOffStaysSo) {
  for (const std::string text : {"network: {config: disabled}\n", "network:\n  config: disabled\n",
                                 "# network: {config: disabled}\nnetwork_extra: 1\n",
                                 "system_info:\n  network:\n    a: 1\n"}) {
    EXPECT_FALSE(configures_cards(text)) << text;
    EXPECT_TRUE(plan(guest_with(kCurtin, text)).edits.empty()) << text;
  }
}

TEST(CloudInitNetwork, NothingIsDoneWithoutCloudInitOrWhenTheNetworkIsKept) {
  MemoryGuest guest = guest_with(kCurtin, kStatic);
  const Target keep{.initramfs = std::nullopt, .network = NetworkMode::keep};
  EXPECT_TRUE(kCloudInitNetworkFix.plan(guest, testing::two_disks(), keep).edits.empty());
  guest.remove(GuestPath("/usr/bin/cloud-init"));
  EXPECT_TRUE(plan(guest).edits.empty());
}

TEST(CloudInitNetwork, NothingBreaksOnABrokenFile) {
  const std::string text = "a: [1,\n 2]\n" + kStatic + "'network': {b: \"c\n";
  for (size_t length = 0; length <= text.size(); ++length) {
    fixed(guest_with(kCurtin, text.substr(0, length)));
  }
}

}  // namespace
}  // namespace rehost
