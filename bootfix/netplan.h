// netplan: /etc/netplan/*.yaml.
//
// No file of the guest is edited: YAML has too many ways to say the same, and netplan refuses all
// files when one refers to a card that another does not define any more. A file that pins a card is
// set aside whole, bytes and all, and one of our own asks DHCP.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// What a file says about network cards.
struct NetplanReading {
  bool defines_cards = false;     // ethernets, or what is built on them
  bool understood = true;         // false: YAML that is not read here
  bool covers_ec2_card = false;   // DHCP by a pattern that holds under each name of the card
  std::vector<std::string> pins;  // "ens160: addresses 10.0.0.5/24"
  std::vector<std::string> built_on_cards;  // bonds, bridges and VLANs
};
NetplanReading read_netplan(std::string_view yaml);

// Is the program there, and does a file define a card?
bool netplan_in_use(const GuestView& guest);

extern const Fix kNetplanFix;

}  // namespace rehost
