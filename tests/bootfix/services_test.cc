#include "bootfix/services.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::file_of;

constexpr std::string_view kUnits[] = {"open-vm-tools.service", "vmtoolsd.service",
                                       "vmware-tools.service", "spice-vdagentd.socket"};

FixResult plan_units(const GuestView& guest, const Inspection&, const Target&) {
  FixResult result;
  plan_disable_services(result, guest, "services", kUnits, "test");
  return result;
}
constexpr Fix kFix = {"services", "Test", "Test.", plan_units};

MemoryGuest disabled(const MemoryGuest& guest) {
  testing::expect_plan_laws(guest, Inspection{}, Target{}, std::span(&kFix, 1));
  return testing::converted(guest, Inspection{}, Target{}, std::span(&kFix, 1));
}

MemoryGuest systemd_guest() {
  MemoryGuest guest;
  guest.add_file("/usr/lib/systemd/systemd", "");
  guest.add_symlink("/usr/sbin/init", "../lib/systemd/systemd");
  guest.add_symlink("/lib", "usr/lib");
  guest.add_symlink("/sbin", "usr/sbin");
  guest.add_directory("/etc/systemd/system");
  return guest;
}

std::string link_at(const GuestView& guest, std::string_view path) {
  return guest.read_link(GuestPath(path)).value_or("(no link)");
}

// Debian 12: the package's unit, enabled, with its alias.
TEST(Services, SystemdUnitsAreMaskedAndUnwanted) {
  MemoryGuest guest = systemd_guest();
  guest.add_file("/usr/lib/systemd/system/open-vm-tools.service", "[Unit]\n");
  guest.add_symlink("/etc/systemd/system/vmtoolsd.service",
                    "/lib/systemd/system/open-vm-tools.service");
  guest.add_symlink("/etc/systemd/system/multi-user.target.wants/open-vm-tools.service",
                    "/lib/systemd/system/open-vm-tools.service");
  guest.add_symlink("/etc/systemd/system/multi-user.target.wants/ssh.service",
                    "/lib/systemd/system/ssh.service");
  const MemoryGuest after = disabled(guest);
  EXPECT_EQ(link_at(after, "/etc/systemd/system/open-vm-tools.service"), "/dev/null");
  EXPECT_EQ(link_at(after, "/etc/systemd/system/vmtoolsd.service"), "/dev/null");
  const GuestPath wants("/etc/systemd/system/multi-user.target.wants");
  EXPECT_FALSE(after.stat(wants / "open-vm-tools.service"));
  EXPECT_TRUE(after.stat(wants / "ssh.service"));
  EXPECT_EQ(file_of(after, "/usr/lib/systemd/system/open-vm-tools.service"), "[Unit]\n");
  EXPECT_FALSE(after.stat(GuestPath("/etc/systemd/system/vmware-tools.service")));
}

TEST(Services, AUnitFileOfTheOwnersIsKeptAside) {
  MemoryGuest guest = systemd_guest();
  guest.add_file("/etc/systemd/system/vmtoolsd.service", "[Service]\nExecStart=/own\n");
  const MemoryGuest after = disabled(guest);
  EXPECT_EQ(link_at(after, "/etc/systemd/system/vmtoolsd.service"), "/dev/null");
  EXPECT_EQ(file_of(after, "/var/lib/rehost/set-aside/etc/systemd/system/vmtoolsd.service"),
            "[Service]\nExecStart=/own\n");
}

TEST(Services, WhatIsMaskedAlreadyStaysAsItIs) {
  MemoryGuest guest = systemd_guest();
  guest.add_file("/usr/lib/systemd/system/open-vm-tools.service", "");
  guest.add_file("/usr/lib/systemd/system/vmtoolsd.service", "");
  guest.add_symlink("/etc/systemd/system/open-vm-tools.service", "/dev/null");
  guest.add_file("/etc/systemd/system/vmtoolsd.service", "");
  EXPECT_EQ(disabled(guest).nodes(), guest.nodes());
}

TEST(Services, SocketsAreMaskedToo) {
  MemoryGuest guest = systemd_guest();
  guest.add_file("/usr/lib/systemd/system/spice-vdagentd.socket", "");
  guest.add_symlink("/etc/systemd/system/sockets.target.wants/spice-vdagentd.socket",
                    "/lib/systemd/system/spice-vdagentd.socket");
  const MemoryGuest after = disabled(guest);
  EXPECT_EQ(link_at(after, "/etc/systemd/system/spice-vdagentd.socket"), "/dev/null");
  EXPECT_TRUE(after.list(GuestPath("/etc/systemd/system/sockets.target.wants")).empty());
}

// VMware's tarball on CentOS 7: a SysV script that systemd would make a unit of.
TEST(Services, ASysvScriptUnderSystemdIsMasked) {
  MemoryGuest guest = systemd_guest();
  guest.add_file("/etc/rc.d/init.d/vmware-tools", "#!/bin/sh\n", 0755);
  guest.add_symlink("/etc/init.d", "rc.d/init.d");
  for (const std::string level : {"2", "3", "5"}) {
    guest.add_symlink("/etc/rc.d/rc" + level + ".d/S03vmware-tools", "../init.d/vmware-tools");
    guest.add_symlink("/etc/rc" + level + ".d", "rc.d/rc" + level + ".d");
  }
  guest.add_symlink("/etc/rc.d/rc6.d/K99vmware-tools", "../init.d/vmware-tools");
  const MemoryGuest after = disabled(guest);
  EXPECT_EQ(link_at(after, "/etc/systemd/system/vmware-tools.service"), "/dev/null");
  EXPECT_TRUE(after.stat(GuestPath("/etc/rc.d/rc3.d/S03vmware-tools"))) << "it means nothing";
  EXPECT_TRUE(after.stat(GuestPath("/etc/rc.d/init.d/vmware-tools")));
}

// CentOS 6: /etc/rc3.d is a link to /etc/rc.d/rc3.d, and each entry one edit.
TEST(Services, SysvinitOfRedHatGetsStopLinksOnce) {
  MemoryGuest guest;
  guest.add_file("/sbin/init", "");
  guest.add_file("/etc/rc.d/init.d/vmware-tools", "#!/bin/sh\n", 0755);
  guest.add_symlink("/etc/init.d", "rc.d/init.d");
  for (const std::string level : {"2", "3", "5"}) {
    guest.add_symlink("/etc/rc.d/rc" + level + ".d/S03vmware-tools", "../init.d/vmware-tools");
    guest.add_symlink("/etc/rc" + level + ".d", "rc.d/rc" + level + ".d");
  }
  guest.add_symlink("/etc/rc.d/rc6.d/K99vmware-tools", "../init.d/vmware-tools");
  const MemoryGuest after = disabled(guest);
  EXPECT_FALSE(after.stat(GuestPath("/etc/rc.d/rc3.d/S03vmware-tools")));
  EXPECT_EQ(link_at(after, "/etc/rc.d/rc3.d/K97vmware-tools"), "../init.d/vmware-tools");
  EXPECT_TRUE(after.stat(GuestPath("/etc/rc.d/rc6.d/K99vmware-tools")));
  EXPECT_TRUE(after.stat(GuestPath("/etc/rc.d/init.d/vmware-tools")));
}

// SLES 11 has no systemd: nothing is masked. SLES keeps S and K in one directory.
TEST(Services, SysvinitGetsStopLinksAndNoMasks) {
  MemoryGuest guest;
  guest.add_file("/sbin/init", "");
  guest.add_file("/etc/init.d/vmware-tools", "");
  guest.add_symlink("/etc/init.d/rc3.d/S01vmware-tools", "../vmware-tools");
  guest.add_symlink("/etc/init.d/rc3.d/K05vmware-tools", "../vmware-tools");
  guest.add_symlink("/etc/init.d/rc3.d/S01vmware-tools-thinprint", "../vmware-tools-thinprint");
  guest.add_symlink("/etc/rcS.d/S20vmware-tools", "../init.d/vmware-tools");
  const MemoryGuest after = disabled(guest);
  EXPECT_FALSE(after.stat(GuestPath("/etc/init.d/rc3.d/S01vmware-tools")));
  EXPECT_TRUE(after.stat(GuestPath("/etc/init.d/rc3.d/K05vmware-tools")));
  EXPECT_FALSE(after.stat(GuestPath("/etc/init.d/rc3.d/K99vmware-tools")));
  EXPECT_TRUE(after.stat(GuestPath("/etc/init.d/rc3.d/S01vmware-tools-thinprint")));
  EXPECT_TRUE(after.list(GuestPath("/etc/rcS.d")).empty());
  EXPECT_FALSE(after.stat(GuestPath("/etc/systemd")));
}

// Ubuntu 14.04.
TEST(Services, UpstartJobsBecomeManual) {
  MemoryGuest guest;
  guest.add_file("/sbin/init", "");
  guest.add_file("/sbin/initctl", "");
  guest.add_file("/etc/init/vmware-tools.conf", "start on runlevel [2345]\n");
  guest.add_file("/etc/init/vmtoolsd.conf", "");
  guest.add_file("/etc/init/vmtoolsd.override", "env X=1");
  const MemoryGuest after = disabled(guest);
  EXPECT_EQ(file_of(after, "/etc/init/vmware-tools.override"), "manual\n");
  EXPECT_EQ(file_of(after, "/etc/init/vmtoolsd.override"), "env X=1\nmanual\n");
}

}  // namespace
}  // namespace rehost
