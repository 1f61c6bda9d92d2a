// The GRUB environment block, grubenv: 1024 bytes of NAME=value lines, filled up with "#" (GRUB
// manual, "The GRUB environment block"). GRUB writes it in place, sector by sector, so it never
// changes its size. On RHEL 7 and 8 /boot/grub2/grubenv may be a link to the one on the ESP.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/text_file.h"

namespace rehost {

// Empty when it is no environment block.
std::map<std::string, std::string> parse_grubenv(std::string_view block);

// The block with the variable set, where it stands or behind the last one; all other bytes stay,
// and so does the size. nullopt: it does not fit, or this is no environment block.
std::optional<std::string> with_grubenv_variable(std::string_view block, std::string_view name,
                                                 std::string_view value);

// Every environment block of the guest, links resolved: beside the menus in /boot and on the ESP.
std::vector<TextFile> grubenv_files(const GuestView& guest);

}  // namespace rehost
