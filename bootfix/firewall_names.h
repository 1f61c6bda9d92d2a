// Firewall rules that go by the name of a network card.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// Names of network cards that are words of this text, comment lines left out: ens192 in
// "-A INPUT -i ens192 -j ACCEPT" and in `iifname "ens192" accept`. `more` are names of the owner's
// own making.
std::set<std::string> cards_named_in(std::string_view text, const std::set<std::string>& more = {});

// Changes nothing: what a firewall lets through is the owner's to say. Warns of rules for a card
// that will not be there, because on EC2 they may shut the owner out.
extern const Fix kFirewallNamesFix;

}  // namespace rehost
