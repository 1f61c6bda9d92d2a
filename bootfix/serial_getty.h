// A login on the EC2 serial console: ttyS0.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

enum class InitSystem { systemd, upstart, sysvinit };
// What /sbin/init is. nullopt: something else, or nothing.
std::optional<InitSystem> find_init_system(const GuestView& guest);

// An inittab(5) with a getty on ttyS0; as it was when it has one. `getty` is the program in the
// guest.
std::string inittab_with_serial_getty(std::string_view inittab, std::string_view getty);

// securetty(5) with ttyS0. An empty file lets root in nowhere, which is somebody's decision: it
// stays empty.
std::string securetty_with_ttys0(std::string_view securetty);

extern const Fix kSerialGettyFix;

}  // namespace rehost
