// What may shut the owner out on EC2 although the network is up: firewall rules that go by the name
// of a network card, an sshd that listens on an address of the old network alone.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// Names of network cards that are words of this text, comment lines left out: ens192 in
// "-A INPUT -i ens192 -j ACCEPT" and in `iifname "ens192" accept`. `more` are names of the owner's
// own making.
std::set<std::string> cards_named_in(std::string_view text, const std::set<std::string>& more = {});

// The addresses of the ListenAddress lines in front of any Match block: all but the unspecified
// ones, those of loopback, and names.
std::vector<std::string> listen_addresses(std::string_view sshd_config);

// Changes nothing: whom a machine lets in is the owner's to say. Warns.
extern const Fix kReachabilityFix;

}  // namespace rehost
