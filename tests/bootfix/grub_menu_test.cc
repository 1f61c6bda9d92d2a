#include "bootfix/grub_menu.h"

#include <gtest/gtest.h>

#include "bootfix/bootloaders.h"
#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

using testing::debian12;

// The title of the entry that starts by default.
std::string default_title(const std::string& grub_cfg,
                          const std::map<std::string, std::string>& env = {}) {
  const GrubScript script = parse_grub_script(grub_cfg);
  const std::vector<GrubKernelLine> lines = kernel_lines(grub_cfg, script);
  const std::optional<size_t> line =
      default_kernel_line(script, lines, default_setting(script, env));
  return line ? lines[*line].entry.title : "(none)";
}

std::string entry(const std::string& title, const std::string& id = "",
                  const std::string& body = "linux /k root=x") {
  return "menuentry '" + title + "' --class os" +
         (id.empty() ? "" : " $menuentry_id_option '" + id + "'") + " {\n\t" + body + "\n}\n";
}

const std::string kMenu = entry("first", "id-first") + "submenu 'More > old' --id sub {\n" +
                          entry("new", "id-new") + entry("old", "id-old") + "}\n" +
                          entry("memtest", "", "linux16 /memtest86+.bin") +
                          entry("windows", "", "chainloader +1");

TEST(GrubMenu, ReadsTheEntriesOfTheDebianGuest) {
  const BootConfig config = *read_boot_config(debian12(), Firmware::bios);
  ASSERT_EQ(config.entries.size(), 3u);
  EXPECT_EQ(config.default_entry, 0u);
  EXPECT_EQ(config.entries[0].title, "Debian GNU/Linux");
  EXPECT_EQ(config.entries[0].kernel_file, GuestPath("/boot/vmlinuz-6.1.0-56-amd64"));
  EXPECT_EQ(config.entries[1].submenus,
            std::vector<std::string>{"Advanced options for Debian GNU/Linux"});
  EXPECT_EQ(config.entries[2].id,
            "gnulinux-6.1.0-56-amd64-recovery-9a1ae06a-5642-4e1a-b81b-246a03f38ecf");
  EXPECT_EQ(config.entries[2].initrds, std::vector<std::string>{"/boot/initrd.img-6.1.0-56-amd64"});
  EXPECT_EQ(config.entries[2].arguments, " root=/dev/sda1 ro single");
}

TEST(GrubMenu, TheDefaultIsTheFirstEntryWhenNothingIsSaid) {
  EXPECT_EQ(default_title(kMenu), "first");
}

TEST(GrubMenu, TheDefaultMayBeANumber) {
  EXPECT_EQ(default_title("set default=\"1>1\"\n" + kMenu), "old");
}

TEST(GrubMenu, TheDefaultMayBeATitleOrAnId) {
  EXPECT_EQ(default_title("set default='More >> old>new'\n" + kMenu), "new");
  EXPECT_EQ(default_title("set default=\"sub>id-old\"\n" + kMenu), "old");
}

TEST(GrubMenu, TheDefaultMayBeSaved) {
  const std::string cfg =
      "if [ \"${next_entry}\" ] ; then\n set default=\"${next_entry}\"\nelse\n set "
      "default=\"${saved_entry}\"\nfi\n" +
      kMenu;
  EXPECT_EQ(default_title(cfg, {{"saved_entry", "sub>id-old"}}), "old");
  EXPECT_EQ(default_title(cfg), "first") << "nothing saved";
}

TEST(GrubMenu, AnOldTitleIsFoundInItsSubmenu) {
  EXPECT_EQ(default_title("set default='old'\n" + kMenu), "old");
}

TEST(GrubMenu, ASubmenuAloneStartsItsFirstEntry) {
  EXPECT_EQ(default_title("set default=1\n" + kMenu), "new");
}

TEST(GrubMenu, AnEntryThatIsNotThereFallsBackOnTheFirst) {
  EXPECT_EQ(default_title("set default='gone'\n" + kMenu), "first");
}

// CentOS 7: grubby copies an entry with its id, and GRUB takes the first that has it.
TEST(GrubMenu, AnIdThatAnotherEntryHasIsNoName) {
  const std::string cfg = entry("new", "copied") + entry("old", "copied");
  const std::vector<GrubKernelLine> lines = kernel_lines(cfg, parse_grub_script(cfg));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].entry.default_name, "copied");
  EXPECT_EQ(lines[1].entry.default_name, "old");
  EXPECT_EQ(default_title("set default=\"old\"\n" + cfg), "old");
}

// 00_header of SUSE: shown only when a snapshot is booted.
TEST(GrubMenu, TheMenuOfABootedSnapshotDoesNotCount) {
  const std::string snapshot =
      "if [ -n \"$extra_cmdline\" ]; then\nsubmenu \"Bootable snapshot #$snapshot_num\" {\n"
      "menuentry \"If OK, run 'snapper rollback'\" { true; }\n}\nfi\n";
  EXPECT_EQ(default_title(snapshot + kMenu), "first");
  EXPECT_EQ(default_title("set default=\"1>1\"\n" + snapshot + kMenu), "old");
}

TEST(GrubMenu, ADefaultThatStartsNoLinuxHasNoKernel) {
  EXPECT_EQ(default_title("set default=3\n" + kMenu), "(none)");
}

}  // namespace
}  // namespace rehost
