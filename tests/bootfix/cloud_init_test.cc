#include "bootfix/cloud_init.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::file_of;

FixResult plan_row(const GuestView& guest, const Inspection&, const Target&) {
  FixResult result;
  plan_cloud_init(result, guest, "cloud-init");
  return result;
}
constexpr Fix kFix = {"cloud-init", "Test", "Test.", plan_row};

std::vector<std::string> warnings_of(const MemoryGuest& guest) {
  return testing::codes(
      testing::plan_all(guest, Inspection{}, Target{}, std::span(&kFix, 1)).warnings);
}
MemoryGuest fixed(const MemoryGuest& guest) {
  testing::expect_plan_laws(guest, Inspection{}, Target{}, std::span(&kFix, 1));
  return testing::converted(guest, Inspection{}, Target{}, std::span(&kFix, 1));
}

TEST(CloudInit, PinsToAnotherHomeBecomeEc2) {
  EXPECT_EQ(with_ec2_datasource("datasource_list: [ GCE ]\n"), "datasource_list: [ Ec2, None ]\n");
  EXPECT_EQ(with_ec2_datasource("# x\ndatasource_list: ['Azure']  # by walinuxagent\nusers: []"),
            "# x\ndatasource_list: [ Ec2, None ]  # by walinuxagent\nusers: []");
  EXPECT_EQ(with_ec2_datasource("datasource_list: [ VMware, OVF, NoCloud, None ]\r\n"),
            "datasource_list: [ Ec2, NoCloud, None ]\r\n");
}

// ds-identify reads a list on one line only.
TEST(CloudInit, AListOnLinesOfItsOwnComesOntoOne) {
  EXPECT_EQ(with_ec2_datasource("a: 1\ndatasource_list:\n  - Azure  # old\n  - \"None\"\nb: 2\n"),
            "a: 1\ndatasource_list: [ Ec2, None ]\nb: 2\n");
  EXPECT_EQ(with_ec2_datasource("datasource_list:\n- GCE"), "datasource_list: [ Ec2, None ]");
}

TEST(CloudInit, OtherListsComeBackByteForByte) {
  for (const std::string_view text :
       {"datasource_list: [ NoCloud, GCE, Ec2, None ]\n", "datasource_list: [None]\n",
        "datasource_list: [ NoCloud, None ]\n", "#datasource_list: [ GCE ]\n",
        "  datasource_list: [ GCE ]\n", "datasource_list: [ GCE,\n  None ]\n", "datasource_list:",
        "datasource_list: []\n", "datasource:\n  Azure:\n    apply_network_config: False\n", ""}) {
    EXPECT_EQ(with_ec2_datasource(text), text);
  }
}

TEST(CloudInit, DsIdentifyIsToldTheSame) {
  EXPECT_EQ(ds_identify_with_ec2("datasource: GCE\npolicy: enabled\n"),
            "datasource: Ec2\npolicy: enabled\n");
  EXPECT_EQ(ds_identify_with_ec2("datasource: NoCloud\n#datasource: GCE\n"),
            "datasource: NoCloud\n#datasource: GCE\n");
}

// Debian's image for Azure.
TEST(CloudInit, EveryPinIsReplacedWithAWarning) {
  MemoryGuest guest;
  guest.add_file("/etc/cloud/cloud.cfg", "users:\n - default\n");
  guest.add_file("/etc/cloud/cloud.cfg.d/91-azure_datasource.cfg", "datasource_list: [ Azure ]\n");
  guest.add_file("/etc/cloud/ds-identify.cfg", "datasource: Azure\n");
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, "/etc/cloud/cloud.cfg.d/91-azure_datasource.cfg"),
            "datasource_list: [ Ec2, None ]\n");
  EXPECT_EQ(file_of(after, "/etc/cloud/ds-identify.cfg"), "datasource: Ec2\n");
  EXPECT_EQ(warnings_of(guest), std::vector<std::string>{"cloud-init-new-instance"});
  EXPECT_TRUE(warnings_of(after).empty());
}

// Ubuntu's server installer: 99-installer.cfg. What it set up is the owner's.
TEST(CloudInit, AnInstallersPinStaysAndIsSaid) {
  MemoryGuest guest;
  guest.add_file("/etc/cloud/cloud.cfg.d/90_dpkg.cfg", "datasource_list: [ NoCloud, Ec2 ]\n");
  guest.add_file("/etc/cloud/cloud.cfg.d/99-installer.cfg", "datasource_list: [None]\n");
  EXPECT_EQ(fixed(guest).nodes(), guest.nodes());
  EXPECT_EQ(warnings_of(guest), std::vector<std::string>{"cloud-init-not-on-ec2"});
  guest.add_file("/etc/cloud/cloud-init.disabled", "");
  EXPECT_TRUE(warnings_of(guest).empty());
}

TEST(CloudInit, ACachedInstanceThatWouldBeTrustedIsForgotten) {
  MemoryGuest guest;
  guest.add_file("/var/lib/cloud/instances/1234/datasource", "DataSourceGCE: DataSourceGCE\n");
  guest.add_file("/var/lib/cloud/instances/1234/obj.pkl", "x");
  guest.add_symlink("/var/lib/cloud/instance", "/var/lib/cloud/instances/1234");
  EXPECT_EQ(fixed(guest).nodes(), guest.nodes()) << "cloud-init looks again by itself";
  EXPECT_EQ(warnings_of(guest), std::vector<std::string>{"cloud-init-new-instance"});
  guest.add_file("/var/lib/cloud/instances/1234/manual-clean", "");
  const MemoryGuest after = fixed(guest);
  EXPECT_FALSE(after.stat(GuestPath("/var/lib/cloud/instance")));
  EXPECT_TRUE(after.stat(GuestPath("/var/lib/cloud/instances/1234/obj.pkl")));
}

}  // namespace
}  // namespace rehost
