// dhcpcd as the service that configures the network, as on Raspberry Pi OS: /etc/dhcpcd.conf.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// The configuration without static addresses and without lists that leave the card of EC2 out. What
// is taken away: in `dropped`, as written. dhcpcd asks DHCP on every card that it is not told to
// leave.
std::string dhcpcd_with_dhcp(std::string_view conf, std::vector<std::string>& dropped);

// Is it enabled as a service? Others use the program as a client only.
bool dhcpcd_in_use(const GuestView& guest);

extern const Fix kDhcpcdFix;

}  // namespace rehost
