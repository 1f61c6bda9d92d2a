// ifcfg-* files, one for each interface: lines of NAME=value that a shell reads. Red Hat's and
// SUSE's have different words for the same things.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/network_files.h"
#include "converter/core/fix.h"

namespace rehost {

struct IfcfgDialect {
  std::string_view fix;        // name of the row
  std::string_view directory;  // where the files lie
  // The file must be ifcfg-eth0. Otherwise a file without DEVICE holds for any card.
  bool needs_eth0;
  bool has_device;               // DEVICE= names the interface; otherwise the name of the file does
  std::string_view quote;        // around values that we write
  std::string_view start_key;    // ONBOOT
  std::string_view start_value;  // yes
  std::string_view stop_value;   // no
  bool (*starts)(std::string_view value);         // brought up by itself; "": it does not say
  std::span<const std::string_view> route_files;  // prefixes of files of static routes
  std::string_view routes;  // a file of static routes for all interfaces; "": none
  // Settings for all interfaces, with a default route or the refusal of one; "": none.
  std::string_view global_file;
  // Settings of netconfig(8), with the name servers that go with static addresses; "": none.
  std::string_view name_server_file;
};

// The one word for a value of the file: what the last assignment says; "": none.
std::string ifcfg_value(std::string_view text, std::string_view name);

// Takes the static addresses, the MAC address, a bond or bridge above and the refusal of a default
// route away, and lets the card ask DHCP. What is taken away: in `dropped`, as written. All other
// lines come back byte for byte; a file that asks DHCP already, and holds for any card, comes back
// unchanged.
std::string ifcfg_with_dhcp(const IfcfgDialect& dialect, std::string_view text,
                            std::vector<std::string>& dropped);

// Is there a file of a network card?
bool has_ifcfg_of_card(const GuestView& guest, const IfcfgDialect& dialect);

FixResult plan_ifcfg_files(const GuestView& guest, const IfcfgDialect& dialect);

}  // namespace rehost
