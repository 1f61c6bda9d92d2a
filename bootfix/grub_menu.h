// The menu that a grub.cfg builds: its entries, and the one that starts when nobody touches a key.
// Text alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/bootloaders.h"
#include "bootfix/grub_script.h"

namespace rehost {

// One `linux` command (linux16, linuxefi) of a grub.cfg, or the first `module` behind a `multiboot`
// that starts Xen, with the menu entry around it.
struct GrubKernelLine {
  size_t block = 0;            // of its menuentry
  int line = 0;                // counted from 1
  size_t arguments_begin = 0;  // behind the kernel's path
  size_t arguments_end = 0;
  BootEntry entry;  // kernel_file is left empty: this is text alone
};

// In the order of the menu. Commands outside of a menuentry are not kernel lines.
std::vector<GrubKernelLine> kernel_lines(std::string_view text, const GrubScript& script);

// What `default` says when the menu comes up: a number, a title, an id, or a path of these through
// submenus ("1>0"). `environment` is the grubenv beside it. What a one-time choice (next_entry) or
// a failed start (boot_counter) would make of it is left aside; "0" when nothing is said.
std::string default_setting(const GrubScript& script,
                            const std::map<std::string, std::string>& environment);

// The `set default=...` commands that this goes by.
std::vector<const ScriptCommand*> default_assignments(const GrubScript& script);

// What the menu starts by itself: the position in kernel_lines(). nullopt: an entry that starts no
// Linux, or there is none.
std::optional<size_t> default_kernel_line(const GrubScript& script,
                                          const std::vector<GrubKernelLine>& lines,
                                          const std::string& setting);

// Entries and submenus of the main menu that are written in front of this place.
size_t main_menu_items_before(const GrubScript& script, size_t place);
// Does the main menu have an item of this number, title or id?
bool is_main_menu_item(const GrubScript& script, const std::string& name);

// The block of the menuentry around a command, which itself may stand deeper; nullopt: outside of
// all.
std::optional<size_t> menuentry_around(const GrubScript& script, const ScriptCommand& command);

}  // namespace rehost
