#include "bootfix/networkd.h"

#include <algorithm>
#include <array>
#include <set>

#include "bootfix/ini_text.h"
#include "bootfix/network_files.h"
#include "bootfix/text_edits.h"
#include "bootfix/udev_rules.h"

namespace rehost {
namespace {

constexpr std::string_view kDirectory = "/etc/systemd/network";
// Behind all files of the guest: the first that matches a card has it.
constexpr std::string_view kOwnFile = "/etc/systemd/network/90-rehost.network";
constexpr std::string_view kOwnText =
    "# Written by rehost: any network card asks DHCP.\n[Match]\nName=en* "
    "eth*\n\n[Network]\nDHCP=yes\n";

bool is_network_name(std::string_view name) {
  return name.ends_with(".network");
}

std::string section_key(const IniEntry& entry) {
  return entry.section + "." + entry.key;
}

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What ties the file to the old machine or to a bond or bridge above the card.
bool is_pin(const IniEntry& entry) {
  constexpr std::array<std::string_view, 7> kPins = {
      "Match.MACAddress", "Match.PermanentMACAddress", "Match.Path",     "Match.Driver",
      "Match.Host",       "Match.Virtualization",      "Link.MACAddress"};
  constexpr std::array<std::string_view, 7> kUppers = {
      "Network.Bond",    "Network.Bridge", "Network.VLAN", "Network.MACVLAN",
      "Network.MACVTAP", "Network.IPVLAN", "Network.VRF"};
  const std::string key = section_key(entry);
  return !entry.value.empty() && (is_one_of(key, kPins) || is_one_of(key, kUppers));
}

bool is_static(const IniEntry& entry) {
  const std::string key = section_key(entry);
  return !entry.value.empty() &&
         (key == "Network.Address" || key == "Network.Gateway" || entry.section == "Address" ||
          (key == "Route.Gateway" && !entry.value.starts_with('_')));  // _dhcp4
}

bool is_false(std::string_view value) {
  constexpr std::array<std::string_view, 6> kWords = {"no", "false", "off", "0", "n", "f"};
  return is_one_of(lower_case(value), kWords);
}

// A card beside the one that led out of the old network, or one that nothing brings up.
bool refuses(const IniEntry& entry) {
  const bool dhcp = entry.section == "DHCPv4" || entry.section == "DHCP";
  const std::string key = section_key(entry);
  if (entry.value.empty()) {
    return false;
  }
  return (dhcp && (entry.key == "UseRoutes" || entry.key == "UseGateway") &&
          is_false(entry.value)) ||
         (key == "Link.Unmanaged" && !is_false(entry.value)) ||
         (key == "Link.ActivationPolicy" && entry.value != "up" && entry.value != "always-up");
}

bool asks_dhcp(const std::vector<IniEntry>& entries) {
  const std::string dhcp = lower_case(ini_value(entries, "Network", "DHCP"));
  constexpr std::array<std::string_view, 8> kWords = {"yes", "true", "on",   "1",
                                                      "y",   "t",    "ipv4", "both"};
  return is_one_of(dhcp, kWords) || dhcp == "v4";
}

// The names that [Match] asks for; "*" when it asks for none, or has another list than that of
// names.
std::vector<std::string> matched_names(const std::vector<IniEntry>& entries) {
  std::vector<std::string> names;
  for (const IniEntry& entry : entries) {
    if (section_key(entry) != "Match.Name" && section_key(entry) != "Match.OriginalName") {
      continue;
    }
    for (const std::string& word : split_words(entry.value)) {
      names.push_back(word.starts_with('!') ? "*" : word);
    }
  }
  const std::string type = ini_value(entries, "Match", "Type");
  if (names.empty() && (type.empty() || type.find("ether") != std::string::npos)) {
    names.emplace_back("*");
  }
  return names;
}

struct NetworkdFile {
  NetworkFile file;
  std::vector<IniEntry> entries;
  std::vector<std::string> names;
};

std::vector<NetworkdFile> files_of_cards(const GuestView& guest) {
  const std::set<std::string> renamed = names_given_to_cards(guest);
  const auto is_card = [&](const std::string& name) {
    return names_cards(name) || renamed.contains(name);
  };
  std::vector<NetworkdFile> files;
  for (NetworkFile& file : read_network_files(guest, kDirectory, is_network_name)) {
    NetworkdFile parsed{.file = std::move(file), .entries = {}, .names = {}};
    parsed.entries = parse_ini(parsed.file.content, LineEnds::backslash_goes_on);
    parsed.names = matched_names(parsed.entries);
    // A file without a word is one that is masked, or not yet written.
    if (!parsed.entries.empty() && std::any_of(parsed.names.begin(), parsed.names.end(), is_card)) {
      files.push_back(std::move(parsed));
    }
  }
  return files;
}

bool is_pinned(const NetworkdFile& file) {
  if (std::any_of(file.entries.begin(), file.entries.end(), [](const IniEntry& entry) {
        return is_pin(entry) || is_static(entry) || refuses(entry);
      })) {
    return true;
  }
  return !asks_dhcp(file.entries) &&
         std::any_of(file.names.begin(), file.names.end(), matches_some_ec2_card);
}

// Do the files ask DHCP for the card of EC2 under each name that it may get?
bool cover_ec2_card(const std::vector<NetworkdFile>& files) {
  for (const std::string_view card : {"ens5", "eth0"}) {
    const bool covered = std::any_of(files.begin(), files.end(), [&](const NetworkdFile& file) {
      return !is_pinned(file) && asks_dhcp(file.entries) &&
             std::any_of(file.names.begin(), file.names.end(),
                         [&](const std::string& name) { return matches_glob(card, name); });
    });
    if (!covered) {
      return false;
    }
  }
  return true;
}

std::vector<std::string> said(const NetworkdFile& file) {
  std::vector<std::string> words;
  for (const IniEntry& entry : file.entries) {
    if (entry.section == "Address" || entry.section == "Route" || entry.section == "Network" ||
        entry.section == "Match" || is_pin(entry) || refuses(entry)) {
      words.push_back(entry.key + "=" + entry.value);
    }
  }
  return words;
}

std::string subject_of(const NetworkdFile& file) {
  const std::string name = ini_value(file.entries, "Match", "Name");
  return name.empty() ? "network cards" : name;
}

// Bonds and bridges that the files of cards put them into.
std::set<std::string> carried_by_cards(const std::vector<NetworkdFile>& files) {
  std::set<std::string> uppers;
  for (const NetworkdFile& file : files) {
    for (const IniEntry& entry : file.entries) {
      const std::string key = section_key(entry);
      if ((key == "Network.Bond" || key == "Network.Bridge") && !entry.value.empty()) {
        uppers.insert(entry.value);
      }
    }
  }
  return uppers;
}

// A bond without cards never has a carrier, and systemd-networkd-wait-online would wait for it as
// long as networkd manages it. Goes in front of the files of the cards, which say what is carried.
void plan_uppers(FixResult& result, const GuestView& guest,
                 const std::vector<NetworkdFile>& files) {
  const std::set<std::string> uppers = carried_by_cards(files);
  for (const NetworkFile& file : read_network_files(guest, kDirectory, is_network_name)) {
    const std::string name =
        ini_value(parse_ini(file.content, LineEnds::backslash_goes_on), "Match", "Name");
    if (uppers.contains(name)) {
      plan_set_aside(result, guest, kNetworkdFix.name, file);
      warn_not_started(result, file, name);
    }
  }
}

FixResult plan_networkd(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  if (target.network == NetworkMode::keep || !networkd_in_use(guest)) {
    return result;
  }
  const std::vector<NetworkdFile> files = files_of_cards(guest);
  if (!cover_ec2_card(files) && !guest.stat(GuestPath(kOwnFile))) {
    plan_new_file(result, kNetworkdFix.name, GuestPath(kOwnFile), kOwnText,
                  "the network card of EC2 has another name, and its address comes by DHCP");
  }
  plan_uppers(result, guest, files);
  for (const NetworkdFile& file : files) {
    if (is_pinned(file) && file.file.path != GuestPath(kOwnFile)) {
      plan_set_aside(result, guest, kNetworkdFix.name, file.file);
      warn_set_aside(result, file.file, subject_of(file), said(file), "any card asks DHCP instead");
    }
  }
  return result;
}

}  // namespace

constinit const Fix kNetworkdFix = {
    .name = "network-networkd",
    .heading = "Let any network card ask DHCP in /etc/systemd/network",
    .description =
        "Files that give network cards static addresses, match them by MAC address or put them "
        "into bonds, bridges and VLANs are set aside with a warning that says what they were, and "
        "so are those of the bonds and bridges; "
        "90-rehost.network asks DHCP on any card when no other file does.",
    .plan = plan_networkd,
};

bool networkd_in_use(const GuestView& guest) {
  if (guest.read_link(GuestPath("/etc/systemd/system/systemd-networkd.service")) == "/dev/null") {
    return false;
  }
  const bool enabled =
      guest.stat(
          GuestPath("/etc/systemd/system/multi-user.target.wants/systemd-networkd.service")) ||
      guest.stat(GuestPath("/etc/systemd/system/dbus-org.freedesktop.network1.service"));
  return enabled && !files_of_cards(guest).empty();
}

}  // namespace rehost
