#include "bootfix/grub2.h"

#include <gtest/gtest.h>

#include "tests/bootfix/loaders.h"

namespace rehost {
namespace {

using testing::bls_path;
using testing::grubenv_block;
using testing::kMachineId;
using testing::kNewRelease;
using testing::kOldRelease;
using testing::rhel8;

std::string default_of(const MemoryGuest& guest, Firmware firmware = Firmware::bios) {
  const std::optional<BootConfig> config = read_boot_config(guest, firmware);
  if (!config || !config->default_entry) {
    return "(none)";
  }
  const BootEntry& entry = config->entries[*config->default_entry];
  return entry.version.empty() ? entry.title : entry.version;
}

const std::string kMenu =
    "menuentry 'static' {\n\tlinux /vmlinuz-" + kOldRelease + " root=UUID=x\n}\n";

TEST(Grub2, BlsEntriesComeNewestFirst) {
  const BootConfig config = *read_boot_config(rhel8(), Firmware::bios);
  EXPECT_EQ(config.loader, "grub2");
  ASSERT_EQ(config.entries.size(), 3u);
  EXPECT_EQ(config.default_entry, 0u);
  EXPECT_EQ(config.entries[0].version, kNewRelease);
  EXPECT_EQ(config.entries[0].kernel_file, GuestPath("/boot/vmlinuz-" + kNewRelease));
  EXPECT_EQ(config.entries[0].initrd_files,
            std::vector<GuestPath>{GuestPath("/boot/initramfs-" + kNewRelease + ".img")});
  EXPECT_EQ(config.entries[0].arguments, "root=/dev/sda1 ro crashkernel=auto rhgb quiet  ");
  EXPECT_EQ(config.entries[0].file, GuestPath(bls_path(kNewRelease)));
  EXPECT_EQ(config.entries[2].version, "0-rescue");
}

// debian12-bls: grub.cfg is made from the entries, because Debian's GRUB has no blscfg.
TEST(Grub2, AWrittenMenuTakesKerneloptsFromGrubenv) {
  MemoryGuest guest = rhel8();
  guest.add_file("/boot/grub2/grub.cfg",
                 "set kernelopts=\"root=/dev/sdz1\"\nmenuentry 'm' {\n\tlinux /vmlinuz-" +
                     kOldRelease + " $kernelopts quiet\n}\n");
  guest.add_file("/boot/grub2/grubenv", grubenv_block("kernelopts=root=UUID=x ro\n"));
  EXPECT_EQ(read_boot_config(guest, Firmware::bios)->entries.at(0).arguments,
            " root=UUID=x ro quiet");
}

TEST(Grub2, TheSavedBlsEntryIsAnIdATitleOrANumber) {
  const std::string id = std::string(kMachineId) + "-" + kOldRelease;
  EXPECT_EQ(default_of(rhel8(id)), kOldRelease);
  EXPECT_EQ(default_of(rhel8(id + ".conf")), kOldRelease);
  EXPECT_EQ(default_of(rhel8("Red Hat Enterprise Linux (" + kOldRelease + ") 8.10 (Ootpa)")),
            kOldRelease);
  EXPECT_EQ(default_of(rhel8("1")), kOldRelease);
  EXPECT_EQ(default_of(rhel8("2")), "0-rescue");
  EXPECT_EQ(default_of(rhel8("gone")), kNewRelease) << "GRUB starts the first";
  EXPECT_EQ(default_of(rhel8("3")), "(none)") << "System setup starts no Linux";
  EXPECT_EQ(default_of(rhel8("4")), kNewRelease);
}

TEST(Grub2, BlsEntriesStandWhereBlscfgStands) {
  MemoryGuest guest = rhel8();
  const std::string bls = "insmod blscfg\nblscfg\n";
  guest.add_file("/boot/grub2/grub.cfg", kMenu + bls);
  EXPECT_EQ(default_of(guest), "static");
  guest.add_file("/boot/grub2/grub.cfg", "set default=1\n" + kMenu + bls);
  EXPECT_EQ(default_of(guest), kNewRelease);
  guest.add_file("/boot/grub2/grub.cfg", "set default=3\n" + bls + kMenu);
  EXPECT_EQ(default_of(guest), "static");
  guest.add_file("/boot/grub2/grub.cfg", "set default=static\n" + bls + kMenu);
  EXPECT_EQ(default_of(guest), "static");
}

TEST(Grub2, AMenuWithoutBlscfgDoesNotShowTheEntries) {
  MemoryGuest guest = rhel8();
  guest.add_file("/boot/grub2/grub.cfg", kMenu);
  EXPECT_EQ(read_boot_config(guest, Firmware::bios)->entries.size(), 1u);
}

TEST(Grub2, KernelsOfBlsEntriesMayLieInBootOrBelowIt) {
  MemoryGuest guest = rhel8();
  guest.add_file(bls_path("9.9"), "version 9.9\nlinux /boot/vmlinuz-" + kOldRelease + "\n");
  EXPECT_EQ(read_boot_config(guest, Firmware::bios)->entries[0].kernel_file,
            GuestPath("/boot/vmlinuz-" + kOldRelease));
}

// /boot/efi/EFI/VENDOR/grub.cfg of RHEL 9, and of Debian and Ubuntu.
const std::string kRhel9Stub =
    "search --no-floppy --fs-uuid --set=dev 4cd4e4d7-8a5f-4b3e-9ef9-f0d1f5d9b9d5\n"
    "set prefix=($dev)/grub2\n\nexport $prefix\nconfigfile $prefix/grub.cfg\n";
const std::string kDebianStub =
    "search.fs_uuid 9a1ae06a-5642-4e1a-b81b-246a03f38ecf root hd0,gpt2 \n"
    "set prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n";

TEST(Grub2, AStubLeadsToTheRealMenu) {
  EXPECT_EQ(hands_over_to(parse_grub_script(kRhel9Stub)), "($dev)/grub2/grub.cfg");
  EXPECT_EQ(hands_over_to(parse_grub_script(kDebianStub)), "($root)/boot/grub/grub.cfg");
  EXPECT_EQ(hands_over_to(parse_grub_script(kMenu)), std::nullopt);

  MemoryGuest guest = rhel8();
  guest.add_file("/boot/efi/EFI/redhat/grub.cfg", kRhel9Stub);
  EXPECT_EQ(grub_cfg_files(guest, Firmware::uefi),
            std::vector<GuestPath>{GuestPath("/boot/grub2/grub.cfg")});
}

TEST(Grub2, AStubOfThisSystemComesBeforeTheMenuOfAnother) {
  MemoryGuest guest;
  guest.add_file("/etc/os-release", "ID=debian\nVERSION_ID=12\n");
  guest.add_file("/boot/grub/grub.cfg", kMenu);
  guest.add_file("/boot/efi/EFI/centos/grub.cfg", kMenu);
  guest.add_file("/boot/efi/EFI/debian/grub.cfg", kDebianStub);
  const std::vector<GuestPath> wanted = {GuestPath("/boot/grub/grub.cfg"),
                                         GuestPath("/boot/efi/EFI/centos/grub.cfg")};
  EXPECT_EQ(grub_cfg_files(guest, Firmware::uefi), wanted);
}

TEST(Grub2, AStubMayLeadToAnotherFileOfTheEsp) {
  MemoryGuest guest;
  guest.add_file("/boot/efi/EFI/centos/grub.cfg", kMenu);
  guest.add_file("/boot/efi/EFI/BOOT/grub.cfg",
                 "set prefix=($root)'/EFI/centos'\nconfigfile \"$prefix/grub.cfg\"\n");
  EXPECT_EQ(grub_cfg_files(guest, Firmware::uefi),
            std::vector<GuestPath>{GuestPath("/boot/efi/EFI/centos/grub.cfg")});
}

TEST(Grub2, EveryMenuHasTheGrubenvBesideIt) {
  // CentOS 7 on GCE: a full menu for each firmware.
  MemoryGuest guest;
  const std::string menu = "set default=\"${saved_entry}\"\n" + kMenu +
                           "menuentry 'new' {\n\tlinux /vmlinuz-" + kNewRelease +
                           " root=UUID=x\n}\n";
  guest.add_file("/boot/grub2/grub.cfg", menu);
  guest.add_file("/boot/grub2/grubenv", grubenv_block("saved_entry=static\n"));
  guest.add_file("/boot/efi/EFI/centos/grub.cfg", menu);
  guest.add_file("/boot/efi/EFI/centos/grubenv", grubenv_block("saved_entry=new\n"));
  EXPECT_EQ(default_of(guest, Firmware::bios), "static");
  EXPECT_EQ(default_of(guest, Firmware::uefi), "new");
}

TEST(Grub2, AOneTimeChoiceIsNotTheDefault) {
  MemoryGuest guest = rhel8();
  guest.add_file("/boot/grub2/grubenv", grubenv_block("next_entry=1\nboot_counter=3\n"));
  EXPECT_EQ(default_of(guest), kNewRelease);
}

TEST(Grub2, RecordfailOfUbuntuDoesNotChangeTheDefault) {
  MemoryGuest guest;
  guest.add_file("/boot/grub/grub.cfg", R"(if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${initrdfail}" = 2 ]; then
   set initrdfail=
elif [ "${initrdfail}" = 1 ]; then
   set next_entry="${prev_entry}"
   set prev_entry=
   save_env prev_entry
   if [ "${next_entry}" ]; then
      set initrdfail=2
   fi
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
function recordfail {
  set recordfail=1
  if [ -n "${have_grubenv}" ]; then if [ -z "${boot_once}" ]; then save_env recordfail; fi; fi
}
if [ "${recordfail}" = 1 ] ; then
  set timeout=30
else
  set timeout=0
fi
menuentry 'Ubuntu' --class ubuntu $menuentry_id_option 'gnulinux-simple-x' {
	recordfail
	load_video
	linux	/boot/vmlinuz-5.15.0-1040-kvm root=PARTUUID=x ro console=hvc0
	initrd	/boot/initrd.img-5.15.0-1040-kvm
}
)");
  EXPECT_EQ(default_of(guest), "Ubuntu");
}

}  // namespace
}  // namespace rehost
