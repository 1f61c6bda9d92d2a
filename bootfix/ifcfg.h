// Red Hat's ifcfg files in /etc/sysconfig/network-scripts. Two programs read them: the scripts of
// the `network` service (EL 5 to 7), which want a file for eth0, and NetworkManager (EL 8 and 9),
// for which a file without DEVICE holds for any card. Where both are there, the scripts decide.
#pragma once

#include "converter/core/fix.h"

namespace rehost {

bool network_scripts_in_use(const GuestView& guest);
bool ifcfg_rh_in_use(const GuestView& guest);  // NetworkManager alone, with its plugin for ifcfg

extern const Fix kNetworkScriptsFix;
extern const Fix kIfcfgRhFix;

}  // namespace rehost
