// GRUB 2: which grub.cfg the firmware gets to see, and the menu that comes of it, BLS entries
// included.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/bootloaders.h"
#include "bootfix/grub_script.h"

namespace rehost {

// Every grub.cfg of the guest that has a menu (entries, or the command blscfg), links resolved, the
// one that this firmware reads first. A stub that only hands over to another one (RHEL 9, Debian
// and Ubuntu have such on the ESP) is not among them: the one that it leads to takes its place.
std::vector<GuestPath> grub_cfg_files(const GuestView& guest, Firmware firmware);

// The path that a stub hands over to: the argument of its last `configfile`, with $prefix in place.
// nullopt: this one hands over to nobody.
std::optional<std::string> hands_over_to(const GrubScript& script);

// `set kernelopts="..."`, `set default_kernelopts="..."`: the place of the value inside its quotes.
// Values that are written in another way are left out.
struct GrubAssignment {
  std::string name;
  size_t value_begin = 0;
  size_t value_end = 0;
};
std::vector<GrubAssignment> kernelopts_assignments(std::string_view text, const GrubScript& script);

// What BLS entries may name: the variables of the grubenv beside this grub.cfg and, where that says
// nothing about them, the kernelopts that grub.cfg sets.
std::map<std::string, std::string> grub_variables(const GuestView& guest, const GuestPath& grub_cfg,
                                                  std::string_view text, const GrubScript& script);

// The command that puts the BLS entries into the menu; nullptr: this menu has none.
const ScriptCommand* blscfg_command(const GrubScript& script);

// The menu of one grub.cfg. nullopt: no such file.
std::optional<BootConfig> read_grub_menu(const GuestView& guest, const GuestPath& grub_cfg);

// The row for bootloaders.cc: the menu that this firmware reads.
std::optional<BootConfig> read_grub2(const GuestView& guest, Firmware firmware);

// GRUB2-BLS, what new openSUSE Tumbleweed systems have since November 2025: a GRUB that needs no
// grub.cfg and makes its menu of the BLS entries on the ESP. sdbootutil puts it there, and the
// default into the grubenv beside it.
std::optional<BootConfig> read_grub2_bls(const GuestView& guest, Firmware firmware);

}  // namespace rehost
