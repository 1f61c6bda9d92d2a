#include "bootfix/network.h"

#include "bootfix/dhcpcd.h"
#include "bootfix/ifcfg.h"
#include "bootfix/ifupdown.h"
#include "bootfix/keyfiles.h"
#include "bootfix/netplan.h"
#include "bootfix/networkd.h"
#include "bootfix/wicked.h"

namespace rehost {

std::span<const NetworkStack> network_stacks() {
  static const NetworkStack kStacks[] = {
      {.name = "ifupdown",
       .in_use = ifupdown_in_use,
       .classic_interface_names = true,
       .fix = kIfupdownFix},
      {.name = "netplan",
       .in_use = netplan_in_use,
       .classic_interface_names = false,
       .fix = kNetplanFix},
      {.name = "network-scripts",
       .in_use = network_scripts_in_use,
       .classic_interface_names = true,
       .fix = kNetworkScriptsFix},
      {.name = "ifcfg-rh",
       .in_use = ifcfg_rh_in_use,
       .classic_interface_names = false,
       .fix = kIfcfgRhFix},
      {.name = "keyfiles",
       .in_use = keyfiles_in_use,
       .classic_interface_names = false,
       .fix = kKeyfilesFix},
      {.name = "networkd",
       .in_use = networkd_in_use,
       .classic_interface_names = false,
       .fix = kNetworkdFix},
      {.name = "wicked",
       .in_use = wicked_in_use,
       .classic_interface_names = true,
       .fix = kWickedFix},
      {.name = "dhcpcd",
       .in_use = dhcpcd_in_use,
       .classic_interface_names = false,
       .fix = kDhcpcdFix},
  };
  return kStacks;
}

bool needs_classic_interface_names(const GuestView& guest, const Target& target) {
  if (target.network == NetworkMode::keep) {
    return false;
  }
  for (const NetworkStack& stack : network_stacks()) {
    if (stack.classic_interface_names && stack.in_use(guest)) {
      return true;
    }
  }
  return false;
}

}  // namespace rehost
