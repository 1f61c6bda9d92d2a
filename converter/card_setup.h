// What the guest's own files do with the network card of EC2: a reading for the check, with the
// parsers of the network fixes and none of their decisions.
#pragma once

#include <string>
#include <string_view>

#include "converter/core/guest.h"

namespace rehost {

enum class CardSetup {
  nothing,      // no file is about a card of this name
  dhcp,         // it is brought up, and asks for an IPv4 address
  fixed,        // it gets an address of the old network
  cannot_tell,  // a file is written in a way that is not read here
};

struct CardReading {
  CardSetup setup = CardSetup::nothing;
  std::string where;  // the file that says so
};

// For a card of this name with a MAC address that no file knows. `stack` is the name of one of
// network_stacks(); of one that is not known here the answer is cannot_tell.
CardReading read_card_setup(const GuestView& guest, std::string_view stack, std::string_view card);

}  // namespace rehost
