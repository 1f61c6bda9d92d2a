#include "bootfix/ifcfg_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "bootfix/interfaces.h"
#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"
#include "bootfix/udev_rules.h"

namespace rehost {
namespace {

constexpr std::string_view kPrefix = "ifcfg-";

bool is_yes(std::string_view value) {
  const std::string lower = lower_case(value);
  return lower == "yes" || lower == "true" || lower == "on" || lower == "y" || lower == "t" ||
         lower == "1";
}

// What ifup passes over too: copies that editors and packages leave.
bool is_ifcfg_name(std::string_view name) {
  if (!name.starts_with(kPrefix) || name == "ifcfg-lo" || name == "ifcfg-template") {
    return false;
  }
  constexpr std::array<std::string_view, 9> kCopies = {
      "~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", ".scpmbackup", ".swp"};
  return std::none_of(kCopies.begin(), kCopies.end(),
                      [&](std::string_view copy) { return name.ends_with(copy); });
}

bool is_no(std::string_view value) {
  const std::string lower = lower_case(value);
  return lower == "no" || lower == "false" || lower == "off" || lower == "n" || lower == "f" ||
         lower == "0";
}

bool has_any_prefix(std::string_view name, std::span<const std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// Both dialects number them: IPADDR0, IPADDR_1.
bool is_static_address(std::string_view name) {
  constexpr std::array<std::string_view, 11> kAddresses = {
      "IPADDR",  "PREFIX", "NETMASK",       "GATEWAY",  "BROADCAST",     "NETWORK",
      "SRCADDR", "LABEL",  "REMOTE_IPADDR", "IPV6ADDR", "IPV6_DEFAULTGW"};
  return has_any_prefix(name, kAddresses);
}

bool is_pin(std::string_view name) {
  constexpr std::array<std::string_view, 10> kPins = {
      "HWADDR", "MACADDR",     "LLADDR",           "MASTER",     "SLAVE",
      "BRIDGE", "TEAM_MASTER", "TEAM_PORT_CONFIG", "DEVICETYPE", "BRIDGE_UUID"};
  return std::find(kPins.begin(), kPins.end(), name) != kPins.end() || name == "MASTER_UUID" ||
         name == "TEAM_MASTER_UUID";
}

bool is_name_server(std::string_view name) {
  return name == "DOMAIN" || name == "SEARCH" ||
         (name.starts_with("DNS") && all_digits(name.substr(3)));
}

// A card beside the one that led out of the old network. On EC2 it may be the only one.
bool refuses_default_route(const ShellAssignment& assignment) {
  constexpr std::array<std::string_view, 3> kNames = {
      "DEFROUTE", "PEERROUTES",       // Red Hat
      "DHCLIENT_SET_DEFAULT_ROUTE"};  // SUSE: ifcfg-dhcp(5)
  return std::find(kNames.begin(), kNames.end(), assignment.name) != kNames.end() &&
         is_no(assignment.value);
}

// PEERDNS=no beside a static address keeps the name servers of the file, which go with the address.
bool refuses_name_servers(const ShellAssignment& assignment) {
  return assignment.name == "PEERDNS" && is_no(assignment.value);
}

bool is_dhcp(std::string_view value) {
  const std::string lower = lower_case(value);
  return lower.starts_with("dhcp") && lower != "dhcp6";
}

std::string as_written(const ShellAssignment& assignment) {
  return assignment.name + "=" + assignment.value;
}

struct IfcfgFile {
  NetworkFile file;
  std::string device;
  bool started = false;
  bool readable = true;  // a shell would read it
};

std::string device_of(const IfcfgDialect& dialect, const NetworkFile& file) {
  const std::string device = dialect.has_device ? ifcfg_value(file.content, "DEVICE") : "";
  return device.empty() ? std::string(file.path.name().substr(kPrefix.size())) : device;
}

// A bond, a team or a VLAN; of bridges, those that somebody is a port of (`bridges`) or that say
// so.
bool is_built_on_card(const IfcfgDialect& dialect, const IfcfgFile& ifcfg,
                      const std::set<std::string>& bridges) {
  const std::string_view text = ifcfg.file.content;
  const std::string type = lower_case(ifcfg_value(text, "TYPE"));
  const bool names_itself = ifcfg.device.starts_with("bond") || ifcfg.device.starts_with("team") ||
                            (ifcfg.device.find('.') != std::string::npos &&
                             is_physical_interface(ifcfg.device.substr(0, ifcfg.device.find('.'))));
  if (dialect.has_device) {
    return names_itself || type == "bond" || type == "team" || type == "vlan" ||
           is_yes(ifcfg_value(text, "VLAN")) || !ifcfg_value(text, "BONDING_OPTS").empty() ||
           lower_case(ifcfg_value(text, "DEVICETYPE")) == "team" ||
           (type == "bridge" && bridges.contains(ifcfg.device));
  }
  if (is_yes(ifcfg_value(text, "BRIDGE"))) {
    const std::vector<std::string> ports = split_words(ifcfg_value(text, "BRIDGE_PORTS"));
    return std::any_of(ports.begin(), ports.end(), [](const std::string& port) {
      return is_physical_interface(port.substr(0, port.find('.'))) || port.starts_with("bond");
    });
  }
  return names_itself || is_yes(ifcfg_value(text, "BONDING_MASTER")) ||
         !ifcfg_value(text, "ETHERDEVICE").empty();
}

bool is_card(const IfcfgDialect& dialect, const IfcfgFile& ifcfg,
             const std::set<std::string>& renamed) {
  // ifcfg-eth0-range0: the ifup-aliases of Red Hat gives eth0 a range of addresses.
  const std::string_view device = ifcfg.device;
  if (is_physical_interface(device.substr(0, device.find("-range")))) {
    return true;
  }
  if (renamed.contains(ifcfg.device)) {  // by a rule of udev: "lan0"
    return true;
  }
  if (!dialect.has_device) {  // SLES 10 and 11 have the MAC address in the name of the file
    return ifcfg.device.starts_with("eth-id-") || ifcfg.device.starts_with("eth-bus-");
  }
  const std::string_view text = ifcfg.file.content;
  // initscripts give the card with this MAC address the name in DEVICE, whatever it is.
  return lower_case(ifcfg_value(text, "TYPE")) == "ethernet" &&
         (ifcfg_value(text, "DEVICE").empty() || !ifcfg_value(text, "HWADDR").empty());
}

struct IfcfgFiles {
  std::vector<IfcfgFile> cards;
  std::vector<IfcfgFile> built_on_cards;
};

IfcfgFiles read_ifcfg_files(const GuestView& guest, const IfcfgDialect& dialect) {
  std::vector<IfcfgFile> all;
  std::set<std::string> bridges;
  const std::set<std::string> renamed = names_given_to_cards(guest);
  for (NetworkFile& file : read_network_files(guest, dialect.directory, is_ifcfg_name)) {
    IfcfgFile ifcfg;
    ifcfg.device = device_of(dialect, file);
    ifcfg.started = dialect.starts(ifcfg_value(file.content, dialect.start_key));
    ifcfg.readable = all_closed(parse_shell_assignments(file.content));
    bridges.insert(ifcfg_value(file.content, "BRIDGE"));
    ifcfg.file = std::move(file);
    all.push_back(std::move(ifcfg));
  }
  IfcfgFiles files;
  for (IfcfgFile& ifcfg : all) {
    if (is_built_on_card(dialect, ifcfg, bridges)) {
      files.built_on_cards.push_back(std::move(ifcfg));
    } else if (is_card(dialect, ifcfg, renamed)) {
      files.cards.push_back(std::move(ifcfg));
    }
  }
  return files;
}

// Changes the last assignment of a name, or adds one.
class Assigner {
 public:
  Assigner(const IfcfgDialect& dialect, std::string_view text)
      : dialect_(dialect), text_(text), assignments_(parse_shell_assignments(text)) {}

  const std::vector<ShellAssignment>& assignments() const { return assignments_; }

  void remove(const ShellAssignment& assignment) {
    edits_.remove(assignment.line_begin, assignment.next_line);
  }

  void clear(const ShellAssignment& assignment) {
    edits_.replace(assignment.appends ? assignment.line_begin : assignment.value_begin,
                   assignment.value_end, assignment.appends ? assignment.name + "=\"\"" : "\"\"");
  }

  void set(std::string_view name, std::string_view value) {
    const std::string written = fmt::format("{}{}{}", dialect_.quote, value, dialect_.quote);
    for (auto a = assignments_.rbegin(); a != assignments_.rend(); ++a) {
      if (a->name == name) {
        edits_.replace(a->appends ? a->line_begin : a->value_begin, a->value_end,
                       a->appends ? fmt::format("{}={}", name, written) : written);
        return;
      }
    }
    added_.push_back(fmt::format("{}={}", name, written));
  }

  bool changed() const { return !edits_.empty() || !added_.empty(); }

  std::string text() const {
    std::string text = edits_.apply(text_);
    for (const std::string& line : added_) {
      text = with_line_appended(text, line);
    }
    return text;
  }

 private:
  const IfcfgDialect& dialect_;
  std::string_view text_;
  std::vector<ShellAssignment> assignments_;
  TextEdits edits_;
  std::vector<std::string> added_;
};

bool is_eth0_file(const IfcfgFile& ifcfg) {
  return ifcfg.file.path.name() == "ifcfg-eth0";
}

bool is_fit(const IfcfgDialect& dialect, const IfcfgFile& ifcfg) {
  std::vector<std::string> dropped;
  return ifcfg.readable && (!dialect.needs_eth0 || is_eth0_file(ifcfg)) &&
         ifcfg_with_dhcp(dialect, ifcfg.file.content, dropped) == ifcfg.file.content;
}

bool leads_out(const IfcfgFile& ifcfg) {
  return !ifcfg_value(ifcfg.file.content, "GATEWAY").empty() ||
         is_yes(ifcfg_value(ifcfg.file.content, "DEFROUTE"));
}

// The card whose file goes on as that of the card of EC2: one that is fit already, so that a second
// run chooses as the first did.
const IfcfgFile& choose(const IfcfgDialect& dialect, const std::vector<IfcfgFile>& cards) {
  const auto rank = [&](const IfcfgFile& ifcfg) {
    if (is_fit(dialect, ifcfg)) {
      return 0;
    }
    if (dialect.needs_eth0 && is_eth0_file(ifcfg)) {
      return 1;
    }
    if (ifcfg.device.find(':') != std::string::npos || !ifcfg.readable) {
      return 5;
    }
    return leads_out(ifcfg) ? 2 : ifcfg.started ? 3 : 4;
  };
  return *std::min_element(cards.begin(), cards.end(), [&](const IfcfgFile& a, const IfcfgFile& b) {
    return rank(a) < rank(b);
  });
}

std::string fresh_file(const IfcfgDialect& dialect) {
  std::vector<std::string> dropped;
  return ifcfg_with_dhcp(dialect, "", dropped);
}

std::vector<std::string> static_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (const ShellAssignment& assignment : parse_shell_assignments(text)) {
    const bool tells = is_static_address(assignment.name) || is_pin(assignment.name) ||
                       is_name_server(assignment.name) || assignment.name == "BOOTPROTO";
    if (tells && !assignment.value.empty()) {
      lines.push_back(as_written(assignment));
    }
  }
  return lines;
}

class IfcfgPlanner {
 public:
  IfcfgPlanner(const GuestView& guest, const IfcfgDialect& dialect)
      : guest_(guest), dialect_(dialect), files_(read_ifcfg_files(guest, dialect)) {}

  // Bridges go first: who is a port of them is written in the files of the cards.
  FixResult plan() {
    if (files_.cards.empty()) {
      return {};
    }
    plan_name_servers();
    for (const IfcfgFile& ifcfg : files_.built_on_cards) {
      stop(ifcfg);
    }
    const IfcfgFile& chosen = choose(dialect_, files_.cards);
    plan_chosen(chosen);
    for (const IfcfgFile& ifcfg : files_.cards) {
      if (&ifcfg != &chosen || moves(chosen)) {
        plan_other(ifcfg);
      }
    }
    plan_routes();
    plan_global_file();
    return std::move(result_);
  }

 private:
  bool moves(const IfcfgFile& chosen) const { return dialect_.needs_eth0 && !is_eth0_file(chosen); }

  void stop(const IfcfgFile& ifcfg) {
    if (!ifcfg.started || !ifcfg.readable) {
      return;
    }
    Assigner assigner(dialect_, ifcfg.file.content);
    assigner.set(dialect_.start_key, dialect_.stop_value);
    plan_rewrite_with_copy(result_, guest_, dialect_.fix, ifcfg.file, assigner.text());
    warn_not_started(result_, ifcfg.file, ifcfg.device);
  }

  void plan_chosen(const IfcfgFile& chosen) {
    std::vector<std::string> dropped;
    const std::string text = chosen.readable
                                 ? ifcfg_with_dhcp(dialect_, chosen.file.content, dropped)
                                 : fresh_file(dialect_);
    if (moves(chosen)) {
      plan_new_file(result_, dialect_.fix, chosen.file.path.parent() / "ifcfg-eth0", text,
                    "the network card of EC2 is eth0, and its address comes by DHCP");
      return;
    }
    if (text == chosen.file.content) {
      return;
    }
    plan_rewrite_with_copy(result_, guest_, dialect_.fix, chosen.file, text);
    if (!dropped.empty() || !chosen.readable) {
      warn_set_aside(result_, chosen.file, chosen.device, dropped, instead());
    }
  }

  void plan_other(const IfcfgFile& ifcfg) {
    if (!ifcfg.started || is_fit(dialect_, ifcfg)) {
      return;
    }
    plan_set_aside(result_, guest_, dialect_.fix, ifcfg.file);
    warn_set_aside(result_, ifcfg.file, ifcfg.device, static_lines(ifcfg.file.content), instead());
  }

  // Routes through the gateways of the old network.
  void plan_routes() {
    const auto any = [](std::string_view) { return true; };
    for (const NetworkFile& file : read_network_files(guest_, dialect_.directory, any)) {
      const std::string_view name = file.path.name();
      const bool of_card = std::any_of(
          dialect_.route_files.begin(), dialect_.route_files.end(), [&](std::string_view prefix) {
            return name.starts_with(prefix) && is_card_name(name.substr(prefix.size()));
          });
      if (!of_card && (dialect_.routes.empty() || name != dialect_.routes)) {
        continue;
      }
      std::vector<std::string> routes;
      for (const Line& line : split_lines(file.content)) {
        const std::string_view content = trim(content_of(file.content, line));
        if (!content.empty() && content.front() != '#') {
          routes.emplace_back(content);
        }
      }
      if (!routes.empty()) {
        plan_set_aside(result_, guest_, dialect_.fix, file);
        warn_set_aside(result_, file, "static routes", routes, "the routes of EC2 come by DHCP");
      }
    }
  }

  // NetworkManager finds the routes of ifcfg-office in route-office: the names of files count too.
  bool is_card_name(std::string_view name) const {
    return is_physical_interface(name) ||
           std::any_of(files_.cards.begin(), files_.cards.end(), [&](const IfcfgFile& ifcfg) {
             return ifcfg.file.path.name().substr(kPrefix.size()) == name;
           });
  }

  // A file that a shell reads, with settings for all interfaces; "" names none.
  std::optional<NetworkFile> settings_file(std::string_view path) const {
    const std::optional<TextFile> text =
        path.empty() ? std::nullopt : read_text_file(guest_, GuestPath(path));
    if (!text || !all_closed(parse_shell_assignments(text->content))) {
      return std::nullopt;
    }
    return NetworkFile{.path = GuestPath(path),
                       .real = text->path,
                       .link = std::nullopt,
                       .content = text->content};
  }

  // Goes in front of the files of the cards, which say whether the addresses were static.
  void plan_name_servers() {
    const auto is_static = [](const IfcfgFile& ifcfg) {
      const std::string_view text = ifcfg.file.content;
      return ifcfg.started && !is_dhcp(ifcfg_value(text, "BOOTPROTO")) &&
             !ifcfg_value(text, "IPADDR").empty();
    };
    if (std::none_of(files_.cards.begin(), files_.cards.end(), is_static) &&
        std::none_of(files_.built_on_cards.begin(), files_.built_on_cards.end(), is_static)) {
      return;
    }
    const std::optional<NetworkFile> file = settings_file(dialect_.name_server_file);
    if (!file) {
      return;
    }
    Assigner assigner(dialect_, file->content);
    std::vector<std::string> dropped;
    for (const ShellAssignment& assignment : assigner.assignments()) {
      const bool names = assignment.name == "NETCONFIG_DNS_STATIC_SERVERS" ||
                         assignment.name == "NETCONFIG_DNS_STATIC_SEARCHLIST";
      if (names && !assignment.value.empty()) {
        assigner.clear(assignment);
        dropped.push_back(as_written(assignment));
      }
    }
    if (!dropped.empty()) {
      plan_rewrite_with_copy(result_, guest_, dialect_.fix, *file, assigner.text());
      warn_set_aside(result_, *file, "name servers", dropped, "those of EC2 come by DHCP");
    }
  }

  void plan_global_file() {
    const std::optional<NetworkFile> settings = settings_file(dialect_.global_file);
    if (!settings) {
      return;
    }
    const NetworkFile& file = *settings;
    Assigner assigner(dialect_, file.content);
    std::vector<std::string> dropped;
    for (const ShellAssignment& assignment : assigner.assignments()) {
      if (assignment.name == "GATEWAY" || assignment.name == "GATEWAYDEV" ||
          assignment.name == "IPV6_DEFAULTGW" || assignment.name == "IPV6_DEFAULTDEV" ||
          refuses_default_route(assignment)) {
        assigner.remove(assignment);
        dropped.push_back(as_written(assignment));
      }
    }
    if (!dropped.empty()) {
      plan_rewrite_with_copy(result_, guest_, dialect_.fix, file, assigner.text());
      warn_set_aside(result_, file, "the default route", dropped, "the routes of EC2 come by DHCP");
    }
  }

  std::string_view instead() const {
    return dialect_.needs_eth0 ? "eth0 asks DHCP instead" : "any card asks DHCP instead";
  }

  const GuestView& guest_;
  const IfcfgDialect& dialect_;
  IfcfgFiles files_;
  FixResult result_;
};

}  // namespace

std::string ifcfg_value(std::string_view text, std::string_view name) {
  std::string value;
  for (const ShellAssignment& assignment : parse_shell_assignments(text)) {
    if (assignment.name == name) {
      value = assignment.value;
    }
  }
  return value;
}

std::string ifcfg_with_dhcp(const IfcfgDialect& dialect, std::string_view text,
                            std::vector<std::string>& dropped) {
  Assigner assigner(dialect, text);
  const bool dhcp = is_dhcp(ifcfg_value(text, "BOOTPROTO"));
  const std::string device = dialect.has_device ? ifcfg_value(text, "DEVICE") : "";
  for (const ShellAssignment& assignment : assigner.assignments()) {
    const std::string& name = assignment.name;
    const bool unfit =
        is_static_address(name) || is_pin(name) || refuses_default_route(assignment) ||
        (!dhcp && (is_name_server(name) || refuses_name_servers(assignment))) ||
        (dialect.has_device && !dialect.needs_eth0 &&
         (name == "DEVICE" || (name == "NM_CONTROLLED" && !is_yes(assignment.value))));
    if (unfit && !assignment.value.empty()) {  // YaST writes IPADDR='' beside dhcp
      assigner.remove(assignment);
      dropped.push_back(as_written(assignment));
    }
  }
  if (!dhcp) {
    assigner.set("BOOTPROTO", "dhcp");
  }
  if (!dialect.starts(ifcfg_value(text, dialect.start_key))) {
    assigner.set(dialect.start_key, dialect.start_value);
  }
  if (dialect.has_device && dialect.needs_eth0 && device != "eth0") {
    assigner.set("DEVICE", "eth0");
  }
  if (dialect.has_device && ifcfg_value(text, "TYPE").empty()) {
    if (!dialect.needs_eth0 || text.empty()) {
      assigner.set("TYPE", "Ethernet");
    }
  }
  if (!assigner.changed()) {
    return std::string(text);
  }
  // Neither holds a card by itself, but both are another card's now.
  for (const ShellAssignment& assignment : assigner.assignments()) {
    if (dialect.has_device &&
        (assignment.name == "UUID" ||
         (assignment.name == "NAME" && is_physical_interface(assignment.value)))) {
      assigner.remove(assignment);
      if (assignment.name == "UUID") {
        dropped.push_back(as_written(assignment));
      }
    }
  }
  return assigner.text();
}

bool has_ifcfg_of_card(const GuestView& guest, const IfcfgDialect& dialect) {
  return !read_ifcfg_files(guest, dialect).cards.empty();
}

FixResult plan_ifcfg_files(const GuestView& guest, const IfcfgDialect& dialect) {
  return IfcfgPlanner(guest, dialect).plan();
}

}  // namespace rehost
