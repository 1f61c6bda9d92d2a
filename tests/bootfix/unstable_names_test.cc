#include "bootfix/unstable_names.h"

#include <gtest/gtest.h>

#include "bootfix/fixes.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

// "/etc/fstab:3 /dev/sda1": those that a boot waits for have a "!" behind them.
std::vector<std::string> found(const MemoryGuest& guest) {
  std::vector<std::string> list;
  for (const UnstableName& name : find_unstable_names(guest, testing::debian12_inspection())) {
    list.push_back(name.file.str() + ":" + std::to_string(name.line) + " " + name.name +
                   (name.required ? "!" : ""));
  }
  return list;
}

TEST(UnstableNames, AreAllFoundInTheDebianGuest) {
  const std::vector<std::string> wanted = {"/etc/fstab:11 /dev/sda1!",
                                           "/etc/fstab:13 /dev/sda2!",
                                           "/etc/fstab:16 /dev/sdb1!",
                                           "/boot/grub/grub.cfg:98 /dev/sda1!",
                                           "/boot/grub/grub.cfg:116 /dev/sda1!",
                                           "/boot/grub/grub.cfg:133 /dev/sda1!",
                                           "/etc/initramfs-tools/conf.d/resume:1 /dev/sda2"};
  EXPECT_EQ(found(testing::debian12()), wanted);
}

TEST(UnstableNames, AreGoneAfterTheFixes) {
  EXPECT_EQ(found(testing::converted(testing::debian12(), testing::debian12_inspection(), Target{},
                                     bootfix_fixes())),
            std::vector<std::string>());
}

TEST(UnstableNames, WhatNobodyWaitsForIsNotRequired) {
  MemoryGuest guest;
  guest.add_file("/etc/fstab", "/dev/sdc1 /x ext4 nofail 0 0\n");
  guest.add_file("/etc/crypttab", "a UUID=1 none\nb /dev/sdc2 none luks\n");
  guest.add_file("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"root=/dev/sda1\"\n");
  guest.add_file("/boot/grub/grub.cfg", "menuentry 'other' {\n linux /gone root=/dev/sda5\n}\n");
  const std::vector<std::string> wanted = {"/etc/fstab:1 /dev/sdc1", "/etc/crypttab:2 /dev/sdc2!",
                                           "/boot/grub/grub.cfg:2 /dev/sda5",
                                           "/etc/default/grub:1 /dev/sda1!"};
  EXPECT_EQ(found(guest), wanted);
}

}  // namespace
}  // namespace rehost
