// SUSE's ifcfg files in /etc/sysconfig/network: wicked (SLES 12 and 15), and the scripts before it.
#pragma once

#include "converter/core/fix.h"

namespace rehost {

// Not when the network service is NetworkManager.
bool wicked_in_use(const GuestView& guest);

extern const Fix kWickedFix;

}  // namespace rehost
