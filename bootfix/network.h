// The table of network stacks: what configures the interfaces of a guest, and how it is made to ask
// DHCP on EC2. ena comes up as eth0 or ens5, depending on the kernel's command line, and never with
// the old MAC address.
#pragma once

#include <span>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

struct NetworkStack {
  std::string_view name;  // "ifupdown"
  // Does this stack configure the network cards of this guest? A question about files, with the
  // same answer before and after its fix.
  bool (*in_use)(const GuestView&);
  // Does its configuration call the card eth0? Then the kernel must too: net.ifnames=0
  // biosdevname=0.
  bool classic_interface_names;
  Fix fix;
};

std::span<const NetworkStack> network_stacks();

// Must the kernel's command line ask for eth0? Never when the network is kept as it is.
bool needs_classic_interface_names(const GuestView& guest, const Target& target);

}  // namespace rehost
