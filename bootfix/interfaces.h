// interfaces(5): /etc/network/interfaces and the files it sources, taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {

// One line of an interfaces file as interfaces(5) reads it: backslashes at line ends join it with
// the next.
struct InterfacesLine {
  size_t begin = 0;
  size_t next = 0;
  std::vector<Field> words;  // none: blank or comment
};
std::vector<InterfacesLine> parse_interfaces_lines(std::string_view text);
std::vector<std::string> words_of(std::string_view text, const InterfacesLine& line);

// "iface ens18 inet static" and the options below it.
struct InterfaceStanza {
  std::string name;
  std::string family;  // "inet", "inet6"
  std::string method;  // "static", "dhcp", "manual", "loopback"
  InterfacesLine header;
  std::vector<InterfacesLine> options;
};
std::vector<InterfaceStanza> parse_interface_stanzas(std::string_view text);

// false: an option stands outside of a stanza (or below an `iface` without family and method, as
// ifupdown-ng has it), and nobody can say what it belongs to.
bool is_well_formed(std::string_view text);

// A name that a network card gets from the kernel, BIOS or udev: eth0, ens18, enp0s3, em1, p4p1.
// Not lo, bridges, bonds, VLANs (ens18.100). An alias (eth0:1) is its card.
bool is_physical_interface(std::string_view name);

// /etc/network/interfaces, then what it sources.
std::vector<TextFile> read_interfaces(const GuestView& guest);

}  // namespace rehost
