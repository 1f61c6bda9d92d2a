#include "bootfix/keyfiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bootfix/ini_text.h"
#include "bootfix/network.h"
#include "bootfix/network_files.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kDirectory = "/etc/NetworkManager/system-connections";
constexpr std::string_view kOwnFile = "/etc/NetworkManager/system-connections/rehost.nmconnection";
constexpr std::string_view kOwnText =
    "# Written by rehost: any network card asks DHCP.\n[connection]\nid=rehost\n"
    "uuid=2d7e1c3a-5b0f-4c86-9a51-6e8f0b7d4c29\ntype=ethernet\n\n[ipv4]\nmethod=auto\n\n"
    "[ipv6]\nmethod=auto\n";

// Profiles of old versions have no extension. Editors' copies are passed over.
bool is_keyfile_name(std::string_view name) {
  return !name.starts_with('.') && !name.ends_with('~') && !name.ends_with(".swp") &&
         !name.ends_with(".pem") && !name.ends_with(".der");
}

bool is_card_section(std::string_view section) {
  return section == "ethernet" || section == "802-3-ethernet";
}

bool is_address(std::string_view key) {
  return key.starts_with("address") || key == "gateway";
}

// route1, route1_options, routes1, routing-rule1; not route-metric and route-table.
bool is_route(std::string_view key) {
  for (const std::string_view prefix : {"routes", "route", "routing-rule"}) {
    if (key.starts_with(prefix) && key.size() > prefix.size()) {
      const char next = key[prefix.size()];
      if (next >= '0' && next <= '9') {
        return true;
      }
    }
  }
  return false;
}

// A card beside the one that led out of the old network. On EC2 it may be the only one.
bool refuses_default_route(const IniEntry& entry) {
  return entry.section == "ipv4" &&
         (entry.key == "never-default" || entry.key == "ignore-auto-routes") &&
         lower_case(entry.value) == "true";
}

bool belongs_to_old_network(std::string_view key) {
  return is_address(key) || is_route(key) || key == "dns" || key == "dns-search" ||
         key == "ignore-auto-dns";
}

// What ties a profile to the old card, to a user or to a bond or bridge above.
bool is_pin(const IniEntry& entry) {
  const std::string& key = entry.key;
  if (entry.value.empty()) {
    return false;
  }
  if (entry.section == "connection") {
    return key == "interface-name" || key == "master" || key == "slave-type" ||
           key == "controller" || key == "port-type" || key == "permissions" ||
           (key == "autoconnect" && lower_case(entry.value) != "true");
  }
  if (is_card_section(entry.section)) {
    const bool address = entry.value.find_first_of(":;") != std::string::npos;
    return key == "mac-address" || (key == "cloned-mac-address" && address);
  }
  return entry.section == "match" && (key == "interface-name" || key == "driver" || key == "path");
}

std::string method_of(const std::vector<IniEntry>& entries, std::string_view section) {
  const std::string method = ini_value(entries, section, "method");
  return method.empty() ? "auto" : method;
}

// An address or a route, or all that goes with one where the method is not automatic.
bool is_static(const std::vector<IniEntry>& entries, const IniEntry& entry) {
  if (entry.section == "ipv4") {
    const bool automatic = method_of(entries, "ipv4") == "auto";
    return refuses_default_route(entry) || (automatic ? is_address(entry.key) || is_route(entry.key)
                                                      : belongs_to_old_network(entry.key));
  }
  const bool manual = method_of(entries, "ipv6") == "manual";
  return entry.section == "ipv6" &&
         (manual ? belongs_to_old_network(entry.key) : is_address(entry.key));
}

enum class Role { card, port, upper, other };

struct Profile {
  NetworkFile file;
  std::vector<IniEntry> entries;
  Role role = Role::other;
  std::string name;  // interface, else id, else the file's name
};

Role role_of(const std::vector<IniEntry>& entries) {
  const std::string type = ini_value(entries, "connection", "type");
  const bool port = !ini_value(entries, "connection", "master").empty() ||
                    !ini_value(entries, "connection", "controller").empty();
  if (is_card_section(type)) {
    return port ? Role::port : Role::card;
  }
  return type == "bond" || type == "team" || type == "vlan" ? Role::upper : Role::other;
}

// A bridge is built on a card when a card is a port of it.
bool is_bridge_of(const Profile& profile, const std::set<std::string>& masters) {
  const auto is_master = [&](std::string_view key) {
    const std::string value = ini_value(profile.entries, "connection", key);
    return !value.empty() && masters.contains(value);
  };
  return ini_value(profile.entries, "connection", "type") == "bridge" &&
         (is_master("uuid") || is_master("interface-name") || is_master("id"));
}

std::vector<Profile> read_profiles(const GuestView& guest) {
  std::vector<Profile> profiles;
  std::set<std::string> masters;
  for (NetworkFile& file : read_network_files(guest, kDirectory, is_keyfile_name)) {
    Profile profile;
    profile.entries = parse_ini(file.content, LineEnds::plain);
    profile.role = role_of(profile.entries);
    profile.name = ini_value(profile.entries, "connection", "interface-name");
    if (profile.name.empty()) {
      profile.name = ini_value(profile.entries, "connection", "id");
    }
    if (profile.name.empty()) {
      profile.name = file.path.name();
    }
    if (profile.role == Role::port || profile.role == Role::upper) {
      masters.insert(ini_value(profile.entries, "connection", "master"));
      masters.insert(ini_value(profile.entries, "connection", "controller"));
    }
    profile.file = std::move(file);
    profiles.push_back(std::move(profile));
  }
  for (Profile& profile : profiles) {
    if (is_bridge_of(profile, masters)) {
      profile.role = Role::upper;
    }
  }
  return profiles;
}

bool has_profile_of_card(const std::vector<Profile>& profiles) {
  return std::any_of(profiles.begin(), profiles.end(), [](const Profile& profile) {
    return profile.role == Role::card || profile.role == Role::port;
  });
}

// NetworkManager.conf(5): /usr/lib first, /etc/NetworkManager/conf.d last; the last file that has
// the key counts.
std::string nm_setting(const GuestView& guest, std::string_view section, std::string_view key) {
  const auto is_conf = [](std::string_view name) { return name.ends_with(".conf"); };
  std::vector<NetworkFile> files =
      read_network_files(guest, "/usr/lib/NetworkManager/conf.d", is_conf);
  const auto only_main = [](std::string_view name) { return name == "NetworkManager.conf"; };
  for (NetworkFile& file : read_network_files(guest, "/etc/NetworkManager", only_main)) {
    files.push_back(std::move(file));
  }
  for (NetworkFile& file : read_network_files(guest, "/etc/NetworkManager/conf.d", is_conf)) {
    files.push_back(std::move(file));
  }
  std::string value;
  for (const NetworkFile& file : files) {
    const std::string found = ini_value(parse_ini(file.content, LineEnds::plain), section, key);
    value = found.empty() ? value : found;
  }
  return value;
}

// A card without a profile asks DHCP, unless no-auto-default=* forbids it (the package
// NetworkManager-config-server does).
bool asks_without_profile(const GuestView& guest) {
  return nm_setting(guest, "main", "no-auto-default").find('*') == std::string::npos;
}

// Is it switched on, for cards too, and does nobody else configure them?
bool is_alone(const GuestView& guest) {
  const GuestPath wants("/etc/systemd/system/multi-user.target.wants/NetworkManager.service");
  const std::span<const NetworkStack> stacks = network_stacks();
  return guest.stat(wants) && nm_setting(guest, "keyfile", "unmanaged-devices").empty() &&
         std::none_of(stacks.begin(), stacks.end(), [&](const NetworkStack& stack) {
           return stack.fix.name != kKeyfilesFix.name && stack.in_use(guest);
         });
}

bool is_fit(const Profile& profile) {
  std::vector<std::string> dropped;
  return keyfile_with_dhcp(profile.file.content, dropped) == profile.file.content;
}

bool is_static_or_mac(const Profile& profile) {
  const std::string method = method_of(profile.entries, "ipv4");
  return method != "auto" ||
         std::any_of(profile.entries.begin(), profile.entries.end(), [&](const IniEntry& entry) {
           return is_static(profile.entries, entry) ||
                  (is_card_section(entry.section) && is_pin(entry));
         });
}

// gateway=10.0.0.1, or behind the address: address1=10.0.0.5/24,10.0.0.1.
bool has_gateway(const Profile& profile) {
  return std::any_of(profile.entries.begin(), profile.entries.end(), [](const IniEntry& entry) {
    return entry.section == "ipv4" &&
           (entry.key == "gateway" ||
            (entry.key.starts_with("address") && entry.value.find(',') != std::string::npos));
  });
}

// The profile that goes on as that of the card of EC2: one that is fit already, so that a second
// run chooses as the first did.
const Profile* choose(const std::vector<Profile>& profiles) {
  const auto rank = [](const Profile& profile) {
    if (is_fit(profile)) {
      return 0;
    }
    const bool starts = ini_value(profile.entries, "connection", "autoconnect") != "false";
    const bool refuses =
        std::any_of(profile.entries.begin(), profile.entries.end(), refuses_default_route);
    const bool leads_out =
        !refuses && (method_of(profile.entries, "ipv4") == "auto" || has_gateway(profile));
    return starts ? (leads_out ? 1 : 2) : 3;
  };
  const Profile* chosen = nullptr;
  for (const Profile& profile : profiles) {
    if (profile.role == Role::card && (chosen == nullptr || rank(profile) < rank(*chosen))) {
      chosen = &profile;
    }
  }
  return chosen;
}

std::vector<std::string> said(const Profile& profile) {
  std::vector<std::string> words;
  for (const IniEntry& entry : profile.entries) {
    const bool tells =
        is_pin(entry) || is_static(profile.entries, entry) ||
        ((entry.section == "ipv4" || entry.section == "ipv6") && entry.key == "method");
    if (tells) {
      words.push_back(fmt::format("{}.{}={}", entry.section, entry.key, entry.value));
    }
  }
  return words;
}

constexpr std::string_view kInstead = "any card asks DHCP instead";

void plan_stop(FixResult& result, const GuestView& guest, const Profile& profile) {
  if (lower_case(ini_value(profile.entries, "connection", "autoconnect")) == "false") {
    return;
  }
  plan_rewrite_with_copy(
      result, guest, kKeyfilesFix.name, profile.file,
      with_ini_value(profile.file.content, "connection", "autoconnect", "false"));
  warn_not_started(result, profile.file, profile.name);
}

void plan_chosen(FixResult& result, const GuestView& guest, const Profile* chosen) {
  if (chosen == nullptr) {
    result.edits.push_back(Edit{.fix = std::string(kKeyfilesFix.name),
                                .reason = "no other profile asks DHCP on the card of EC2",
                                .action = WriteFile{.path = GuestPath(kOwnFile),
                                                    .content = std::string(kOwnText),
                                                    .expects = std::nullopt,
                                                    .mode_if_new = 0600}});
    return;
  }
  std::vector<std::string> dropped;
  const std::string text = keyfile_with_dhcp(chosen->file.content, dropped);
  if (text != chosen->file.content) {
    plan_rewrite_with_copy(result, guest, kKeyfilesFix.name, chosen->file, text);
    warn_set_aside(result, chosen->file, chosen->name, dropped, kInstead);
  }
}

FixResult plan_keyfiles(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  if (target.network == NetworkMode::keep || !keyfiles_in_use(guest)) {
    return result;
  }
  const std::vector<Profile> profiles = read_profiles(guest);
  if (!has_profile_of_card(profiles) && asks_without_profile(guest)) {
    return result;
  }
  for (const Profile& profile : profiles) {  // first: the ports say which bridges are meant
    if (profile.role == Role::upper) {
      plan_stop(result, guest, profile);
    }
  }
  const Profile* chosen = choose(profiles);
  plan_chosen(result, guest, chosen);
  for (const Profile& profile : profiles) {
    const bool unfit =
        profile.role == Role::port || (profile.role == Role::card && is_static_or_mac(profile));
    if (unfit && &profile != chosen) {
      plan_set_aside(result, guest, kKeyfilesFix.name, profile.file);
      warn_set_aside(result, profile.file, profile.name, said(profile), kInstead);
    }
  }
  return result;
}

}  // namespace

constinit const Fix kKeyfilesFix = {
    .name = "network-keyfiles",
    .heading = "Let any network card ask DHCP in the keyfiles of NetworkManager",
    .description =
        "One profile asks DHCP on whatever card there is; static addresses, MAC addresses, names "
        "of cards and the ports of bonds and bridges are set aside with a warning that says what "
        "they were. Bonds, bridges and VLANs stay, with autoconnect=false.",
    .plan = plan_keyfiles,
};

std::string keyfile_with_dhcp(std::string_view text, std::vector<std::string>& dropped) {
  const std::vector<IniEntry> entries = parse_ini(text, LineEnds::plain);
  TextEdits edits;
  for (const IniEntry& entry : entries) {
    if (is_pin(entry) || is_static(entries, entry)) {
      edits.remove(entry.begin, entry.next);
      dropped.push_back(fmt::format("{}.{}={}", entry.section, entry.key, entry.value));
    }
  }
  std::string result = edits.apply(text);
  if (const std::string method = method_of(entries, "ipv4"); method != "auto") {
    dropped.push_back("ipv4.method=" + method);
    result = with_ini_value(result, "ipv4", "method", "auto");
  }
  if (method_of(entries, "ipv6") == "manual") {
    dropped.emplace_back("ipv6.method=manual");
    result = with_ini_value(result, "ipv6", "method", "auto");
  }
  return result;
}

bool keyfiles_in_use(const GuestView& guest) {
  if (!has_program(guest, "NetworkManager")) {
    return false;
  }
  return has_profile_of_card(read_profiles(guest)) || is_alone(guest);
}

}  // namespace rehost
