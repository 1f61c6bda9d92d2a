#include "converter/initramfs_settings.h"

#include <gtest/gtest.h>

#include "drivers/cpio.h"
#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

using Words = std::vector<std::string>;

Words hiding(const std::map<std::string, std::string>& files, bool lvm, bool md) {
  std::vector<ArchiveEntry> entries;
  for (const std::string directory : {"etc", "etc/lvm", "etc/lvm/devices", "etc/mdadm"}) {
    entries.push_back({.path = directory, .mode = kDirectory | 0755, .content = ""});
  }
  for (const auto& [path, content] : files) {
    entries.push_back({.path = path, .mode = kRegularFile | 0644, .content = content});
  }
  Inspection inspection = testing::two_disks();
  if (lvm) {
    inspection.filesystems.push_back(testing::partition_of(0, 3, "LVM2_member", "pv"));
  }
  if (md) {
    inspection.arrays.emplace_back();
  }
  return settings_hiding_nvme(Initramfs(write_cpio(entries)), inspection);
}

const std::string kFilter = "devices {\n\tfilter = [ \"a|/dev/sda|\", \"r|.*|\" ]\n}\n";

TEST(InitramfsSettings, AFilterOfLvmThatKnowsTheOldDisksAloneHidesTheOthers) {
  EXPECT_EQ(hiding({{"etc/lvm/lvm.conf", kFilter}}, true, false),
            Words{"the filter in etc/lvm/lvm.conf"});
  EXPECT_EQ(hiding({{"etc/lvm/lvm.conf", kFilter}}, false, false), Words{});
  EXPECT_EQ(hiding({{"etc/lvm/lvm.conf", kFilter},
                    {"etc/lvm/lvmlocal.conf", "devices {\n\tfilter = [ \"a|.*|\" ]\n}\n"}},
                   true, false),
            Words{})
      << "lvmlocal.conf has the last word";
}

TEST(InitramfsSettings, ADevicesFileHidesUnlessItIsSwitchedOff) {
  const std::string devices =
      "VERSION=1.1.2\nIDTYPE=sys_wwid IDNAME=naa.6000c29 DEVNAME=/dev/sda2\n";
  EXPECT_EQ(hiding({{"etc/lvm/devices/system.devices", devices}}, true, false),
            Words{"etc/lvm/devices/system.devices"});
  EXPECT_EQ(hiding({{"etc/lvm/devices/system.devices", devices},
                    {"etc/lvm/lvmlocal.conf", "devices {\n\tuse_devicesfile = 0\n}\n"}},
                   true, false),
            Words{});
}

TEST(InitramfsSettings, ADeviceLineOfMdadmHidesTheMembers) {
  EXPECT_EQ(hiding({{"etc/mdadm.conf", "DEVICE /dev/sd*\n"}}, false, true),
            Words{"/dev/sd* in etc/mdadm.conf line 1"});
  EXPECT_EQ(hiding({{"etc/mdadm/mdadm.conf", "DEVICE /dev/sd* partitions\n"}}, false, true),
            Words{});
  EXPECT_EQ(hiding({{"etc/mdadm.conf", "DEVICE /dev/sd*\n"}}, false, false), Words{});
}

}  // namespace
}  // namespace rehost
