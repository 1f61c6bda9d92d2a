#include "bootfix/netplan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "bootfix/network_files.h"
#include "bootfix/text_edits.h"
#include "bootfix/yaml_lines.h"

namespace rehost {
namespace {

constexpr std::string_view kDirectory = "/etc/netplan";
constexpr std::string_view kOwnFile = "/etc/netplan/90-rehost.yaml";
// networkd even where NetworkManager is the renderer for all else: netplan before 0.104 refuses
// patterns of names for NetworkManager. The definition sorts behind eth0 and ens5, which cloud-init
// may write on EC2.
constexpr std::string_view kOwnText =
    "# Written by rehost: any network card asks DHCP.\n"
    "network:\n"
    "  version: 2\n"
    "  ethernets:\n"
    "    rehost:\n"
    "      renderer: networkd\n"
    "      match:\n"
    "        name: \"e*\"\n"
    "      dhcp4: true\n";

bool is_yaml_name(std::string_view name) {
  return name.ends_with(".yaml") && !name.starts_with('.');
}

bool is_yes(std::string_view value) {
  const std::string lower = lower_case(value);
  return lower == "true" || lower == "yes" || lower == "on" || lower == "y";
}

// One definition below ethernets.
struct Card {
  bool dhcp4 = false;
  bool matches = false;      // has a match of its own
  std::string match_name;    // the pattern in it
  bool only_by_name = true;  // nothing else in it
  std::vector<std::string> pins;
};

// activation-mode is manual or off: nothing brings the card up.
constexpr std::array<std::string_view, 9> kPins = {
    "addresses",  "gateway4", "gateway6",           "routes",         "routing-policy",
    "macaddress", "set-name", "link-local-address", "activation-mode"};

// `path` begins behind the name of the card.
void read_card(Card& card, std::span<const std::string> path, const std::string& value) {
  if (path.empty()) {
    return;
  }
  const std::string& key = path[0];
  if (key == "dhcp4") {
    card.dhcp4 = is_yes(value);
  } else if (key == "match") {
    card.matches = true;
    const std::string inner = path.size() > 1 ? path[1] : "";
    if (inner == "name") {
      card.match_name = value;
    } else if (!inner.empty()) {
      card.only_by_name = false;
      card.pins.push_back(fmt::format("match {} {}", inner, value));
    }
  } else if (key == "dhcp4-overrides") {
    const std::string inner = path.size() > 1 ? path[1] : "";
    if (inner == "use-routes" && !is_yes(value)) {  // a card beside the one that led out
      card.pins.push_back(fmt::format("{} {} {}", key, inner, value));
    }
  } else if (std::find(kPins.begin(), kPins.end(), key) != kPins.end() && !value.empty() &&
             value != "[]") {
    card.pins.push_back(path.size() > 1 ? fmt::format("{} {} {}", key, path.back(), value)
                                        : fmt::format("{} {}", key, value));
  }
}

bool covers(const Card& card) {
  return card.dhcp4 && card.pins.empty() && card.matches && card.only_by_name &&
         (card.match_name.empty() || matches_any_ec2_card(card.match_name));
}

bool is_upper_section(std::string_view section) {
  return section == "bonds" || section == "bridges" || section == "vlans" || section == "vrfs" ||
         section == "dummy-devices";
}

// YAML that is not read here: whether it is about cards shows in its words.
bool mentions_cards(std::string_view yaml) {
  for (const std::string_view word : {"ethernets", "bonds", "bridges", "vlans"}) {
    if (yaml.find(word) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

struct NetplanFile {
  NetworkFile file;
  NetplanReading reading;
};

std::vector<NetplanFile> files_of_cards(const GuestView& guest) {
  std::vector<NetplanFile> files;
  for (NetworkFile& file : read_network_files(guest, kDirectory, is_yaml_name)) {
    NetplanReading reading = read_netplan(file.content);
    if (reading.defines_cards) {
      files.push_back({std::move(file), std::move(reading)});
    }
  }
  return files;
}

bool is_pinned(const NetplanFile& file) {
  return !file.reading.understood || !file.reading.pins.empty() ||
         !file.reading.built_on_cards.empty();
}

void warn_pinned(FixResult& result, const NetplanFile& file) {
  std::vector<std::string> what = file.reading.pins;
  for (const std::string& upper : file.reading.built_on_cards) {
    what.push_back(upper + " on network cards");
  }
  if (!file.reading.understood) {
    what.emplace_back("YAML that rehost does not read");
  }
  warn_set_aside(result, file.file, "network cards", what, "any card asks DHCP instead");
}

FixResult plan_netplan(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  if (target.network == NetworkMode::keep || !netplan_in_use(guest)) {
    return result;
  }
  const std::vector<NetplanFile> files = files_of_cards(guest);
  const bool covered = std::any_of(files.begin(), files.end(), [](const NetplanFile& file) {
    return !is_pinned(file) && file.reading.covers_ec2_card;
  });
  if (!covered && !guest.stat(GuestPath(kOwnFile))) {
    // 0600: netplan warns about files that others may read.
    result.edits.push_back(
        Edit{.fix = std::string(kNetplanFix.name),
             .reason = "the network card of EC2 has another name, and its address comes by DHCP",
             .action = WriteFile{.path = GuestPath(kOwnFile),
                                 .content = std::string(kOwnText),
                                 .expects = std::nullopt,
                                 .mode_if_new = 0600}});
  }
  for (const NetplanFile& file : files) {
    if (is_pinned(file) && file.file.path != GuestPath(kOwnFile)) {
      plan_set_aside(result, guest, kNetplanFix.name, file.file);
      warn_pinned(result, file);
    }
  }
  return result;
}

}  // namespace

constinit const Fix kNetplanFix = {
    .name = "network-netplan",
    .heading = "Let any network card ask DHCP in /etc/netplan",
    .description =
        "Files that give network cards static addresses, match them by MAC address or build "
        "bonds, bridges and VLANs on them are set aside whole, with a warning that says what they "
        "were; 90-rehost.yaml asks DHCP on any card when no other file does.",
    .plan = plan_netplan,
};

NetplanReading read_netplan(std::string_view yaml) {
  const YamlReading lines = read_yaml_lines(yaml);
  NetplanReading reading;
  reading.understood = lines.understood;
  reading.defines_cards = !lines.understood && mentions_cards(yaml);
  std::map<std::string, Card> cards;
  for (const YamlValue& line : lines.values) {
    if (line.path.size() < 2 || line.path[0] != "network") {
      continue;
    }
    const std::string& section = line.path[1];
    if (line.path.size() < 3) {
      const bool flow = !line.value.empty() && line.value.front() == '{';
      reading.understood = reading.understood && !flow;
      continue;
    }
    if (section == "ethernets") {
      reading.defines_cards = true;
      read_card(cards[line.path[2]], std::span(line.path).subspan(3), line.value);
    } else if (is_upper_section(section)) {
      const bool carried =
          line.path.size() > 3 &&
          ((line.path[3] == "interfaces" && !line.value.empty() && line.value != "[]") ||
           line.path[3] == "link");
      const bool known = std::find(reading.built_on_cards.begin(), reading.built_on_cards.end(),
                                   line.path[2]) != reading.built_on_cards.end();
      if (carried && !known) {
        reading.defines_cards = true;
        reading.built_on_cards.push_back(line.path[2]);
      }
    }
  }
  for (auto& [name, card] : cards) {
    if (!card.dhcp4) {
      card.pins.emplace_back("no dhcp4");
    }
    for (const std::string& pin : card.pins) {
      reading.pins.push_back(fmt::format("{}: {}", name, pin));
    }
    reading.covers_ec2_card = reading.covers_ec2_card || covers(card);
  }
  return reading;
}

bool netplan_in_use(const GuestView& guest) {
  return (has_program(guest, "netplan") || is_file(guest, GuestPath("/lib/netplan/generate")) ||
          is_file(guest, GuestPath("/usr/libexec/netplan/generate"))) &&
         !files_of_cards(guest).empty();
}

}  // namespace rehost
