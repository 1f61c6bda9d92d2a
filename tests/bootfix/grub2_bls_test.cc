#include <gtest/gtest.h>

#include "bootfix/default_entry.h"
#include "bootfix/grub2.h"
#include "bootfix/grubenv.h"
#include "bootfix/systemd_boot.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/loaders.h"
#include "tests/support/pe_program.h"

namespace rehost {
namespace {

using testing::grubenv_block;

constexpr const char* kGrubenv = "/boot/efi/EFI/opensuse/grubenv";

// As sdbootutil lays it out: "system" sorts behind "snapper", and so comes first.
void add_entry(MemoryGuest& guest, const std::string& prefix, const std::string& release,
               const std::string& snapshot) {
  const std::string files = "/opensuse-tumbleweed/" + release + "/";
  guest.add_file("/boot/efi/loader/entries/" + prefix + "-opensuse-tumbleweed-" + release + "-" +
                     snapshot + ".conf",
                 "title      openSUSE Tumbleweed\nversion    " + snapshot + "@" + release +
                     "\noptions    root=UUID=x rootflags=subvol=@/.snapshots/" + snapshot +
                     "/snapshot\nlinux      " + files + "linux-4d\ninitrd     " + files +
                     "initrd-7c\n");
  guest.add_file("/boot/efi" + files + "linux-4d", "kernel");
  guest.add_file("/boot/efi" + files + "initrd-7c", "initrd");
}

MemoryGuest tumbleweed() {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/BOOT/BOOTX64.EFI", testing::make_pe_program({{".text", "shim"}}));
  guest.add_file("/boot/efi/EFI/opensuse/grub.efi", testing::make_pe_program({{".text", "GRUB"}}));
  guest.add_file("/boot/efi/EFI/opensuse/installed_by_sdbootutil", "opensuse-tumbleweed\n");
  add_entry(guest, "system", "6.17.8-1-default", "1");
  add_entry(guest, "system", "6.17.7-1-default", "1");
  add_entry(guest, "snapper", "6.17.9-1-default", "2");
  return guest;
}

std::string default_of(const MemoryGuest& guest) {
  const auto config = read_boot_config(guest, Firmware::uefi);
  return config && config->default_entry ? config->entries[*config->default_entry].id : "(none)";
}

TEST(Grub2Bls, ReadsTheEntriesOfTheEspWithoutAnyGrubCfg) {
  const auto config = read_boot_config(tumbleweed(), Firmware::uefi);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->loader, "grub2-bls");
  ASSERT_EQ(config->entries.size(), 3u);
  const BootEntry& first = config->entries.at(*config->default_entry);
  EXPECT_EQ(first.id, "system-opensuse-tumbleweed-6.17.8-1-default-1");
  EXPECT_EQ(first.kernel_file,
            GuestPath("/boot/efi/opensuse-tumbleweed/6.17.8-1-default/linux-4d"));
  EXPECT_EQ(first.initrd_files, std::vector<GuestPath>{GuestPath(
                                    "/boot/efi/opensuse-tumbleweed/6.17.8-1-default/initrd-7c")});
  EXPECT_FALSE(read_boot_config(tumbleweed(), Firmware::bios));
}

// zypper dup from the classic GRUB leaves its menu in /boot/grub2.
TEST(Grub2Bls, AMenuOfTheClassicGrubBesideItIsNotAsked) {
  MemoryGuest guest = tumbleweed();
  guest.add_file("/boot/grub2/grub.cfg", "menuentry 'old' {\n\tlinux /boot/vmlinuz root=x\n}\n");
  EXPECT_EQ(default_of(guest), "system-opensuse-tumbleweed-6.17.8-1-default-1");
}

TEST(Grub2Bls, GrubenvNamesTheDefault) {
  MemoryGuest guest = tumbleweed();
  const std::string older = "system-opensuse-tumbleweed-6.17.7-1-default-1";
  for (const std::string& name : {older, older + ".conf"}) {
    guest.add_file(kGrubenv, grubenv_block("default=" + name + "\n"));
    EXPECT_EQ(default_of(guest), older);
  }
  guest.add_file(kGrubenv, grubenv_block("default=gone.conf\n"));
  EXPECT_EQ(default_of(guest), "system-opensuse-tumbleweed-6.17.8-1-default-1");
}

TEST(Grub2Bls, AnotherDefaultIsWrittenIntoGrubenv) {
  const MemoryGuest guest = tumbleweed();
  const auto config = read_boot_config(guest, Firmware::uefi);
  ASSERT_TRUE(config);
  const auto changes = set_default_entry(
      guest, Firmware::uefi, *config, [](const BootConfig&) { return std::optional(size_t{1}); });
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_EQ(changes->front().path, GuestPath(kGrubenv));
  EXPECT_EQ(parse_grubenv(changes->front().content).at("default"), config->entries[1].id + ".conf");
  EXPECT_EQ(changes->front().content.size(), 1024u);
}

TEST(Grub2Bls, AnEntryThatHasFailedTooOftenIsNotTheFirst) {
  MemoryGuest guest = tumbleweed();
  const std::string path = "/boot/efi/loader/entries/system-opensuse-tumbleweed-6.17.8-1-default-1";
  const std::string text = testing::file_of(guest, path + ".conf");
  guest.remove(GuestPath(path + ".conf"));
  guest.add_file(path + "+0-3.conf", text);
  EXPECT_EQ(default_of(guest), "system-opensuse-tumbleweed-6.17.7-1-default-1");
}

// MicroOS: shim in EFI/BOOT goes by the boot.csv in EFI/systemd.
TEST(Grub2Bls, SystemdBootOfSdbootutilIsFoundBehindItsShim) {
  MemoryGuest guest = tumbleweed();
  guest.remove_tree(GuestPath("/boot/efi/EFI/opensuse"));
  guest.add_file("/boot/efi/EFI/BOOT/fallback.efi", "MZ");
  guest.add_file("/boot/efi/EFI/systemd/shim.efi", "MZ");
  guest.add_file("/boot/efi/EFI/systemd/grub.efi", testing::make_systemd_boot());
  EXPECT_EQ(systemd_boot_esp(guest), std::nullopt);
  guest.add_file("/boot/efi/EFI/systemd/installed_by_sdbootutil", "opensuse-microos\n");
  EXPECT_EQ(systemd_boot_esp(guest), GuestPath("/boot/efi"));
  EXPECT_EQ(read_boot_config(guest, Firmware::uefi)->loader, "systemd-boot");
  guest.add_file("/boot/efi/EFI/opensuse/installed_by_sdbootutil", "opensuse-microos\n");
  EXPECT_EQ(read_boot_config(guest, Firmware::uefi)->loader, "grub2-bls");
}

}  // namespace
}  // namespace rehost
