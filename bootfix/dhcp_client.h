// Is there a program in the guest that can ask for an address?
#pragma once

#include "converter/core/guest.h"

namespace rehost {

// One of those that ifupdown knows.
bool has_dhcp_client(const GuestView& guest);

}  // namespace rehost
