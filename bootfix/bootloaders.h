// What will the boot loader start? One row for each dialect.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"
#include "converter/core/inspection.h"

namespace rehost {

// One entry of a boot menu that starts Linux.
struct BootEntry {
  std::string title;
  std::string id;                     // --id, "" when it has none
  std::vector<std::string> submenus;  // titles of the menus around it, outermost first
  std::string kernel;  // as written: "/boot/vmlinuz-6.1.0-10-amd64", "/@/boot/...", "/vmlinuz-..."
  std::vector<std::string> initrds;  // as written
  std::string arguments;  // everything behind the kernel, as written; of BLS entries with the boot
                          // loader's variables ($kernelopts) in place
  std::string version;    // what the entry itself says about its kernel; "" when it says nothing
  std::optional<GuestPath>
      kernel_file;  // the file in the guest, links resolved; nullopt: another system's, or gone
  std::vector<GuestPath> initrd_files;  // likewise, of those that are there
  GuestPath file;                       // where the entry is written
  // How the setting for the default names this entry: its path of ids ("advanced>6.1.0-10"), its
  // id, its number or its file's name, as the boot loader has it. "" when it cannot.
  std::string default_name;
  bool under_xen = false;  // as dom0 of a hypervisor
};

// A boot menu. Entries that start no Linux (memtest, firmware setup, another system's loader) are
// not in it.
struct BootConfig {
  std::string_view loader;  // name of its row: "grub2"
  GuestPath file;           // the menu itself, or the settings beside the entries
  std::vector<BootEntry> entries;
  std::optional<size_t>
      default_entry;  // nullopt: the default is none of the entries, or cannot be told
};

// One row of the table.
struct Bootloader {
  std::string_view name;  // "grub2"
  // The menu the machine boots with, preferring the place that its firmware looks at. nullopt: not
  // this boot loader.
  std::optional<BootConfig> (*read)(const GuestView&, Firmware);
};
std::span<const Bootloader> bootloaders();

// The first row that has an answer.
std::optional<BootConfig> read_boot_config(const GuestView& guest, Firmware firmware);

// The file of the guest that a boot loader's path means. /boot may be a file system of its own (its
// paths then lack /boot), and a btrfs path begins with the subvolume ("/@/boot/..."); "($root)" in
// front is understood.
std::optional<GuestPath> file_of_boot_path(const GuestView& guest, std::string_view path);

}  // namespace rehost
