#include "converter/card_setup.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "bootfix/ifcfg_files.h"
#include "bootfix/ini_text.h"
#include "bootfix/interfaces.h"
#include "bootfix/network_files.h"
#include "bootfix/text_edits.h"
#include "bootfix/yaml_lines.h"

namespace rehost {
namespace {

// Several files may be about one card: an address of the old network is the worst of them, and what
// cannot be read outweighs what can.
CardReading worse(const CardReading& a, const CardReading& b) {
  constexpr std::array<CardSetup, 4> kBestFirst = {CardSetup::nothing, CardSetup::dhcp,
                                                   CardSetup::cannot_tell, CardSetup::fixed};
  const auto rank = [&](const CardReading& reading) {
    return std::find(kBestFirst.begin(), kBestFirst.end(), reading.setup);
  };
  return rank(a) < rank(b) ? b : a;
}

bool is_word(std::string_view value, std::initializer_list<std::string_view> words) {
  const std::string lower = lower_case(value);
  return std::find(words.begin(), words.end(), lower) != words.end();
}

bool is_true(std::string_view value) {
  return is_word(value, {"yes", "true", "on", "1", "y", "t"});
}

// --- ifupdown: /etc/network/interfaces

CardReading read_interfaces_for(const GuestView& guest, std::string_view card) {
  CardReading reading;
  CardReading unread;  // ifupdown2 and ifupdown-ng: "iface eth0", and options that say the rest
  bool brought_up = false;
  for (const TextFile& file : read_interfaces(guest)) {
    if (!is_well_formed(file.content)) {
      unread = {CardSetup::cannot_tell, file.path.str()};
    }
    for (const InterfacesLine& line : parse_interfaces_lines(file.content)) {
      const std::vector<std::string> words = words_of(file.content, line);
      const bool brings = !words.empty() && (words[0] == "auto" || words[0].starts_with("allow-"));
      brought_up =
          brought_up || (brings && std::find(words.begin() + 1, words.end(), card) != words.end());
      if (words.size() > 1 && words.size() < 4 && words[0] == "iface" && words[1] == card) {
        unread = {CardSetup::cannot_tell, file.path.str()};
      }
    }
    for (const InterfaceStanza& stanza : parse_interface_stanzas(file.content)) {
      if (stanza.name == card && stanza.family == "inet") {
        const CardSetup setup = stanza.method == "dhcp"     ? CardSetup::dhcp
                                : stanza.method == "static" ? CardSetup::fixed
                                                            : CardSetup::nothing;
        reading = worse(reading, {setup, file.path.str()});
      }
    }
  }
  return brought_up ? worse(reading, unread) : unread;
}

// --- ifcfg files of Red Hat and SUSE

bool is_ifcfg(std::string_view name) {
  constexpr std::array<std::string_view, 6> kCopies = {"~",     ".bak", ".old",
                                                       ".orig", ".swp", ".rpm"};
  return name.starts_with("ifcfg-") &&
         std::none_of(kCopies.begin(), kCopies.end(), [&](std::string_view copy) {
           return name.find(copy) != std::string_view::npos;
         });
}

CardSetup setup_of_ifcfg(std::string_view text) {
  if (lower_case(ifcfg_value(text, "BOOTPROTO")).find("dhcp") != std::string::npos) {
    return CardSetup::dhcp;
  }
  for (const char* name : {"IPADDR", "IPADDR0", "IPADDR1", "GATEWAY"}) {
    if (!ifcfg_value(text, name).empty()) {
      return CardSetup::fixed;
    }
  }
  return CardSetup::nothing;
}

// `any`: a file without DEVICE is for each card that is there (NetworkManager).
CardReading read_redhat_ifcfg(const GuestView& guest, std::string_view card, bool any) {
  CardReading reading;
  for (const NetworkFile& file :
       read_network_files(guest, "/etc/sysconfig/network-scripts", is_ifcfg)) {
    const std::string_view text = file.content;
    const std::string device = ifcfg_value(text, "DEVICE");
    const std::string_view suffix = file.path.name().substr(std::string_view("ifcfg-").size());
    const bool ethernet = is_word(ifcfg_value(text, "TYPE"), {"ethernet"});
    const bool meant = device.empty() ? suffix == card || (any && ethernet) : device == card;
    const bool port = !ifcfg_value(text, "MASTER").empty() || !ifcfg_value(text, "BRIDGE").empty();
    const bool off = is_word(ifcfg_value(text, "ONBOOT"), {"no", "false", "off", "0", "n", "f"});
    if (meant && !port && !off && ifcfg_value(text, "HWADDR").empty()) {
      reading = worse(reading, {setup_of_ifcfg(text), file.path.str()});
    }
  }
  return reading;
}

CardReading read_network_scripts(const GuestView& guest, std::string_view card) {
  return read_redhat_ifcfg(guest, card, false);
}

CardReading read_ifcfg_rh(const GuestView& guest, std::string_view card) {
  return read_redhat_ifcfg(guest, card, true);
}

CardReading read_wicked(const GuestView& guest, std::string_view card) {
  const GuestPath path = GuestPath("/etc/sysconfig/network") / ("ifcfg-" + std::string(card));
  const std::optional<TextFile> file = read_text_file(guest, path);
  if (!file || is_word(ifcfg_value(file->content, "STARTMODE"), {"", "manual", "off"})) {
    return {};
  }
  return {setup_of_ifcfg(file->content), path.str()};
}

// --- netplan

struct NetplanCard {
  bool matches = false;
  std::string name;       // the pattern in its match
  bool by_other = false;  // its match asks for more than the name
  bool dhcp = false;
  bool addresses = false;
};

CardReading read_netplan_for(const GuestView& guest, std::string_view card) {
  std::map<std::string, NetplanCard> cards;
  const auto is_yaml = [](std::string_view name) { return name.ends_with(".yaml"); };
  for (const NetworkFile& file : read_network_files(guest, "/etc/netplan", is_yaml)) {
    const YamlReading yaml = read_yaml_lines(file.content);
    if (!yaml.understood) {
      return {CardSetup::cannot_tell, file.path.str()};
    }
    for (const YamlValue& line : yaml.values) {
      if (line.path.size() < 4 || line.path[0] != "network" || line.path[1] != "ethernets") {
        continue;
      }
      NetplanCard& definition = cards[line.path[2]];
      const std::string& key = line.path[3];
      definition.matches = definition.matches || key == "match";
      if (key == "match" && line.path.size() > 4 && line.path[4] == "name") {
        definition.name = line.value;
      } else if (key == "match" && line.path.size() > 4) {
        definition.by_other = true;
      } else if (key == "dhcp4") {
        definition.dhcp = is_true(line.value);
      } else if (key == "addresses" && !line.value.empty() && line.value != "[]") {
        definition.addresses = true;
      }
    }
  }
  CardReading reading;
  for (const auto& [id, definition] : cards) {
    const bool meant = definition.matches
                           ? !definition.by_other &&
                                 (definition.name.empty() || matches_glob(card, definition.name))
                           : id == card;
    if (meant && (definition.dhcp || definition.addresses)) {
      reading = worse(reading,
                      {definition.addresses ? CardSetup::fixed : CardSetup::dhcp, "/etc/netplan"});
    }
  }
  return reading;
}

// --- NetworkManager's keyfiles

bool is_keyfile(std::string_view name) {
  return !name.starts_with('.') && !name.ends_with('~') && !name.ends_with(".swp");
}

bool has_method_manual(const std::vector<IniEntry>& entries) {
  return ini_value(entries, "ipv4", "method") == "manual";
}

CardReading read_keyfiles(const GuestView& guest, std::string_view card) {
  CardReading reading;
  for (const NetworkFile& file :
       read_network_files(guest, "/etc/NetworkManager/system-connections", is_keyfile)) {
    const std::vector<IniEntry> entries = parse_ini(file.content, LineEnds::plain);
    const std::string type = ini_value(entries, "connection", "type");
    const std::string name = ini_value(entries, "connection", "interface-name");
    const std::string method = ini_value(entries, "ipv4", "method");
    const bool pinned = std::any_of(entries.begin(), entries.end(), [](const IniEntry& entry) {
      return !entry.value.empty() && (entry.key == "mac-address" || entry.key == "master" ||
                                      entry.key == "controller" || entry.section == "match");
    });
    const bool starts = !is_word(ini_value(entries, "connection", "autoconnect"), {"false"});
    if (is_word(type, {"ethernet", "802-3-ethernet"}) && (name.empty() || name == card) &&
        !pinned && starts && (method.empty() || method == "auto" || method == "manual")) {
      reading = worse(reading, {has_method_manual(entries) ? CardSetup::fixed : CardSetup::dhcp,
                                file.path.str()});
    }
  }
  if (reading.setup != CardSetup::nothing) {
    return reading;
  }
  // Without a profile a card asks DHCP by itself, unless a file forbids it.
  const auto is_conf = [](std::string_view file) { return file.ends_with(".conf"); };
  for (const std::string_view directory :
       {"/usr/lib/NetworkManager/conf.d", "/etc/NetworkManager", "/etc/NetworkManager/conf.d"}) {
    for (const NetworkFile& file : read_network_files(guest, directory, is_conf)) {
      const std::string off =
          ini_value(parse_ini(file.content, LineEnds::plain), "main", "no-auto-default");
      if (off.find('*') != std::string::npos) {
        return {CardSetup::nothing, file.path.str()};
      }
    }
  }
  return {CardSetup::dhcp, "/etc/NetworkManager"};
}

// --- systemd-networkd

enum class Match { no, yes, maybe };

// systemd.network(5): the lines of one key are one list, and an empty one starts it anew. A "!" in
// front of a line is for each of its words.
std::vector<std::string> match_words(const std::vector<IniEntry>& entries, std::string_view key) {
  std::vector<std::string> words;
  for (const IniEntry& entry : entries) {
    if (entry.section != "Match" || entry.key != key) {
      continue;
    }
    if (entry.value.empty()) {
      words.clear();
    }
    const bool negated = entry.value.starts_with('!');
    for (const std::string& word : split_words(entry.value.substr(negated ? 1 : 0))) {
      words.push_back((negated ? "!" : "") + word);
    }
  }
  return words;
}

// `text` is what the card has, nullopt: nothing of this kind, which no pattern matches.
bool matches_words(const std::vector<std::string>& words, std::optional<std::string_view> text) {
  bool wanted = false;
  bool found = false;
  for (const std::string& word : words) {
    const bool negated = word.starts_with('!');
    const bool hit = text && matches_glob(*text, word.substr(negated ? 1 : 0));
    if (hit && negated) {
      return false;
    }
    wanted = wanted || !negated;
    found = found || hit;
  }
  return found || !wanted;
}

Match matches_card(const std::vector<IniEntry>& entries, std::string_view card) {
  const std::map<std::string_view, std::optional<std::string_view>> of_card = {
      {"Name", card}, {"Type", "ether"}, {"Driver", "ena"}, {"Kind", std::nullopt}};
  Match match = Match::yes;
  for (const IniEntry& entry : entries) {
    if (entry.section != "Match" || entry.value.empty()) {
      continue;
    }
    const auto known = of_card.find(entry.key);
    const bool container = entry.key == "Virtualization" && entry.value.ends_with("container");
    if (known != of_card.end() ? !matches_words(match_words(entries, entry.key), known->second)
                               : entry.key == "MACAddress" || entry.key == "PermanentMACAddress" ||
                                     (container && !entry.value.starts_with('!'))) {
      return Match::no;
    }
    if (known == of_card.end() && !container) {
      match = Match::maybe;  // a path, a host, the kernel's command line
    }
  }
  return match;
}

CardReading networkd_setup(const std::vector<IniEntry>& entries, const GuestPath& path) {
  const bool address = std::any_of(entries.begin(), entries.end(), [](const IniEntry& entry) {
    return entry.key == "Address" && (entry.section == "Network" || entry.section == "Address");
  });
  const std::string dhcp = ini_value(entries, "Network", "DHCP");
  const bool asks = is_true(dhcp) || is_word(dhcp, {"ipv4", "both", "v4"});
  return {asks ? CardSetup::dhcp : address ? CardSetup::fixed : CardSetup::nothing, path.str()};
}

CardReading read_networkd(const GuestView& guest, std::string_view card) {
  std::map<std::string, NetworkFile> files;  // /etc has the last word on a name
  const auto is_network = [](std::string_view name) { return name.ends_with(".network"); };
  for (const std::string_view directory : {"/usr/lib/systemd/network", "/etc/systemd/network"}) {
    for (NetworkFile& file : read_network_files(guest, directory, is_network)) {
      const std::string name(file.path.name());
      files.insert_or_assign(name, std::move(file));
    }
  }
  // The first that matches has the card. One that may match decides nothing when what has it
  // otherwise does the same.
  std::optional<CardReading> doubtful;
  const auto answer = [&](const CardReading& last) {
    return !doubtful || doubtful->setup == last.setup
               ? last
               : CardReading{CardSetup::cannot_tell, doubtful->where};
  };
  for (const auto& [name, file] : files) {
    const std::vector<IniEntry> entries = parse_ini(file.content, LineEnds::backslash_goes_on);
    const Match match = entries.empty() ? Match::no : matches_card(entries, card);
    const CardReading reading = networkd_setup(entries, file.path);
    if (match == Match::yes) {
      return answer(reading);
    }
    if (match == Match::maybe) {
      doubtful = {answer(reading).setup, file.path.str()};
    }
  }
  return answer({});
}

// --- dhcpcd

CardReading read_dhcpcd(const GuestView& guest, std::string_view card) {
  const std::string path = "/etc/dhcpcd.conf";
  const std::string conf = guest.read(GuestPath(path)).value_or("");
  bool meant = true;  // the lines above the first block are for all
  bool only_others = false;
  bool allowed = false;
  for (const Line& line : split_lines(conf)) {
    const std::vector<std::string> words = split_words(content_of(conf, line));
    if (words.empty() || words[0].starts_with('#')) {
      continue;
    }
    const auto names_card = [&] {
      return std::any_of(words.begin() + 1, words.end(),
                         [&](const std::string& word) { return matches_glob(card, word); });
    };
    if (words[0] == "interface" || words[0] == "profile" || words[0] == "ssid") {
      meant = words[0] == "interface" && words.size() > 1 && words[1] == card;
    } else if (words[0] == "allowinterfaces") {
      only_others = true;
      allowed = allowed || names_card();
    } else if (meant && words[0] == "static" && words.size() > 1 &&
               words[1].starts_with("ip_address=")) {
      return {CardSetup::fixed, path};
    } else if ((words[0] == "denyinterfaces" && names_card()) ||
               (meant && is_word(words[0], {"nodhcp", "nodhcp4", "noipv4"}))) {
      return {CardSetup::nothing, path};
    }
  }
  return {only_others && !allowed ? CardSetup::nothing : CardSetup::dhcp, path};
}

struct Reader {
  std::string_view stack;
  CardReading (*read)(const GuestView&, std::string_view card);
};

constexpr Reader kReaders[] = {
    {"ifupdown", read_interfaces_for},
    {"netplan", read_netplan_for},
    {"network-scripts", read_network_scripts},
    {"ifcfg-rh", read_ifcfg_rh},
    {"keyfiles", read_keyfiles},
    {"networkd", read_networkd},
    {"wicked", read_wicked},
    {"dhcpcd", read_dhcpcd},
};

}  // namespace

CardReading read_card_setup(const GuestView& guest, std::string_view stack, std::string_view card) {
  for (const Reader& reader : kReaders) {
    if (reader.stack == stack) {
      return reader.read(guest, card);
    }
  }
  return {CardSetup::cannot_tell, std::string(stack)};
}

}  // namespace rehost
