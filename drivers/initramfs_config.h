// The configuration of the guest's own initramfs tools: found, asked to build, and told which
// drivers belong into every initramfs that they build.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// The command that builds the initramfs of a kernel anew; nullopt when the guest has no tool that
// we know.
std::optional<std::vector<std::string>> rebuild_command(const GuestView& guest,
                                                        const KernelImage& kernel);

// `text` of /etc/initramfs-tools/modules with the missing ones of `modules` behind it; the same
// text when none is missing.
std::string with_listed_modules(std::string_view text, const std::vector<std::string>& modules);

// Words of add_drivers and force_drivers in a dracut configuration file.
std::vector<std::string> dracut_drivers(std::string_view text);

// Plans the lines in /etc/initramfs-tools/modules, /etc/dracut.conf.d/rehost.conf, or the list of
// mkinitrd.
FixResult plan_initramfs_config(const GuestView& guest, const Inspection& inspection,
                                const Target& target);

}  // namespace rehost
