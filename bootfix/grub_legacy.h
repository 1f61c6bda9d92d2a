// GRUB legacy (0.97): menu.lst of Debian, SUSE and Amazon Linux 1, grub.conf of Red Hat (menu.lst
// and /etc/grub.conf are links to it there). GRUB Legacy manual, "Configuration" and "Commands".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/bootloaders.h"
#include "converter/core/fix.h"

namespace rehost {

// One line: a command, and blanks or "=" between it and its arguments.
struct LegacyCommand {
  std::string name;
  int line = 0;               // counted from 1
  size_t begin = 0;           // of the line
  size_t argument_begin = 0;  // "" when begin and end are the same
  size_t argument_end = 0;
  size_t next_line = 0;
  std::optional<size_t> entry;  // number of the `title` above it; nullopt: in front of all
};
std::vector<LegacyCommand> parse_grub_legacy(std::string_view text);

// A `kernel` line, or under Xen the `module` line that Linux is.
struct LegacyKernelLine {
  size_t entry = 0;
  int line = 0;
  size_t arguments_begin = 0;  // behind the path
  size_t arguments_end = 0;
  std::string path;
  bool under_xen = false;
};
std::vector<LegacyKernelLine> legacy_kernel_lines(std::string_view text,
                                                  const std::vector<LegacyCommand>& commands);

// Kernel lines; the defaults that Debian's update-grub keeps in comments ("# kopt=root=/dev/sda1
// ro"); `serial` and `terminal` for the EC2 serial console. Everything else comes back byte for
// byte.
struct GrubLegacyRewrite {
  std::string text;
  std::vector<Warning> warnings;
};
GrubLegacyRewrite adapt_grub_legacy(std::string_view text, const GuestPath& file,
                                    const GuestView& guest, const Inspection& inspection,
                                    const Target& target);

// The menus of GRUB legacy, links resolved. None when there is a menu of GRUB 2: then they are
// leftovers, or meant for the pv-grub of long ago.
std::vector<GuestPath> grub_legacy_files(const GuestView& guest, Firmware firmware);

// The row for bootloaders.cc. `default saved` is what /boot/grub/default says.
std::optional<BootConfig> read_grub_legacy(const GuestView& guest, Firmware firmware);

extern const Fix kGrubLegacyFix;

}  // namespace rehost
