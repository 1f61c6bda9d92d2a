#include "converter/initramfs_settings.h"

#include <gtest/gtest.h>

#include "drivers/cpio.h"
#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

using Words = std::vector<std::string>;
using Files = std::map<std::string, std::string>;

Initramfs initramfs_with(const Files& files) {
  std::vector<ArchiveEntry> entries;
  for (const std::string directory : {"etc", "etc/lvm", "etc/lvm/devices", "etc/mdadm"}) {
    entries.push_back({.path = directory, .mode = kDirectory | 0755, .content = ""});
  }
  for (const auto& [path, content] : files) {
    entries.push_back({.path = path, .mode = kRegularFile | 0644, .content = content});
  }
  return Initramfs(write_cpio(entries));
}

// Its root is `root`; beside it there are LVM and an array, or one of them.
Inspection machine(const std::string& root, bool lvm, bool md) {
  Inspection inspection = testing::machine_with({root.starts_with("/dev/sd")
                                                     ? testing::partition_of(0, 1, "ext4", "r")
                                                     : testing::logical_volume(root, "ext4", "r")});
  if (lvm) {
    inspection.filesystems.push_back(testing::partition_of(0, 3, "LVM2_member", "pv"));
  }
  if (md) {
    inspection.arrays.push_back({.device = DeviceName("/dev/md127"),
                                 .uuid = "a5b0c7d1:11e2f304:9d8c7b6a:00000000",
                                 .name = "",
                                 .level = "raid1",
                                 .members = {},
                                 .names = {}});
  }
  return inspection;
}

// "?" behind what may hide, "(...)" around what hides nothing that is needed.
Words hiding(const Files& files, const Inspection& inspection, const std::string& arguments = "") {
  const InitramfsNeeds needs =
      initramfs_needs(MemoryGuest(), inspection, KernelArguments::parse(arguments));
  Words words;
  for (const HidingSetting& setting :
       settings_hiding_nvme(initramfs_with(files), inspection, needs)) {
    const std::string text = setting.text + (setting.certain ? "" : "?");
    words.push_back(setting.needed ? text : "(" + text + ")");
  }
  return words;
}

Words hiding(const Files& files, bool lvm, bool md) {
  return hiding(files, machine(lvm ? "/dev/vg0/root" : md ? "/dev/md127" : "/dev/sda1", lvm, md));
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

TEST(InitramfsSettings, ACommentIsNoSwitchOfTheDevicesFile) {
  const std::string file = "etc/lvm/devices/system.devices";
  const auto of = [&](const std::string& conf) {
    return hiding({{file, "IDTYPE=sys_wwid IDNAME=naa.6000c29\n"}, {"etc/lvm/lvm.conf", conf}},
                  true, false);
  };
  EXPECT_EQ(of("devices {\n\t# use_devicesfile = 0\n}\n"), Words{file + "?"})
      << "the comment is how LVM's own file tells its default";
  EXPECT_EQ(of("devices {\n\t# use_devicesfile = 0\n\tuse_devicesfile = 1\n}\n"), Words{file});
  EXPECT_EQ(of("devices {\n\tuse_devicesfile\t= 0\n}\n"), Words{});
}

TEST(InitramfsSettings, AFilterThatIsNotUnderstoodMayHide) {
  EXPECT_EQ(hiding({{"etc/lvm/lvm.conf", "filter = [ \"a|/dev/disk/by-id/.*|\", \"r|.*|\" ]\n"}},
                   true, false),
            Words{"the filter in etc/lvm/lvm.conf?"});
}

TEST(InitramfsSettings, WhatHidesDataAloneIsNotNeeded) {
  const Files lvm = {{"etc/lvm/lvm.conf", kFilter}};
  const Inspection data = machine("/dev/sda1", true, true);
  EXPECT_EQ(hiding(lvm, data), Words{"(the filter in etc/lvm/lvm.conf)"});
  EXPECT_EQ(hiding(lvm, data, "rd.lvm.lv=vg0/swap"), Words{"the filter in etc/lvm/lvm.conf"})
      << "dracut waits for it";
  EXPECT_EQ(hiding(lvm, machine("/dev/md127", true, true)),
            Words{"(the filter in etc/lvm/lvm.conf)"});
  Inspection swap = data;
  swap.filesystems.push_back(testing::logical_volume("/dev/vg0/swap", "swap", "s"));
  EXPECT_EQ(hiding(lvm, swap, "resume=UUID=s"), Words{"(the filter in etc/lvm/lvm.conf)"});
  Inspection usr = data;
  usr.filesystems.push_back(testing::logical_volume("/dev/vg0/usr", "ext4", "u"));
  usr.mounts.push_back({GuestPath("/usr"), DeviceName("/dev/vg0/usr")});
  EXPECT_EQ(hiding(lvm, usr), Words{"the filter in etc/lvm/lvm.conf"});
  const Files md = {{"etc/mdadm.conf", "DEVICE /dev/sd*\n"}};
  EXPECT_EQ(hiding(md, data), Words{"(/dev/sd* in etc/mdadm.conf line 1)"});
  EXPECT_EQ(hiding(md, data, "rd.md.uuid=a5b0c7d1"), Words{"/dev/sd* in etc/mdadm.conf line 1"});
}

TEST(InitramfsSettings, AnArrayThatIsNoMoreHidesNothing) {
  const auto of = [](const std::string& tags) {
    return hiding({{"etc/mdadm.conf", "ARRAY /dev/md5 " + tags + "devices=/dev/sdc1\n"}}, false,
                  true);
  };
  EXPECT_EQ(of("UUID=ffffffff:11e2f304:9d8c7b6a:00000000 "), Words{});
  EXPECT_EQ(of("UUID=a5b0c7d1:11e2f304:9d8c7b6a:00000000 "),
            Words{"devices=/dev/sdc1 in etc/mdadm.conf line 1"});
  EXPECT_EQ(of(""), Words{"devices=/dev/sdc1 in etc/mdadm.conf line 1?"});
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
