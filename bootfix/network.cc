#include "bootfix/network.h"

#include "bootfix/ifupdown.h"

namespace rehost {

std::span<const NetworkStack> network_stacks() {
  static const NetworkStack stacks[] = {
      {.name = "ifupdown",
       .in_use = ifupdown_in_use,
       .classic_interface_names = true,
       .fix = kIfupdownFix},
  };
  return stacks;
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
