// ifupdown: one network card, eth0, by DHCP.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "bootfix/text_file.h"
#include "converter/core/edit.h"
#include "converter/core/fix.h"

namespace rehost {

struct InterfacesRewrite {
  std::vector<std::string> texts;  // of each file, in the order given
  std::vector<Warning> warnings;
};

// Leaves one card, eth0, which asks DHCP. The first stanza of a card becomes `iface eth0 inet dhcp`
// where it stands, the others go; so do static addresses and MAC pins, with a warning that says
// what they were. Of its pre-up and post-up commands those stay that neither name the card nor
// configure addresses, routes or links; the others go, each by name in a warning. The first `auto`
// or `allow-hotplug` of a card becomes that of eth0. Which card was which does not matter, and so a
// rewrite that was applied to some of the files only ends, the second time, where it would have
// ended the first time. Bridges, bonds and VLANs on old cards stay written down, but nothing brings
// them up any more; where there is nothing else, eth0 gets a stanza of its own. `renamed`: cards
// with names of the owner's making.
InterfacesRewrite use_dhcp(const std::vector<TextFile>& files,
                           const std::set<std::string>& renamed = {});

// Do the files exist, is the program there, and does a stanza configure a card, or bring up a
// bridge, a bond or a VLAN on one?
bool ifupdown_in_use(const GuestView& guest);

extern const Fix kIfupdownFix;

}  // namespace rehost
