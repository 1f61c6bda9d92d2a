#include "bootfix/grub_cfg.h"

#include <gtest/gtest.h>

#include "bootfix/grub2.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::debian12;
using testing::debian12_inspection;
using testing::file_of;

constexpr std::string_view kCfg = "/boot/grub/grub.cfg";
constexpr std::string_view kKernel = "/boot/vmlinuz-6.1.0-56-amd64";

const Target kKeepNetwork{.initramfs = std::nullopt, .network = NetworkMode::keep};

MemoryGuest guest_with(const std::string& grub_cfg) {
  MemoryGuest guest;
  guest.add_file(kKernel, "kernel");
  guest.add_file(kCfg, grub_cfg);
  return guest;
}

std::string adapted(const std::string& grub_cfg,
                    const Inspection& inspection = debian12_inspection()) {
  const MemoryGuest guest = guest_with(grub_cfg);
  testing::expect_plan_laws(guest, inspection, kKeepNetwork, std::span(&kGrubCfgFix, 1));
  return adapt_grub_cfg(grub_cfg, GuestPath(kCfg), guest, inspection, kKeepNetwork).text;
}

std::string entry(const std::string& title, const std::string& id = "",
                  const std::string& body = "linux /k root=x") {
  return "menuentry '" + title + "' --class os" +
         (id.empty() ? "" : " $menuentry_id_option '" + id + "'") + " {\n\t" + body + "\n}\n";
}

TEST(GrubCfg, NamesRootByUuid) {
  EXPECT_EQ(
      adapted(entry("a", "",
                    "linux /boot/vmlinuz-6.1.0-56-amd64 root=/dev/sda1 ro  console=ttyS0 "
                    "nvme_core.io_timeout=4294967295 # end")),
      entry("a", "",
            "linux /boot/vmlinuz-6.1.0-56-amd64 root=UUID=9a1ae06a-5642-4e1a-b81b-246a03f38ecf ro  "
            "console=ttyS0 nvme_core.io_timeout=4294967295 # end"));
}

TEST(GrubCfg, NamesTheRootOfAKernelWithoutInitramfsByItsPartition) {
  Inspection inspection = debian12_inspection();
  inspection.kernels[0].initramfs.reset();
  inspection.kernels[0].io_timeout_argument.clear();
  EXPECT_EQ(
      adapted(entry("a", "", "linux /boot/vmlinuz-6.1.0-56-amd64 root=/dev/sda1 console=ttyS0"),
              inspection),
      entry("a", "", "linux /boot/vmlinuz-6.1.0-56-amd64 root=PARTUUID=d9852700-01 console=ttyS0"));
}

TEST(GrubCfg, AddsWhatIsMissingToEveryKernelLine) {
  EXPECT_EQ(adapted(entry("a", "", "linux16 /boot/vmlinuz-6.1.0-56-amd64 root=UUID=x ro quiet")),
            entry("a", "",
                  "linux16 /boot/vmlinuz-6.1.0-56-amd64 root=UUID=x ro quiet console=tty0 "
                  "console=ttyS0,115200n8 nvme_core.io_timeout=4294967295"));
}

TEST(GrubCfg, LeavesMemtestAlone) {
  const std::string cfg = entry("m", "", "linux16 /boot/memtest86+x32.bin console=tty0") +
                          entry("a", "", "linux /boot/x root=UUID=x");
  MemoryGuest guest = guest_with(cfg);
  guest.add_file("/boot/memtest86+x32.bin", "memtest");
  EXPECT_EQ(adapt_grub_cfg(cfg, GuestPath(kCfg), guest, debian12_inspection(), kKeepNetwork).text,
            cfg);
}

TEST(GrubCfg, AnotherSystemsEntryGetsNoMoreThanItsRoot) {
  EXPECT_EQ(
      adapted(entry("other", "", "linux /boot/vmlinuz-other root=/dev/sdb1 quiet")),
      entry("other", "",
            "linux /boot/vmlinuz-other root=UUID=c0ffee00-1111-2222-3333-444455556666 quiet"));
}

TEST(GrubCfg, FindsKernelsOfASeparateBoot) {
  EXPECT_EQ(file_of_boot_path(guest_with(""), "/vmlinuz-6.1.0-56-amd64"), GuestPath(kKernel));
}

TEST(GrubCfg, FindsKernelsInABtrfsSubvolume) {
  EXPECT_EQ(file_of_boot_path(guest_with(""), "/@/boot/vmlinuz-6.1.0-56-amd64"),
            GuestPath(kKernel));
  EXPECT_EQ(file_of_boot_path(guest_with(""), "($root)/boot/vmlinuz-6.1.0-56-amd64"),
            GuestPath(kKernel));
  EXPECT_EQ(file_of_boot_path(guest_with(""), "/@/boot/vmlinuz-gone"), std::nullopt);
}

TEST(GrubCfg, SearchesForTheDiskThatWasOnlyCounted) {
  const std::string arguments = " root=UUID=x console=ttyS0 nvme_core.io_timeout=4294967295\n}\n";
  EXPECT_EQ(
      adapted("menuentry 'a' {\n\tset root='hd1,msdos1'\n\tlinux /boot/vmlinuz-6.1.0-56-amd64" +
              arguments),
      "menuentry 'a' {\n\tset root='hd1,msdos1'\n"
      "\tsearch --no-floppy --fs-uuid --set=root 9a1ae06a-5642-4e1a-b81b-246a03f38ecf\n"
      "\tlinux /boot/vmlinuz-6.1.0-56-amd64" +
          arguments);
}

TEST(GrubCfg, LeavesAHintThatASearchFollows) {
  const std::string cfg =
      "menuentry 'a' {\n\tset root='hd1,msdos1'\n\tsearch --fs-uuid --set=root x\n"
      "\tlinux /boot/vmlinuz-6.1.0-56-amd64 root=UUID=x console=ttyS0 "
      "nvme_core.io_timeout=4294967295\n}\n";
  EXPECT_EQ(adapted(cfg), cfg);
}

TEST(GrubCfg, KeepsCarriageReturnsAndNul) {
  std::string cfg =
      "# a" + std::string(1, '\0') +
      "b\r\nmenuentry 'a' {\r\n\tlinux /boot/vmlinuz-6.1.0-56-amd64 root=/dev/sda1\r\n}";
  const std::string result = adapted(cfg);
  EXPECT_EQ(result.substr(0, 6), cfg.substr(0, 6));
  EXPECT_NE(result.find("io_timeout=4294967295\r\n}"), std::string::npos);
}

TEST(GrubCfg, TheMenuOnTheEspIsEditedToo) {
  MemoryGuest guest = guest_with(entry("a", "", "linux /boot/vmlinuz-6.1.0-56-amd64 root=UUID=x"));
  guest.add_file("/boot/efi/EFI/centos/grub.cfg",
                 entry("b", "", "linuxefi /vmlinuz-6.1.0-56-amd64 root=UUID=x"));
  guest.add_file(
      "/boot/efi/EFI/debian/grub.cfg",
      "search.fs_uuid x root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n");
  const std::vector<GuestPath> efi = {GuestPath("/boot/efi/EFI/centos/grub.cfg"), GuestPath(kCfg)};
  EXPECT_EQ(grub_cfg_files(guest, Firmware::uefi), efi);
  EXPECT_EQ(grub_cfg_files(guest, Firmware::bios).front(), GuestPath(kCfg));
}

TEST(GrubCfg, ALinkToTheMenuIsNotASecondMenu) {
  MemoryGuest guest = guest_with(entry("a"));
  guest.add_symlink("/boot/grub2", "grub");
  EXPECT_EQ(grub_cfg_files(guest, Firmware::bios), std::vector<GuestPath>{GuestPath(kCfg)});
}

TEST(GrubCfg, ConvertsTheDebianGuest) {
  const MemoryGuest after =
      testing::converted(debian12(), debian12_inspection(), Target{}, std::span(&kGrubCfgFix, 1));
  const std::string text = file_of(after, kCfg);
  EXPECT_EQ(text.find("/dev/sda1"), std::string::npos);
  EXPECT_NE(text.find("\tlinux\t/boot/vmlinuz-6.1.0-56-amd64 "
                      "root=UUID=9a1ae06a-5642-4e1a-b81b-246a03f38ecf ro  quiet "
                      "console=tty0 console=ttyS0,115200n8 net.ifnames=0 biosdevname=0 "
                      "nvme_core.io_timeout=4294967295\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\nserial --speed=115200\nterminal_input console serial\nterminal_output "
                      "console serial\n"),
            std::string::npos)
      << text;
}

TEST(GrubCfg, NothingBreaksOnATruncatedFile) {
  const std::string text = file_of(debian12(), kCfg);
  const MemoryGuest guest = debian12();
  for (size_t length = 0; length <= text.size(); length += 3) {
    const std::string once = adapt_grub_cfg(text.substr(0, length), GuestPath(kCfg), guest,
                                            debian12_inspection(), Target{})
                                 .text;
    EXPECT_EQ(adapt_grub_cfg(once, GuestPath(kCfg), guest, debian12_inspection(), Target{}).text,
              once)
        << length;
  }
}

}  // namespace
}  // namespace rehost
