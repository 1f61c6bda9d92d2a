// Telling a boot loader which entry to start by default, in its own files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/bootloaders.h"
#include "bootfix/text_file.h"

namespace rehost {

// A file as it is and as it shall be; a file that is not there yet has no original content.
struct FileChange {
  GuestPath path;
  std::optional<std::string> original;
  std::string content;
};

// Picks an entry of a menu: its position.
using PickEntry = std::function<std::optional<size_t>(const BootConfig&)>;

// The changes after which the boot loader that `config` was read from starts the entry that `pick`
// takes from its menu. The one that decides comes last, so that whoever is stopped on the way finds
// the old default and does all of it again. nullopt: its menu cannot say so.
//
// GRUB 2: GRUB_DEFAULT in /etc/default/grub and `set default` in grub.cfg, or saved_entry in
// grubenv where the menu asks for that; every grub.cfg that has such an entry. GRUB legacy:
// `default`. systemd-boot: `default` in loader.conf.
std::optional<std::vector<FileChange>> set_default_entry(const GuestView& guest, Firmware firmware,
                                                         const BootConfig& config,
                                                         const PickEntry& pick);

// `set default="NAME"` in a grub.cfg, in place of what it says or at its beginning. nullopt: the
// name cannot be quoted.
std::optional<std::string> with_grub_default(std::string_view grub_cfg, std::string_view name);
// `default NAME` of a loader.conf or a menu.lst.
std::string with_loader_default(std::string_view loader_conf, std::string_view name);
std::string with_legacy_default(std::string_view menu, std::string_view number);

}  // namespace rehost
