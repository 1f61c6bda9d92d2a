#include "bootfix/grub_install_device.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

// Debian 12's own, cut short.
std::string database(const std::string& devices) {
  return "Name: grub-pc/hidden_timeout\nTemplate: grub-pc/hidden_timeout\nValue: true\n"
         "Owners: grub-pc\n\nName: grub-pc/install_devices\nTemplate: grub-pc/install_devices\n"
         "Value: " +
         devices +
         "\nOwners: grub-pc\nFlags: seen\nVariables:\n CHOICES = \n RAW_CHOICES = \n\n"
         "Name: grub-pc/install_devices_empty\nValue: false\n";
}

FixResult planned(const MemoryGuest& guest, Firmware firmware = Firmware::bios) {
  Inspection inspection = testing::debian12_inspection();
  inspection.firmware = firmware;
  return kGrubInstallDeviceFix.plan(guest, inspection, {});
}

TEST(GrubInstallDevice, IsReadFromDebconf) {
  EXPECT_EQ(debconf_install_devices(database("/dev/sda, /dev/sdb")),
            (std::vector<std::string>{"/dev/sda", "/dev/sdb"}));
  EXPECT_EQ(debconf_install_devices(database("")), std::vector<std::string>{});
  EXPECT_EQ(debconf_install_devices("Value: /dev/sda\n"), std::vector<std::string>{});
}

TEST(GrubInstallDevice, OfTheOldMachineIsWarnedOf) {
  MemoryGuest guest;
  guest.add_file("/var/cache/debconf/config.dat", database("/dev/disk/by-id/ata-VBOX_HARDDISK_1"));
  const FixResult result = planned(guest);
  EXPECT_TRUE(result.edits.empty());
  ASSERT_EQ(testing::codes(result.warnings), std::vector<std::string>{"grub-install-device"});
  EXPECT_NE(result.warnings[0].sentence.find("ata-VBOX_HARDDISK_1"), std::string::npos);
  EXPECT_TRUE(planned(guest, Firmware::uefi).warnings.empty());
  guest.add_file("/var/cache/debconf/config.dat", database(""));
  EXPECT_TRUE(planned(guest).warnings.empty());
}

TEST(GrubInstallDevice, OfSuseIsWarnedOf) {
  MemoryGuest guest;
  guest.add_file("/etc/default/grub_installdevice", "/dev/sda\nactivate\ngeneric_mbr\n");
  EXPECT_EQ(testing::codes(planned(guest).warnings),
            std::vector<std::string>{"grub-install-device"});
  guest.add_file("/etc/default/grub_installdevice", "(hd0)\n");
  EXPECT_TRUE(planned(guest).warnings.empty());
}

}  // namespace
}  // namespace rehost
