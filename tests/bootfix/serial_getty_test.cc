#include "bootfix/serial_getty.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::debian12;
using testing::file_of;

const GuestPath kLink("/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service");

MemoryGuest fixed(const MemoryGuest& guest) {
  testing::expect_plan_laws(guest, testing::two_disks(), Target{}, std::span(&kSerialGettyFix, 1));
  return testing::converted(guest, testing::two_disks(), Target{}, std::span(&kSerialGettyFix, 1));
}

TEST(SerialGetty, SystemdStartsItWhereTheGuestKeepsItsUnits) {
  EXPECT_EQ(fixed(debian12()).read_link(kLink), "/lib/systemd/system/serial-getty@.service");
}

TEST(SerialGetty, SystemdWithoutAnyGettyLinkIsServedToo) {
  MemoryGuest guest;
  guest.add_symlink("/sbin/init", "/usr/lib/systemd/systemd");
  guest.add_file("/usr/lib/systemd/systemd", "");
  guest.add_file("/usr/lib/systemd/system/serial-getty@.service", "");
  EXPECT_EQ(fixed(guest).read_link(kLink), "/usr/lib/systemd/system/serial-getty@.service");
}

TEST(SerialGetty, AMaskedUnitStaysMasked) {
  MemoryGuest guest = debian12();
  guest.add_symlink("/etc/systemd/system/serial-getty@ttyS0.service", "/dev/null");
  EXPECT_EQ(fixed(guest).nodes(), guest.nodes());
}

TEST(SerialGetty, InittabGetsALine) {
  EXPECT_EQ(inittab_with_serial_getty(
                "id:2:initdefault:\n#T0:23:respawn:/sbin/getty -L ttyS0 9600 vt100", "/sbin/getty"),
            "id:2:initdefault:\n#T0:23:respawn:/sbin/getty -L ttyS0 9600 vt100\n"
            "T0:2345:respawn:/sbin/getty -L 115200 ttyS0 vt102\n");
}

TEST(SerialGetty, AnInittabThatHasOneStaysAsItIs) {
  const std::string text = "S0:12345:respawn:/sbin/agetty -L 9600 ttyS0 vt102\n";
  EXPECT_EQ(inittab_with_serial_getty(text, "/sbin/agetty"), text);
}

TEST(SerialGetty, AnIdThatIsTakenIsNotUsedTwice) {
  EXPECT_EQ(inittab_with_serial_getty("T0:23:respawn:/x\n", "/sbin/agetty"),
            "T0:23:respawn:/x\nS0:2345:respawn:/sbin/agetty -L 115200 ttyS0 vt102\n");
}

TEST(SerialGetty, SysvinitIsFoundByWhatItIsNot) {
  MemoryGuest guest;
  guest.add_file("/sbin/init", "");
  guest.add_file("/sbin/getty", "");
  guest.add_file("/etc/inittab", "id:2:initdefault:\n");
  EXPECT_EQ(file_of(fixed(guest), "/etc/inittab"),
            "id:2:initdefault:\nT0:2345:respawn:/sbin/getty -L 115200 ttyS0 vt102\n");
}

TEST(SerialGetty, UpstartGetsAJob) {
  MemoryGuest guest;
  guest.add_file("/sbin/init", "");
  guest.add_file("/sbin/initctl", "");
  guest.add_file("/sbin/getty", "");
  guest.add_directory("/etc/init");
  EXPECT_NE(file_of(fixed(guest), "/etc/init/ttyS0.conf")
                .find("exec /sbin/getty -L 115200 ttyS0 vt102\n"),
            std::string::npos);
}

TEST(SerialGetty, EnterpriseLinux6StartsItByItself) {
  MemoryGuest guest;
  guest.add_file("/sbin/init", "");
  guest.add_file("/sbin/initctl", "");
  guest.add_file("/etc/init/serial.conf", "");
  EXPECT_EQ(fixed(guest).nodes(), guest.nodes());
}

TEST(SerialGetty, SecurettyListsTtyS0) {
  EXPECT_EQ(securetty_with_ttys0("console\ntty1"), "console\ntty1\nttyS0\n");
  EXPECT_EQ(securetty_with_ttys0("tty1\nttyS0\n"), "tty1\nttyS0\n");
}

TEST(SerialGetty, AnEmptySecurettyIsADecision) {
  EXPECT_EQ(securetty_with_ttys0(""), "");
  EXPECT_EQ(securetty_with_ttys0("# nobody\n"), "# nobody\n");
}

}  // namespace
}  // namespace rehost
