#include "drivers/mkinitrd.h"

#include <gtest/gtest.h>

#include "tests/support/memory_guest.h"

namespace rehost {
namespace {

std::string redhat(std::string_view text, const std::vector<std::string>& modules = {"nvme"}) {
  return with_mkinitrd_modules(Mkinitrd::redhat, text, modules);
}

std::string suse(std::string_view text, const std::vector<std::string>& modules = {"nvme"}) {
  return with_mkinitrd_modules(Mkinitrd::suse, text, modules);
}

KernelImage kernel(const std::string& release, const std::string& vmlinuz,
                   const std::string& initramfs) {
  KernelImage image;
  image.release = release;
  image.vmlinuz = GuestPath(vmlinuz);
  image.initramfs = GuestPath(initramfs);
  return image;
}

TEST(Mkinitrd, IsToldApartByTheScriptsThatSuseHas) {
  MemoryGuest guest;
  EXPECT_FALSE(find_mkinitrd(guest));
  guest.add_file("/sbin/mkinitrd", "#!/bin/bash\n", 0755);
  EXPECT_EQ(find_mkinitrd(guest), Mkinitrd::redhat);
  guest.add_directory("/lib/mkinitrd/scripts");
  EXPECT_EQ(find_mkinitrd(guest), Mkinitrd::suse);
}

TEST(Mkinitrd, TheNextHostAdapterIsCountedOn) {
  EXPECT_EQ(redhat("alias eth0 e1000\nalias scsi_hostadapter mptbase\n"
                   "alias scsi_hostadapter1 mptspi\n"),
            "alias eth0 e1000\nalias scsi_hostadapter mptbase\n"
            "alias scsi_hostadapter1 mptspi\nalias scsi_hostadapter2 nvme\n");
  EXPECT_EQ(redhat("alias scsi_hostadapter7 mptspi"),
            "alias scsi_hostadapter7 mptspi\nalias scsi_hostadapter8 nvme\n");
  EXPECT_EQ(redhat(""), "alias scsi_hostadapter nvme\n");
}

TEST(Mkinitrd, AHostAdapterThatIsThereStays) {
  const std::string text = "\talias  scsi_hostadapter1\tnvme\r\n";
  EXPECT_EQ(redhat(text), text);
}

TEST(Mkinitrd, WhatIsNoAliasCountsForNothing) {
  EXPECT_EQ(redhat("#alias scsi_hostadapter nvme\noptions scsi_hostadapter3 x\n"),
            "#alias scsi_hostadapter nvme\noptions scsi_hostadapter3 x\n"
            "alias scsi_hostadapter nvme\n");
  EXPECT_EQ(redhat("alias scsi_hostadapter99999999999999999999 a\n"),
            "alias scsi_hostadapter99999999999999999999 a\nalias scsi_hostadapter1 nvme\n");
}

TEST(Mkinitrd, InitrdModulesGrowBetweenTheirQuotes) {
  EXPECT_EQ(suse("# list\nINITRD_MODULES=\"ata_piix mptspi\"\nDOMU_INITRD_MODULES=\"\"\n"),
            "# list\nINITRD_MODULES=\"ata_piix mptspi nvme\"\nDOMU_INITRD_MODULES=\"\"\n");
  EXPECT_EQ(suse("INITRD_MODULES=''\n", {"nvme", "xen-blkfront"}),
            "INITRD_MODULES='nvme xen-blkfront'\n");
}

TEST(Mkinitrd, InitrdModulesThatAreThereStay) {
  const std::string text = "INITRD_MODULES=\"xen_blkfront nvme\"\n";
  EXPECT_EQ(suse(text, {"nvme", "xen-blkfront"}), text);
}

TEST(Mkinitrd, TheLastListRules) {
  EXPECT_EQ(suse("INITRD_MODULES=\"nvme\"\nINITRD_MODULES=\"ahci\"\n"),
            "INITRD_MODULES=\"nvme\"\nINITRD_MODULES=\"ahci nvme\"\n");
}

TEST(Mkinitrd, AListThatIsAProgramGetsALineBehindIt) {
  const std::string text = "INITRD_MODULES=\"ahci\"$MORE\n";
  const std::string changed = text + "INITRD_MODULES=\"$INITRD_MODULES nvme\"\n";
  EXPECT_EQ(suse(text), changed);
  EXPECT_EQ(suse(changed), changed);
  EXPECT_EQ(suse(""), "INITRD_MODULES=\"$INITRD_MODULES nvme\"\n");
}

TEST(Mkinitrd, BuildsTheImageOfOneKernel) {
  EXPECT_EQ(
      mkinitrd_command(Mkinitrd::redhat, kernel("2.6.18-398.el5", "/boot/vmlinuz-2.6.18-398.el5",
                                                "/boot/initrd-2.6.18-398.el5.img")),
      (std::vector<std::string>{"/sbin/mkinitrd", "-f", "--with=nvme",
                                "/boot/initrd-2.6.18-398.el5.img", "2.6.18-398.el5"}));
  EXPECT_EQ(mkinitrd_command(Mkinitrd::suse,
                             kernel("3.0.101-108-default", "/boot/vmlinuz-3.0.101-108-default",
                                    "/boot/initrd-3.0.101-108-default")),
            (std::vector<std::string>{"/sbin/mkinitrd", "-k", "vmlinuz-3.0.101-108-default", "-i",
                                      "initrd-3.0.101-108-default"}));
  KernelImage bare = kernel("1.0", "/boot/vmlinuz-1.0", "/boot/initrd-1.0");
  bare.initramfs.reset();
  EXPECT_FALSE(mkinitrd_command(Mkinitrd::suse, bare));
}

}  // namespace
}  // namespace rehost
