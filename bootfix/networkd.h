// systemd-networkd: /etc/systemd/network/*.network.
#pragma once

#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// Is the service enabled, and is there a file for a network card?
bool networkd_in_use(const GuestView& guest);

extern const Fix kNetworkdFix;

}  // namespace rehost
