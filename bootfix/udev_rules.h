// Rules of udev, and .link files of systemd, that give a network card a name by its MAC address.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// "00:0c:29:3e:5a:01 was eth0"
struct MacPin {
  std::string mac;
  std::string name;
  friend bool operator==(const MacPin&, const MacPin&) = default;
};

struct UdevRewrite {
  std::string text;
  std::vector<MacPin> pins;
  bool rules_left = false;  // something else than comments and blank lines remains
};

// Takes out every rule that matches a MAC address and sets NAME, with the comment that the
// generator wrote above it. All other rules come back byte for byte.
UdevRewrite without_mac_pins(std::string_view rules);

// The pin of a systemd.link(5) file that has a MACAddress= to match and a Name= to give; empty
// name: it has none.
MacPin mac_pin_of_link(std::string_view link);

// Names of the owner's own making ("lan0") that rules and .link files of the guest give to network
// cards. Such a card has another name on EC2, whatever the rule goes by.
std::set<std::string> names_given_to_cards(const GuestView& guest);

extern const Fix kUdevRulesFix;

}  // namespace rehost
