#include "bootfix/left_behind.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::file_of;

MemoryGuest systemd_guest() {
  MemoryGuest guest;
  guest.add_file("/usr/lib/systemd/systemd", "");
  guest.add_symlink("/usr/sbin/init", "../lib/systemd/systemd");
  guest.add_symlink("/lib", "usr/lib");
  guest.add_symlink("/sbin", "usr/sbin");
  guest.add_directory("/etc/systemd/system/multi-user.target.wants");
  return guest;
}

void add_enabled_unit(MemoryGuest& guest, const std::string& unit) {
  guest.add_file("/usr/lib/systemd/system/" + unit, "[Unit]\n");
  guest.add_symlink("/etc/systemd/system/multi-user.target.wants/" + unit,
                    "/lib/systemd/system/" + unit);
}

// After the laws have been tried.
MemoryGuest converted(const MemoryGuest& guest) {
  testing::expect_plan_laws(guest, Inspection{}, Target{}, left_behind_fixes());
  return testing::converted(guest, Inspection{}, Target{}, left_behind_fixes());
}

std::set<std::string> fixes_planned(const MemoryGuest& guest, const Target& target = {}) {
  std::set<std::string> names;
  for (const Edit& edit :
       testing::plan_all(guest, Inspection{}, target, left_behind_fixes()).edits) {
    names.insert(edit.fix);
  }
  return names;
}

TEST(LeftBehind, EveryRowIsAFixOfItsName) {
  ASSERT_EQ(left_behind().size(), left_behind_fixes().size());
  for (size_t i = 0; i < left_behind().size(); ++i) {
    EXPECT_EQ(left_behind_fixes()[i].name, left_behind()[i].fix);
    EXPECT_EQ(left_behind()[i].fix, "left-behind-" + std::string(left_behind()[i].name));
  }
}

TEST(LeftBehind, NoUnitStandsInTwoRows) {
  std::set<std::string_view> units;
  for (const LeftBehind& row : left_behind()) {
    for (const std::string_view unit : row.services) {
      EXPECT_TRUE(units.insert(unit).second) << unit;
      EXPECT_NE(unit.find('.'), std::string_view::npos) << unit << " is no unit name";
    }
  }
}

TEST(LeftBehind, AGuestWithNoneOfItPlansNothing) {
  MemoryGuest guest = testing::debian12();
  guest.add_file("/etc/nsswitch.conf", "passwd: files systemd\n");
  guest.add_file("/etc/hosts", "127.0.0.1 localhost\n");
  guest.add_file("/etc/chrony/chrony.conf", "pool 2.debian.pool.ntp.org iburst\n");
  guest.add_file("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n");
  guest.add_file("/etc/cloud/cloud.cfg.d/90_dpkg.cfg", "datasource_list: [ NoCloud, Ec2, None ]\n");
  guest.add_file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
  EXPECT_TRUE(fixes_planned(guest).empty());
}

// The unit names of each home, as their packages have them.
TEST(LeftBehind, EveryHomeIsKnownByItsUnits) {
  const std::pair<const char*, const char*> units[] = {
      {"left-behind-vmware", "open-vm-tools.service"},  // Debian
      {"left-behind-vmware", "vmtoolsd.service"},       // Red Hat, SUSE
      {"left-behind-vmware", "vgauthd.service"},        // Red Hat
      {"left-behind-virtualbox", "vboxadd-service.service"},
      {"left-behind-virtualbox", "virtualbox-guest-utils.service"},
      {"left-behind-hyperv", "hv-kvp-daemon.service"},  // Debian, Ubuntu
      {"left-behind-hyperv", "hypervkvpd.service"},     // Red Hat
      {"left-behind-hyperv", "hv_kvp_daemon.service"},  // SUSE
      {"left-behind-xen", "xe-linux-distribution.service"},
      {"left-behind-kvm", "qemu-guest-agent.service"},
      {"left-behind-kvm", "spice-vdagentd.socket"},
      {"left-behind-parallels", "prltoolsd.service"},
      {"left-behind-nutanix", "ngt_guest_agent.service"},
      {"left-behind-google", "google-guest-agent.service"},
      {"left-behind-google", "google-accounts-daemon.service"},
      {"left-behind-google", "google-oslogin-cache.timer"},
      {"left-behind-azure", "walinuxagent.service"},  // Debian, Ubuntu
      {"left-behind-azure", "waagent.service"},       // the others
  };
  for (const auto& [fix, unit] : units) {
    MemoryGuest guest = systemd_guest();
    add_enabled_unit(guest, unit);
    EXPECT_EQ(fixes_planned(guest), std::set<std::string>{fix}) << unit;
    const auto row =
        std::find_if(left_behind_fixes().begin(), left_behind_fixes().end(),
                     [name = std::string_view(fix)](const Fix& f) { return f.name == name; });
    ASSERT_NE(row, left_behind_fixes().end()) << fix;
    testing::expect_plan_laws(guest, Inspection{}, Target{}, std::span(&*row, 1));
    const MemoryGuest after =
        testing::converted(guest, Inspection{}, Target{}, std::span(&*row, 1));
    EXPECT_EQ(after.read_link(GuestPath("/etc/systemd/system") / unit), "/dev/null");
    EXPECT_TRUE(after.list(GuestPath("/etc/systemd/system/multi-user.target.wants")).empty());
  }
}

TEST(LeftBehind, WhatIsKeptStays) {
  MemoryGuest guest = systemd_guest();
  add_enabled_unit(guest, "vmtoolsd.service");
  add_enabled_unit(guest, "qemu-guest-agent.service");
  Target keep;
  keep.keep = {"vmware"};
  EXPECT_EQ(fixes_planned(guest, keep), std::set<std::string>{"left-behind-kvm"});
  keep.keep = {"xen", "all"};
  EXPECT_TRUE(fixes_planned(guest, keep).empty());
}

// VMware Tools of the tarball on CentOS 6: upstart, and SysV scripts beside.
TEST(LeftBehind, TheVmwareTarballIsStopped) {
  MemoryGuest guest;
  guest.add_file("/sbin/init", "");
  guest.add_file("/sbin/initctl", "");
  guest.add_file("/etc/vmware-tools/services.sh", "#!/bin/sh\n");
  guest.add_file("/etc/init/vmware-tools.conf", "start on runlevel [2345]\n");
  guest.add_file("/etc/rc.d/init.d/vmware-tools", "#!/bin/sh\n");
  guest.add_symlink("/etc/rc.d/rc3.d/S03vmware-tools", "../init.d/vmware-tools");
  const MemoryGuest after = converted(guest);
  EXPECT_EQ(file_of(after, "/etc/init/vmware-tools.override"), "manual\n");
  EXPECT_EQ(after.read_link(GuestPath("/etc/rc.d/rc3.d/K97vmware-tools")),
            "../init.d/vmware-tools");
  EXPECT_TRUE(after.stat(GuestPath("/etc/vmware-tools/services.sh")));
}

// CentOS 7 of Google with OS Login on.
TEST(LeftBehind, OsLoginIsTakenOutOfEveryFile) {
  MemoryGuest guest = systemd_guest();
  add_enabled_unit(guest, "google-guest-agent.service");
  guest.add_file("/etc/nsswitch.conf", "passwd: files sss cache_oslogin oslogin\n");
  guest.add_file("/etc/ssh/sshd_config",
                 "#### Google OS Login control. Do not edit this section. ####\n"
                 "AuthorizedKeysCommand /usr/bin/google_authorized_keys\n"
                 "#### End Google OS Login control section. ####\nPort 22\n",
                 0600);
  guest.add_file("/etc/pam.d/sshd",
                 "auth include password-auth\n# Added by Google Compute Engine OS Login.\n"
                 "account [success=ok ignore=ignore default=die] pam_oslogin_login.so\n");
  guest.add_file("/etc/hosts", "169.254.169.254 metadata.google.internal  # Added by Google\n");
  guest.add_file("/etc/sudoers.d/google-oslogin", "#includedir /var/google-sudoers.d\n", 0440);
  guest.add_file("/etc/sudoers.d/google_sudoers", "%google-sudoers ALL=(ALL:ALL) NOPASSWD:ALL\n",
                 0440);
  const MemoryGuest after = converted(guest);
  EXPECT_EQ(file_of(after, "/etc/nsswitch.conf"), "passwd: files sss\n");
  EXPECT_EQ(file_of(after, "/etc/ssh/sshd_config"), "Port 22\n");
  EXPECT_EQ(after.stat(GuestPath("/etc/ssh/sshd_config"))->mode, 0600U);
  EXPECT_EQ(file_of(after, "/etc/pam.d/sshd"), "auth include password-auth\n");
  EXPECT_EQ(file_of(after, "/etc/hosts"), "");
  EXPECT_FALSE(after.stat(GuestPath("/etc/sudoers.d/google-oslogin")));
  EXPECT_TRUE(after.stat(GuestPath("/etc/sudoers.d/google_sudoers")));
  EXPECT_EQ(testing::codes(
                testing::plan_all(guest, Inspection{}, Target{}, left_behind_fixes()).warnings),
            std::vector<std::string>{"oslogin-users"});
}

TEST(LeftBehind, TheRulesOfWaagentGoAndTheOwnersSudoStays) {
  MemoryGuest guest = systemd_guest();
  add_enabled_unit(guest, "waagent.service");
  guest.add_file("/etc/udev/rules.d/66-azure-storage.rules", "ACTION==\"add|change\"\n");
  guest.add_file("/etc/udev/rules.d/99-azure-product-uuid.rules", "SUBSYSTEM!=\"dmi\"\n");
  guest.add_file("/etc/sudoers.d/waagent", "azureuser ALL=(ALL) NOPASSWD: ALL\n", 0440);
  const MemoryGuest after = converted(guest);
  EXPECT_TRUE(after.list(GuestPath("/etc/udev/rules.d")).empty());
  EXPECT_TRUE(after.stat(GuestPath("/etc/sudoers.d/waagent")));
}

// The agent of MGN on CentOS 7: units of its own in /etc, a home, a module, a user.
MemoryGuest replicated_guest() {
  MemoryGuest guest = systemd_guest();
  for (const std::string unit : {"aws-replication-agent", "aws-replication-run-migration-scripts",
                                 "aws-replication-tailer", "aws-replication-update-volumes"}) {
    guest.add_file("/etc/systemd/system/" + unit + ".service", "[Unit]\n");
    guest.add_symlink("/etc/systemd/system/multi-user.target.wants/" + unit + ".service",
                      "/etc/systemd/system/" + unit + ".service");
  }
  guest.add_file("/var/lib/aws-replication-agent/agent.config", "{}\n");
  guest.add_file("/var/lib/aws-replication-agent/dist/jre/bin/java", "ELF", 0755);
  guest.add_symlink("/var/lib/aws-replication-agent/logs", "/var/log");
  guest.add_file("/var/log/messages", "x\n");
  guest.add_file("/usr/lib/modules/3.10.0-1127.el7.x86_64/extra/aws-replication-driver.ko", "ELF");
  guest.add_file("/usr/lib/modules/3.10.0-1127.el7.x86_64/extra/own.ko", "ELF");
  guest.add_file("/etc/passwd",
                 "root:x:0:0::/root:/bin/sh\naws-replication:x:995:993::/:/bin/sh\n");
  guest.add_file("/etc/group", "root:x:0:\naws-replication:x:993:\n");
  guest.add_file("/etc/sudoers", "root ALL=(ALL) ALL\naws-replication ALL=NOPASSWD: ALL\n", 0440);
  guest.add_file("/etc/dracut.conf.d/aws-replication.conf",
                 "add_drivers+=\" aws-replication-driver \"\n");
  guest.add_file("/etc/modules", "loop\naws-replication-driver\nCE_AgentDriver\n");
  guest.add_file("/boot/aws-launch-initramfs-3.10.0-1127.el7.x86_64.img", "cpio");
  return guest;
}

TEST(LeftBehind, TheReplicationAgentIsRemovedCompletely) {
  Target cloudendure_stays;
  cloudendure_stays.keep = {"cloudendure"};
  testing::expect_plan_laws(replicated_guest(), Inspection{}, cloudendure_stays,
                            left_behind_fixes());
  const MemoryGuest after =
      testing::converted(replicated_guest(), Inspection{}, cloudendure_stays, left_behind_fixes());
  for (const auto& [path, node] : after.nodes()) {
    EXPECT_EQ(path.str().find("aws-replication"), std::string::npos) << path.str();
    EXPECT_EQ(path.str().find("aws-launch"), std::string::npos) << path.str();
    EXPECT_EQ(node.content.find("aws-replication"), std::string::npos) << path.str();
  }
  EXPECT_TRUE(after.stat(GuestPath("/usr/lib/modules/3.10.0-1127.el7.x86_64/extra/own.ko")));
  EXPECT_EQ(file_of(after, "/var/log/messages"), "x\n") << "a link was followed";
  EXPECT_EQ(file_of(after, "/etc/modules"), "loop\nCE_AgentDriver\n");
}

TEST(LeftBehind, AHomeOfManyFilesIsOneEdit) {
  size_t trees = 0;
  for (const Edit& edit :
       testing::plan_all(replicated_guest(), Inspection{}, Target{}, left_behind_fixes()).edits) {
    if (const auto* tree = std::get_if<RemoveTree>(&edit.action)) {
      ++trees;
      EXPECT_EQ(tree->path, GuestPath("/var/lib/aws-replication-agent"));
      EXPECT_EQ(tree->entries, 6U);
    }
  }
  EXPECT_EQ(trees, 1U);
}

TEST(LeftBehind, AnImageThatTheMenuStartsStays) {
  MemoryGuest guest = replicated_guest();
  guest.add_file("/boot/grub2/grub.cfg",
                 "initrd16 /aws-launch-initramfs-3.10.0-1127.el7.x86_64.img\n");
  EXPECT_TRUE(
      converted(guest).stat(GuestPath("/boot/aws-launch-initramfs-3.10.0-1127.el7.x86_64.img")));
  EXPECT_EQ(testing::codes(
                testing::plan_all(guest, Inspection{}, Target{}, left_behind_fixes()).warnings),
            std::vector<std::string>{"left-behind-kept"});
}

TEST(LeftBehind, CloudEndureIsRemovedAndADeviceAgentIsNot) {
  MemoryGuest guest;
  guest.add_file("/sbin/init", "");
  guest.add_file("/etc/init.d/ce-agent", "#!/bin/sh\n", 0755);
  guest.add_file("/etc/init.d/ce-convert", "#!/bin/sh\n", 0755);
  guest.add_file("/etc/init.d/device-agent", "#!/bin/sh\n", 0755);
  guest.add_symlink("/etc/rc3.d/S99ce-agent", "../init.d/ce-agent");
  guest.add_symlink("/etc/rc0.d/K01ce-agent", "../init.d/ce-agent");
  guest.add_symlink("/etc/rc3.d/S99device-agent", "../init.d/device-agent");
  guest.add_file("/var/lib/cloudendure/uninstall-agent.sh", "");
  guest.add_file("/lib/modules/2.6.32/extra/CE_AgentDriver.ko", "");
  guest.add_file("/etc/sudoers.d/cloudendure", "cloudendure ALL=(ALL) NOPASSWD: ALL\n", 0440);
  guest.add_file("/etc/passwd", "cloudendure:x:500:500::/var/lib/cloudendure:/bin/sh\n");
  const MemoryGuest after = converted(guest);
  std::set<std::string> files;
  for (const auto& [path, node] : after.nodes()) {
    if (node.stat.type != FileType::directory) {
      files.insert(path.str());
    }
  }
  EXPECT_EQ(files, (std::set<std::string>{"/etc/init.d/device-agent", "/etc/passwd",
                                          "/etc/rc3.d/S99device-agent", "/sbin/init"}));
  EXPECT_EQ(file_of(after, "/etc/passwd"), "");
}

TEST(LeftBehind, AHomeThatIsALinkLosesTheLinkOnly) {
  MemoryGuest guest;
  guest.add_symlink("/var/lib/cloudendure", "/data/cloudendure");
  guest.add_file("/data/cloudendure/file", "x");
  const MemoryGuest after = converted(guest);
  EXPECT_FALSE(after.stat(GuestPath("/var/lib/cloudendure")));
  EXPECT_TRUE(after.stat(GuestPath("/data/cloudendure/file")));
}

}  // namespace
}  // namespace rehost
