#include "bootfix/systemd_boot.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/support/pe_program.h"

namespace rehost {
namespace {

// As kernel-install 252 of Debian 12 writes it, with the token "tok".
std::string entry_text(const std::string& release, const std::string& more = "") {
  return "# Boot Loader Specification type#1 entry\ntitle      Debian GNU/Linux 12\nversion    " +
         release + "\nmachine-id 0123\n" + more + "options    root=UUID=x ro\nlinux      /tok/" +
         release + "/linux\ninitrd     /tok/" + release + "/initrd.img-" + release + "\n";
}

void add_kernel(MemoryGuest& guest, const std::string& release, const std::string& more = "",
                const std::string& partition = "/boot/efi") {
  guest.add_file(partition + "/loader/entries/tok-" + release + ".conf", entry_text(release, more));
  guest.add_file(partition + "/tok/" + release + "/linux", "kernel");
  guest.add_file(partition + "/tok/" + release + "/initrd.img-" + release, "initrd");
}

MemoryGuest debian_with_systemd_boot() {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/BOOT/BOOTX64.EFI", testing::make_systemd_boot());
  guest.add_file("/boot/efi/EFI/systemd/systemd-bootx64.efi", testing::make_systemd_boot());
  add_kernel(guest, "6.1.0-9-amd64");
  add_kernel(guest, "6.1.0-10-amd64");
  return guest;
}

std::string default_of(const MemoryGuest& guest) {
  const auto config = read_systemd_boot(guest, Firmware::uefi);
  return config && config->default_entry ? config->entries[*config->default_entry].id : "(none)";
}

std::string default_with(const std::string& loader_conf) {
  MemoryGuest guest = debian_with_systemd_boot();
  guest.add_file("/boot/efi/loader/loader.conf", loader_conf);
  return default_of(guest);
}

TEST(SystemdBoot, ReadsEntriesOfTheEsp) {
  const BootConfig config = *read_boot_config(debian_with_systemd_boot(), Firmware::uefi);
  EXPECT_EQ(config.loader, "systemd-boot");
  ASSERT_EQ(config.entries.size(), 2u);
  const BootEntry& first = config.entries[*config.default_entry];
  EXPECT_EQ(first.version, "6.1.0-10-amd64");
  EXPECT_EQ(first.arguments, "root=UUID=x ro");
  EXPECT_EQ(first.kernel_file, GuestPath("/boot/efi/tok/6.1.0-10-amd64/linux"));
  EXPECT_EQ(
      first.initrd_files,
      std::vector<GuestPath>{GuestPath("/boot/efi/tok/6.1.0-10-amd64/initrd.img-6.1.0-10-amd64")});
}

TEST(SystemdBoot, IsNotAskedOnBiosNorWhereGrubIsStarted) {
  MemoryGuest guest = debian_with_systemd_boot();
  EXPECT_FALSE(read_systemd_boot(guest, Firmware::bios));
  guest.add_file("/boot/efi/EFI/BOOT/BOOTX64.EFI", testing::make_pe_program({{".text", "GRUB"}}));
  EXPECT_FALSE(read_systemd_boot(guest, Firmware::uefi));
}

TEST(SystemdBoot, StartsBehindShimToo) {
  MemoryGuest guest = debian_with_systemd_boot();
  guest.add_file("/boot/efi/EFI/BOOT/BOOTX64.EFI", testing::make_pe_program({{".text", "shim"}}));
  guest.add_file("/boot/efi/EFI/BOOT/GRUBX64.EFI", testing::make_systemd_boot());
  EXPECT_TRUE(read_systemd_boot(guest, Firmware::uefi));
}

TEST(SystemdBoot, WithoutAFallbackItIsWhatTheFixWillPutThere) {
  MemoryGuest guest = debian_with_systemd_boot();
  guest.remove(GuestPath("/boot/efi/EFI/BOOT/BOOTX64.EFI"));
  EXPECT_EQ(systemd_boot_esp(guest), GuestPath("/boot/efi"));
  guest.add_file("/boot/efi/EFI/debian/grubx64.efi", "MZ");
  EXPECT_EQ(systemd_boot_esp(guest), std::nullopt);
}

TEST(SystemdBoot, TheDefaultIsAPattern) {
  EXPECT_EQ(default_with("timeout 3\n"), "tok-6.1.0-10-amd64");
  EXPECT_EQ(default_with("default tok-6.1.0-9-amd64.conf\n"), "tok-6.1.0-9-amd64");
  EXPECT_EQ(default_with("default tok-6.1.0-9-amd64\n"), "tok-6.1.0-9-amd64");
  EXPECT_EQ(default_with("default TOK-*-9-*\n"), "tok-6.1.0-9-amd64");
  EXPECT_EQ(default_with("default tok-*\n"), "tok-6.1.0-10-amd64");
  EXPECT_EQ(default_with("default tok-6.1.0-[89]*\n"), "tok-6.1.0-9-amd64");
  EXPECT_EQ(default_with("default tok-*\ndefault *-9-*\n"), "tok-6.1.0-9-amd64") << "the last";
  EXPECT_EQ(default_with("# default *-9-*\n"), "tok-6.1.0-10-amd64");
  EXPECT_EQ(default_with("default arch.conf\n"), "tok-6.1.0-10-amd64");
  EXPECT_EQ(default_with("default @saved\n"), "tok-6.1.0-10-amd64");
}

TEST(SystemdBoot, EntriesWithASortKeyComeFirst) {
  MemoryGuest guest = debian_with_systemd_boot();
  add_kernel(guest, "5.10.0-1-amd64", "sort-key   debian\n");
  EXPECT_EQ(default_of(guest), "tok-5.10.0-1-amd64");
}

TEST(SystemdBoot, AnEntryThatHasFailedTooOftenComesLast) {
  MemoryGuest guest = debian_with_systemd_boot();
  const std::string entries = "/boot/efi/loader/entries/tok-6.1.0-10-amd64";
  guest.remove(GuestPath(entries + ".conf"));
  guest.add_file(entries + "+0-3.conf", entry_text("6.1.0-10-amd64"));
  EXPECT_EQ(default_of(guest), "tok-6.1.0-9-amd64");
}

TEST(SystemdBoot, AnEntryWhoseKernelIsGoneIsNotShown) {
  MemoryGuest guest = debian_with_systemd_boot();
  guest.remove(GuestPath("/boot/efi/tok/6.1.0-10-amd64/linux"));
  EXPECT_EQ(default_of(guest), "tok-6.1.0-9-amd64");
}

TEST(SystemdBoot, EntriesMayBeOnAPartitionOfTheirOwn) {
  MemoryGuest guest;
  guest.add_file("/efi/EFI/BOOT/BOOTX64.EFI", testing::make_systemd_boot());
  add_kernel(guest, "6.1.0-9-amd64", "", "/boot");
  guest.add_file("/efi/loader/loader.conf", "default tok*\n");
  const BootConfig config = *read_systemd_boot(guest, Firmware::uefi);
  EXPECT_EQ(config.file, GuestPath("/efi/loader/loader.conf"));
  EXPECT_EQ(config.entries.at(0).kernel_file, GuestPath("/boot/tok/6.1.0-9-amd64/linux"));
}

TEST(SystemdBoot, UnifiedImagesAreEntries) {
  MemoryGuest guest = debian_with_systemd_boot();
  guest.add_file(
      "/boot/efi/EFI/Linux/debian-6.12.efi",
      testing::make_unified_kernel("initrd", "6.12.0-1-amd64", "root=UUID=x quiet",
                                   "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"D 13\"\n"));
  guest.add_file("/boot/efi/EFI/Linux/README.efi", "no program");
  const BootConfig config = *read_systemd_boot(guest, Firmware::uefi);
  ASSERT_EQ(config.entries.size(), 3u);
  const BootEntry& unified = config.entries[*config.default_entry];
  EXPECT_EQ(unified.id, "debian-6.12.efi");
  EXPECT_EQ(unified.title, "D 13");
  EXPECT_EQ(unified.version, "6.12.0-1-amd64");
  EXPECT_EQ(unified.arguments, "root=UUID=x quiet");
}

TEST(SystemdBoot, VersionsCompareAsSystemdComparesThem) {
  // Examples of the Version Format Specification.
  EXPECT_EQ(compare_uapi_versions("11", "11"), 0);
  EXPECT_GT(compare_uapi_versions("systemd-123", "systemd-99"), 0);
  EXPECT_LT(compare_uapi_versions("bar-123", "foo-123"), 0);
  EXPECT_GT(compare_uapi_versions("123a", "123"), 0);
  EXPECT_GT(compare_uapi_versions("123.a", "123"), 0);
  EXPECT_LT(compare_uapi_versions("123.a", "123.b"), 0);
  EXPECT_GT(compare_uapi_versions("123a", "123.a"), 0);
  EXPECT_LT(compare_uapi_versions("11~beta", "11"), 0);
  EXPECT_LT(compare_uapi_versions("6.1.0-9", "6.1.0-10"), 0);
  EXPECT_EQ(compare_uapi_versions("1.05", "1.5"), 0);
}

}  // namespace
}  // namespace rehost
