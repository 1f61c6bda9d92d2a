#include "bootfix/efi.h"

#include <gtest/gtest.h>

#include "bootfix/fixes.h"
#include "bootfix/grub2.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::file_of;

constexpr std::string_view kDebianStub =
    "search.fs_uuid 9a1ae06a-5642-4e1a-b81b-246a03f38ecf root hd0,gpt2 \n"
    "set prefix=($root)'/boot/grub'\n"
    "configfile $prefix/grub.cfg\n";

// The head of a PE program, and something to tell it by.
std::string program(const std::string& what, const std::string& machine = "\x64\x86") {
  std::string bytes = "MZ" + std::string(0x3a, '\0') + std::string("\x80\0\0\0", 4);
  bytes.resize(0x80, '\0');
  return bytes + std::string("PE\0\0", 4) + machine + std::string(18, '\0') + what;
}

std::string arm_program(const std::string& what) {
  return program(what, "\x64\xaa");
}

// sda1 ESP, sda2 root.
Inspection uefi_machine(const std::string& esp = "/boot/efi") {
  Inspection inspection =
      testing::machine_with({testing::partition_of(0, 2, "ext4", std::string(testing::kRootUuid)),
                             testing::partition_of(0, 1, "vfat", "C19C-A51E")});
  inspection.mounts.push_back({GuestPath(esp), DeviceName("/dev/sda1")});
  inspection.firmware = Firmware::uefi;
  inspection.distro = find_distro("debian", "");
  return inspection;
}

MemoryGuest debian13() {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/debian/shimx64.efi", program("shim of Debian"));
  guest.add_file("/boot/efi/EFI/debian/grubx64.efi", program("GRUB of Debian"));
  guest.add_file("/boot/efi/EFI/debian/mmx64.efi", program("MokManager"));
  guest.add_file("/boot/efi/EFI/debian/fbx64.efi", program("fallback"));
  guest.add_file("/boot/efi/EFI/debian/BOOTX64.CSV", "shimx64.efi,debian,,");
  guest.add_file("/boot/efi/EFI/debian/grub.cfg", std::string(kDebianStub));
  return guest;
}

FixResult plan(const MemoryGuest& guest, const Inspection& inspection = uefi_machine()) {
  return kEfiFallbackFix.plan(guest, inspection, Target{});
}

MemoryGuest fixed(const MemoryGuest& guest, const Inspection& inspection = uefi_machine()) {
  testing::expect_plan_laws(guest, inspection, Target{}, std::span(&kEfiFallbackFix, 1));
  return testing::converted(guest, inspection, Target{}, std::span(&kEfiFallbackFix, 1));
}

TEST(Efi, ShimIsPutWhereTheFirmwareLooksWithGrubBesideIt) {
  const MemoryGuest after = fixed(debian13());
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/BOOTX64.EFI"), program("shim of Debian"));
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/grubx64.efi"), program("GRUB of Debian"));
  EXPECT_TRUE(plan(debian13()).warnings.empty());
}

TEST(Efi, GrubInItsNewPlaceGoesOnInTheVendorsDirectory) {
  EXPECT_EQ(file_of(fixed(debian13()), "/boot/efi/EFI/BOOT/grub.cfg"),
            "# GRUB started from EFI/BOOT goes on where this system keeps its configuration.\n"
            "set prefix=($root)'/EFI/debian'\n"
            "configfile \"$prefix/grub.cfg\"\n");
}

TEST(Efi, NoFallbackProgramIsPutBesideShim) {
  const MemoryGuest after = fixed(debian13());
  EXPECT_FALSE(after.stat(GuestPath("/boot/efi/EFI/BOOT/fbx64.efi")));
  EXPECT_FALSE(after.stat(GuestPath("/boot/efi/EFI/BOOT/mmx64.efi")));
}

TEST(Efi, TheVendorsDirectoryStaysAsItIs) {
  MemoryGuest after = fixed(debian13());
  const MemoryGuest before = debian13();
  for (const auto& [path, node] : before.nodes()) {
    EXPECT_EQ(after.nodes().at(path), node) << path.str();
  }
}

TEST(Efi, Bootx64IsWrittenLastBecauseItsAbsenceIsWhatStartsTheWork) {
  const FixResult result = plan(debian13());
  ASSERT_FALSE(result.edits.empty());
  EXPECT_EQ(edited_path(result.edits.back()), GuestPath("/boot/efi/EFI/BOOT/BOOTX64.EFI"));
}

TEST(Efi, ALoaderThatIsThereStays) {
  MemoryGuest guest = debian13();
  guest.add_file("/boot/efi/EFI/BOOT/BOOTX64.EFI", "the owner's");
  EXPECT_TRUE(plan(guest).edits.empty());
}

TEST(Efi, NamesAreFoundWhateverTheirCase) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/efi/boot/bootx64.efi", "the owner's");
  guest.add_file("/boot/efi/efi/Debian/SHIMX64.EFI", program("shim"));
  guest.add_file("/boot/efi/efi/Debian/GRUBX64.EFI", program("GRUB"));
  EXPECT_TRUE(plan(guest).edits.empty());
  guest.remove(GuestPath("/boot/efi/efi/boot/bootx64.efi"));
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, "/boot/efi/efi/boot/BOOTX64.EFI"), program("shim"));
  EXPECT_FALSE(after.stat(GuestPath("/boot/efi/EFI")));
}

TEST(Efi, BiosGuestsAreLeftAlone) {
  Inspection inspection = uefi_machine();
  inspection.firmware = Firmware::bios;
  EXPECT_TRUE(plan(debian13(), inspection).edits.empty());
}

class EfiVendor : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, EfiVendor,
                         ::testing::Values("debian", "ubuntu", "centos", "redhat", "rocky",
                                           "almalinux", "opensuse", "sles", "amzn", "oracle",
                                           "fedora", "nobody-has-heard-of"));

TEST_P(EfiVendor, TheOnlyDirectoryWithALoaderServes) {
  MemoryGuest guest;
  const std::string directory = "/boot/efi/EFI/" + GetParam();
  guest.add_file(directory + "/shimx64.efi", program("shim"));
  guest.add_file(directory + "/grubx64.efi", program("GRUB"));
  guest.add_file(directory + "/grub.cfg", "configfile (hd0,gpt2)/grub2/grub.cfg\n");
  guest.add_file("/boot/efi/EFI/Microsoft/Boot/bootmgfw.efi", program("Windows"));
  guest.add_file("/boot/efi/EFI/Dell/logs/diags.txt", "ok");
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/BOOTX64.EFI"), program("shim"));
  EXPECT_NE(
      file_of(after, "/boot/efi/EFI/BOOT/grub.cfg").find("($root)'/EFI/" + GetParam() + "'\n"),
      std::string::npos);
}

TEST_P(EfiVendor, OnArmToo) {
  MemoryGuest guest;
  const std::string directory = "/boot/efi/EFI/" + GetParam();
  guest.add_file(directory + "/shimaa64.efi", arm_program("shim"));
  guest.add_file(directory + "/grubaa64.efi", arm_program("GRUB"));
  Inspection inspection = uefi_machine();
  inspection.architecture = "aarch64";
  const MemoryGuest after = fixed(guest, inspection);
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/BOOTAA64.EFI"), arm_program("shim"));
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/grubaa64.efi"), arm_program("GRUB"));
}

TEST(Efi, GrubServesAloneWhereThereIsNoShim) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/debian/grubx64.efi", program("GRUB"));
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/BOOTX64.EFI"), program("GRUB"));
  EXPECT_FALSE(after.stat(GuestPath("/boot/efi/EFI/BOOT/grub.cfg")));  // its prefix is inside it
}

TEST(Efi, ShimWithoutGrubIsNoLoader) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/debian/shimx64.efi", program("shim"));
  EXPECT_TRUE(plan(guest).edits.empty());
  EXPECT_EQ(testing::codes(plan(guest).warnings), std::vector<std::string>{"efi-no-loader"});
}

TEST(Efi, SusesShimFindsTheGrubItWants) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/sles/shim.efi", program("shim of SUSE"));
  guest.add_file("/boot/efi/EFI/sles/grub.efi", program("signed GRUB"));
  guest.add_file("/boot/efi/EFI/sles/grubx64.efi", program("GRUB of grub2-install"));
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/BOOTX64.EFI"), program("shim of SUSE"));
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/grub.efi"), program("signed GRUB"));
  EXPECT_EQ(file_of(after, "/boot/efi/EFI/BOOT/grubx64.efi"), program("GRUB of grub2-install"));
}

TEST(Efi, SystemdBootServes) {
  MemoryGuest guest;
  guest.add_file("/efi/EFI/systemd/systemd-bootx64.efi", program("systemd-boot"));
  guest.add_file("/efi/loader/loader.conf", "default debian-*\n");
  EXPECT_EQ(file_of(fixed(guest, uefi_machine("/efi")), "/efi/EFI/BOOT/BOOTX64.EFI"),
            program("systemd-boot"));
}

TEST(Efi, TheDistributionsOwnDirectoryComesFirst) {
  MemoryGuest guest = debian13();
  guest.add_file("/boot/efi/EFI/arch/grubx64.efi", program("GRUB of another"));
  EXPECT_EQ(file_of(fixed(guest), "/boot/efi/EFI/BOOT/BOOTX64.EFI"), program("shim of Debian"));
}

TEST(Efi, BetweenTwoOthersNothingIsGuessed) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/arch/grubx64.efi", program("one"));
  guest.add_file("/boot/efi/EFI/void/grubx64.efi", program("another"));
  const FixResult result = plan(guest);
  EXPECT_TRUE(result.edits.empty());
  EXPECT_EQ(testing::codes(result.warnings), std::vector<std::string>{"efi-several-loaders"});
}

TEST(Efi, AnEmptyEspIsWarnedAbout) {
  const FixResult result = plan(MemoryGuest());
  EXPECT_TRUE(result.edits.empty());
  EXPECT_EQ(testing::codes(result.warnings), std::vector<std::string>{"efi-no-loader"});
}

TEST(Efi, AnEspThatIsNotMountedIsWarnedAbout) {
  Inspection inspection = uefi_machine();
  inspection.mounts.pop_back();
  const FixResult result = plan(debian13(), inspection);
  EXPECT_TRUE(result.edits.empty());
  EXPECT_EQ(testing::codes(result.warnings), std::vector<std::string>{"efi-no-loader"});
}

TEST(Efi, ADirectoryOnTheRootFileSystemIsNoEsp) {
  Inspection inspection = uefi_machine("/efi");
  MemoryGuest guest = debian13();  // left behind at /boot/efi
  EXPECT_EQ(efi_system_partition(inspection), GuestPath("/efi"));
  EXPECT_TRUE(plan(guest, inspection).edits.empty());
}

TEST(Efi, DamagedProgramsAreNoLoaders) {
  const std::string whole = program("GRUB");
  for (const std::string& bytes :
       {std::string(), std::string("MZ"), whole.substr(0, 0x40), whole.substr(0, 0x84),
        "MZ" + std::string(0x3a, '\0') + "\xff\xff\xff\xff" + std::string(64, '\0'),
        std::string(4096, '\0'), program("32 bits", "\x4c\x01"), arm_program("GRUB")}) {
    MemoryGuest guest;
    guest.add_file("/boot/efi/EFI/debian/grubx64.efi", bytes);
    EXPECT_TRUE(plan(guest).edits.empty()) << bytes.size() << " bytes";
  }
}

TEST(Efi, AFileTooLargeForALoaderIsNone) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/debian/grubx64.efi", program(std::string(17u << 20, 'x')));
  EXPECT_EQ(testing::codes(plan(guest).warnings), std::vector<std::string>{"efi-no-loader"});
}

TEST(Efi, GrubLegacyIsNotMovedAwayFromItsMenu) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/redhat/grub.efi", program("GRUB 0.97 of EL 6"));
  guest.add_file("/boot/efi/EFI/redhat/grub.conf", "default=0\n");
  EXPECT_EQ(testing::codes(plan(guest).warnings), std::vector<std::string>{"efi-no-loader"});
}

TEST(Efi, AFallbackProgramWithoutBootEntriesToMakeIsAvoided) {
  MemoryGuest guest = debian13();
  guest.add_file("/boot/efi/EFI/BOOT/fbx64.efi", program("fallback"));
  EXPECT_EQ(file_of(fixed(guest), "/boot/efi/EFI/BOOT/BOOTX64.EFI"), program("shim of Debian"));
  guest.remove(GuestPath("/boot/efi/EFI/debian/BOOTX64.CSV"));
  EXPECT_EQ(file_of(fixed(guest), "/boot/efi/EFI/BOOT/BOOTX64.EFI"), program("GRUB of Debian"));
}

TEST(Efi, TheOwnersGrubCfgInEfiBootStays) {
  MemoryGuest guest = debian13();
  guest.add_file("/boot/efi/EFI/BOOT/grub.cfg", "# mine\n");
  EXPECT_EQ(file_of(fixed(guest), "/boot/efi/EFI/BOOT/grub.cfg"), "# mine\n");
}

// CentOS 7 keeps its whole menu on the ESP. A copy would stay behind at the next kernel.
TEST(Efi, TheMenuOfCentos7IsHandedOverToAndNotCopied) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/centos/shimx64.efi", program("shim"));
  guest.add_file("/boot/efi/EFI/centos/grubx64.efi", program("GRUB"));
  guest.add_file("/boot/efi/EFI/centos/grub.cfg",
                 "menuentry 'CentOS' {\n  linuxefi /vmlinuz-3.10.0 root=/dev/sda2\n}\n");
  const MemoryGuest after = fixed(guest);
  EXPECT_EQ(grub_cfg_files(after, Firmware::uefi),
            std::vector<GuestPath>{GuestPath("/boot/efi/EFI/centos/grub.cfg")});
}

TEST(Efi, StubsOnTheEspComeOutOfAllFixesAsTheyWere) {
  for (const std::string_view stub :
       {kDebianStub,
        // RHEL 9
        std::string_view("search --no-floppy --root-dev-only --fs-uuid --set=dev "
                         "9a1ae06a-5642-4e1a-b81b-246a03f38ecf\n"
                         "set prefix=($dev)/grub2\n"
                         "export $prefix\n"
                         "configfile $prefix/grub.cfg\n"),
        // SLES 15
        std::string_view("set btrfs_relative_path=\"yes\"\n"
                         "search --fs-uuid --set=root 9a1ae06a-5642-4e1a-b81b-246a03f38ecf\n"
                         "set prefix=(${root})/boot/grub2\n"
                         "source \"${prefix}/grub.cfg\"\n")}) {
    MemoryGuest guest = debian13();
    guest.write(GuestPath("/boot/efi/EFI/debian/grub.cfg"), stub, 0644);
    guest.add_file("/boot/grub/grub.cfg",
                   "menuentry 'Debian' {\n  linux /boot/vmlinuz root=/dev/sda2 ro\n}\n");
    const MemoryGuest after = testing::converted(guest, uefi_machine(), Target{}, bootfix_fixes());
    EXPECT_EQ(file_of(after, "/boot/efi/EFI/debian/grub.cfg"), stub);
    EXPECT_NE(file_of(after, "/boot/grub/grub.cfg").find("root=UUID="), std::string::npos);
    EXPECT_TRUE(testing::plan_all(after, uefi_machine(), Target{}, bootfix_fixes()).edits.empty());
  }
}

}  // namespace
}  // namespace rehost
