// Which systems are taken, and what is said to the others.
#include <gtest/gtest.h>

#include "converter/core/error.h"
#include "converter/inspect.h"
#include "tests/converter/fixture_guests.h"

namespace rehost {
namespace {

FixtureGuest row_named(const std::string& name) {
  for (const FixtureGuest& row : fixture_guests()) {
    if (row.name == name) {
      return row;
    }
  }
  throw std::runtime_error("no fixture " + name);
}

std::string refusal_of(const FixtureGuest& row) {
  try {
    load_fixture(row);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported_guest);
    return error.what();
  }
  return "taken";
}

// A machine that has nothing but the release file of its system and a shell.
std::string answer_to(std::string_view file, const std::string& text) {
  MemoryGuest guest = load_fixture(row_named("rhel5")).guest;
  guest.remove(GuestPath("/etc/redhat-release"));
  guest.add_file(file, text);
  Inspection inspection;
  try {
    identify_system(guest, inspection);
  } catch (const Error& error) {
    return error.what();
  }
  return std::string(inspection.distro->id);
}

TEST(IdentifySystem, A32BitEnterpriseLinux5IsRefused) {
  FixtureGuest row = row_named("rhel5");
  EXPECT_EQ(refusal_of(row), "taken");
  row.architecture = "i386";
  EXPECT_EQ(refusal_of(row),
            "Red Hat Enterprise Linux Server release 5.11 (Tikanga) is for i386: EC2 Nitro starts "
            "x86_64 and aarch64 systems");
}

TEST(IdentifySystem, EnterpriseLinux4IsTooOld) {
  EXPECT_EQ(
      answer_to("/etc/redhat-release", "Red Hat Enterprise Linux AS release 4 (Nahant Update 9)\n"),
      "Red Hat Enterprise Linux AS release 4 (Nahant Update 9) is older than Red Hat "
      "Enterprise Linux 5, the oldest that rehost converts");
}

TEST(IdentifySystem, ARebuildWithoutARowIsTreatedAsWhatItIsLike) {
  EXPECT_EQ(answer_to("/etc/redhat-release", "Scientific Linux release 6.10 (Carbon)\n"), "rhel");
  EXPECT_EQ(
      answer_to("/etc/os-release",
                "NAME=\"Springdale Open Enterprise Linux\"\nID=\"rhel\"\nVERSION_ID=\"9.4\"\n"),
      "rhel");
  EXPECT_EQ(answer_to("/etc/os-release",
                      "NAME=CloudLinux\nID=\"cloudlinux\"\nID_LIKE=\"rhel fedora centos\"\n"
                      "VERSION_ID=\"8.10\"\n"),
            "rhel");
}

TEST(IdentifySystem, AmazonLinuxOfAnyYearIsTaken) {
  EXPECT_EQ(answer_to("/etc/system-release", "Amazon Linux AMI release 2013.09\n"), "amzn");
}

TEST(IdentifySystem, AnUnknownSystemIsRefusedByItsName) {
  EXPECT_EQ(answer_to("/etc/os-release", "ID=plan9\nPRETTY_NAME=\"Plan 9\"\n"),
            "Plan 9 (ID=plan9) is no distribution that rehost knows: see rehost list distros");
}

Firmware firmware(std::initializer_list<BootMarks> disks) {
  return firmware_of(std::span(disks.begin(), disks.size()));
}

TEST(FirmwareOf, AMachineIsWhatItsFirstBootableDiskSays) {
  const BootMarks none;
  const BootMarks esp{.esp = true, .grub = false};
  const BootMarks grub{.esp = false, .grub = true};
  const BootMarks both{.esp = true, .grub = true};
  EXPECT_EQ(firmware({none}), Firmware::bios);
  EXPECT_EQ(firmware({esp}), Firmware::uefi);
  EXPECT_EQ(firmware({grub}), Firmware::bios);
  EXPECT_EQ(firmware({both}), Firmware::bios) << "a cloud image";
  EXPECT_EQ(firmware({esp, grub}), Firmware::uefi) << "a data disk that was once a boot disk";
  EXPECT_EQ(firmware({grub, esp}), Firmware::bios) << "a disk of Windows beside it";
  EXPECT_EQ(firmware({none, esp}), Firmware::uefi);
}

TEST(FirmwareOf, GrubInTheBootSectorOfAGptDiskNeedsItsPartition) {
  const BootMarks stale{.esp = true, .grub = true, .gpt = true};
  const BootMarks cloud{.esp = true, .grub = true, .gpt = true, .bios_boot = true};
  const BootMarks no_esp{.esp = false, .grub = true, .gpt = true};
  EXPECT_EQ(firmware({stale}), Firmware::uefi);
  EXPECT_EQ(firmware({cloud}), Firmware::bios);
  EXPECT_EQ(firmware({no_esp}), Firmware::bios) << "there is nothing else to start from";
}

TEST(FirmwareOf, AnEspThatTheSystemDoesNotMountIsOfAnotherSystem) {
  const std::vector<BootMarks> disks = {{.esp = true, .grub = false, .gpt = true},
                                        {.esp = false, .grub = true}};
  EXPECT_EQ(firmware_of(disks, false, 1), Firmware::bios);
  EXPECT_EQ(firmware_of(disks, true, 1), Firmware::uefi);
  EXPECT_EQ(firmware_of(disks, false, 0), Firmware::uefi) << "systemd mounts its ESP by itself";
  EXPECT_EQ(firmware_of(disks, false, std::nullopt), Firmware::uefi) << "a root on LVM";
}

}  // namespace
}  // namespace rehost
