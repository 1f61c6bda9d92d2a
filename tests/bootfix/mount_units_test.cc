#include "bootfix/mount_units.h"

#include <gtest/gtest.h>

#include "bootfix/unstable_names.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::codes;
using testing::file_of;
using testing::two_disks;

constexpr std::string_view kUnit = "/etc/systemd/system/data.mount";
const std::string kByUuid = "/dev/disk/by-uuid/" + std::string(testing::kDataUuid);

std::string unit_on(const std::string& device, const std::string& more = "") {
  return "[Unit]\nDescription=Data\n\n[Mount]\nWhat=" + device + "\nWhere=/data\n" + more +
         "\n[Install]\nWantedBy=multi-user.target\n";
}

MemoryGuest machine(const std::string& text) {
  MemoryGuest guest;
  guest.add_file(kUnit, text);
  return guest;
}

MemoryGuest fixed(const MemoryGuest& guest) {
  const std::span<const Fix> fix(&kMountUnitsFix, 1);
  testing::expect_plan_laws(guest, two_disks(), Target{}, fix);
  return testing::converted(guest, two_disks(), Target{}, fix);
}

std::vector<std::string> warnings_of(const MemoryGuest& guest) {
  return codes(kMountUnitsFix.plan(guest, two_disks(), Target{}).warnings);
}

TEST(MountUnits, ADeviceIsNamedByTheUuidOfItsFileSystem) {
  EXPECT_EQ(file_of(fixed(machine(unit_on("/dev/sdb1", "Type=ext4\n"))), kUnit),
            unit_on(kByUuid, "Type=ext4\n"));
  EXPECT_TRUE(warnings_of(machine(unit_on("/dev/sdb1"))).empty());
}

TEST(MountUnits, ADropInCountsLikeItsUnit) {
  MemoryGuest guest = machine(unit_on("LABEL=data"));
  const std::string drop_in = "/etc/systemd/system/data.mount.d/disk.conf";
  guest.add_file(drop_in, "[Mount]\nWhat=/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:1:0-part1\n");
  // Of two disks nothing says which it is: a path of the old machine alone is no evidence.
  EXPECT_EQ(file_of(fixed(guest), kUnit), unit_on("LABEL=data"));
  guest.add_file(drop_in, "[Mount]\nWhat=/dev/sdb1\n");
  EXPECT_EQ(file_of(fixed(guest), drop_in), "[Mount]\nWhat=" + kByUuid + "\n");
}

TEST(MountUnits, WhatIsStableOrNoUnitStays) {
  for (const char* device :
       {"UUID=1-2", "/dev/mapper/vg-data", "nfs:/export", "tmpfs", "/srv/disk.img"}) {
    EXPECT_EQ(file_of(fixed(machine(unit_on(device))), kUnit), unit_on(device));
  }
  MemoryGuest masked;
  masked.add_symlink(kUnit, "/dev/null");
  EXPECT_TRUE(mount_unit_files(masked).empty());
  EXPECT_TRUE(mount_unit_files(machine("[Unit]\nWhat=/dev/sdb1\n")).empty());
}

TEST(MountUnits, AUnitBehindALinkIsChangedOnceAndInItsPlace) {
  MemoryGuest guest;
  guest.add_file("/opt/app/data.mount", unit_on("/dev/sdb1"));
  guest.add_symlink(kUnit, "/opt/app/data.mount");
  EXPECT_EQ(file_of(fixed(guest), "/opt/app/data.mount"), unit_on(kByUuid));
}

TEST(MountUnits, WhatCannotBeNamedAnewIsWarnedOf) {
  EXPECT_EQ(warnings_of(machine(unit_on("/dev/sdc1"))),
            std::vector<std::string>{"mount-unit-disk-not-given"});
  EXPECT_EQ(warnings_of(machine(unit_on("/dev/sdb7"))),
            std::vector<std::string>{"mount-unit-device-unknown"});
  MemoryGuest guest;
  guest.add_file("/etc/systemd/system/dev-sda2.swap", "[Swap]\nWhat=/dev/sda2\n");
  EXPECT_EQ(warnings_of(guest), std::vector<std::string>{"swap-unit-named-after-disk"});
}

TEST(MountUnits, CheckFindsThemAndWhetherTheBootNeedsThem) {
  MemoryGuest guest = machine(unit_on("/dev/sdb1"));
  const UnstableName wanted = {GuestPath(kUnit), 5, "/dev/sdb1", false};
  EXPECT_EQ(find_unstable_names(guest, two_disks()), std::vector<UnstableName>{wanted});
  guest.add_symlink("/etc/systemd/system/local-fs.target.requires/data.mount", std::string(kUnit));
  const UnstableName required = {GuestPath(kUnit), 5, "/dev/sdb1", true};
  EXPECT_EQ(find_unstable_names(guest, two_disks()), std::vector<UnstableName>{required});
  EXPECT_TRUE(find_unstable_names(fixed(guest), two_disks()).empty());
}

}  // namespace
}  // namespace rehost
