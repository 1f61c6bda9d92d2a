// NetworkManager's keyfiles: /etc/NetworkManager/system-connections/*.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// The profile of a network card made to hold for any card, and to ask DHCP. What is taken away: in
// `dropped`. A profile that does both already comes back unchanged.
std::string keyfile_with_dhcp(std::string_view text, std::vector<std::string>& dropped);

// Is the program there, and does a profile belong to a network card, or has nobody else to do with
// cards?
bool keyfiles_in_use(const GuestView& guest);

extern const Fix kKeyfilesFix;

}  // namespace rehost
