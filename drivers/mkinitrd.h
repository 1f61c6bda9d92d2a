// The two programs called mkinitrd whose init loads the modules that it was built with and no
// others: that of Red Hat Enterprise Linux 5 (nash) and that of SLES 11. Later ones are names for
// dracut.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"
#include "converter/core/inspection.h"

namespace rehost {

enum class Mkinitrd {
  redhat,  // mkinitrd(8) of EL 5: modules of `alias scsi_hostadapterN` in /etc/modprobe.conf
  suse,    // mkinitrd(8) of SLES 11: INITRD_MODULES in /etc/sysconfig/kernel
};

// For a guest without dracut, which comes with a program of this name.
std::optional<Mkinitrd> find_mkinitrd(const GuestView& guest);

// Where its list of modules is, and that list with storage drivers added: for every image that is
// built from now on. A text that has them comes back unchanged.
std::string_view mkinitrd_file(Mkinitrd tool);
std::string with_mkinitrd_modules(Mkinitrd tool, std::string_view text,
                                  const std::vector<std::string>& modules);

// Builds the kernel's image anew. Only what the list of modules says is taken along: the command
// has to run after that was changed. nullopt: this kernel has no image.
std::optional<std::vector<std::string>> mkinitrd_command(Mkinitrd tool, const KernelImage& kernel);

}  // namespace rehost
