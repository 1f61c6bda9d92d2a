// The GRUB menu on the EC2 serial console: `serial` and `console serial` as terminals, both in the
// settings that update-grub reads and in the grub.cfg that it has written.
#pragma once

#include <string>
#include <string_view>

#include "bootfix/grub_defaults.h"

namespace rehost {

// GRUB_TERMINAL="console serial" and GRUB_SERIAL_COMMAND, unless the serial terminal is there
// already.
void use_serial_terminal(GrubDefaults& defaults);

// The same in a grub.cfg, as 00_header would write it. A grub.cfg that never chooses a terminal is
// left alone.
std::string with_serial_terminal(std::string_view grub_cfg);

}  // namespace rehost
