#include "bootfix/firewall_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>

#include "bootfix/guest_files.h"
#include "bootfix/interfaces.h"
#include "bootfix/network.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"
#include "bootfix/udev_rules.h"

namespace rehost {
namespace {

constexpr std::string_view kFirewallFiles[] = {
    "/etc/iptables/rules.v4",
    "/etc/iptables/rules.v6",
    "/etc/iptables.rules",
    "/etc/iptables.up.rules",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/ip6tables",
    "/etc/nftables.conf",
    "/etc/sysconfig/nftables.conf",
    "/etc/nftables/*.nft",
    "/etc/nftables.d/*",
    "/etc/ufw/user.rules",
    "/etc/ufw/user6.rules",
    "/etc/ufw/before.rules",
    "/etc/ufw/before6.rules",
    "/etc/firewalld/zones/*.xml",
    "/etc/firewalld/direct.xml",
    "/etc/firewalld/policies/*.xml",
    "/etc/shorewall/interfaces",
    "/etc/sysconfig/SuSEfirewall2",
};
constexpr size_t kMaxFiles = 200;

// Of the words of a rule: a name may have dots (VLANs), a colon or a trailing "+" (iptables).
bool belongs_to_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

FixResult plan_firewall_names(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  if (target.network == NetworkMode::keep) {
    return result;
  }
  const std::set<std::string> renamed = names_given_to_cards(guest);
  const bool classic = needs_classic_interface_names(guest, target);
  size_t read = 0;
  for (const std::string_view pattern : kFirewallFiles) {
    for (const GuestPath& path : matching_entries(guest, std::string(pattern))) {
      const auto file = ++read <= kMaxFiles ? read_text_file(guest, path) : std::nullopt;
      std::set<std::string> names = cards_named_in(file ? file->content : "", renamed);
      if (classic) {
        names.erase("eth0");
      }
      if (names.empty()) {
        continue;
      }
      result.warnings.push_back(
          {.code = "firewall-names-old-card",
           .subject = path.str(),
           .sentence =
               fmt::format("{} has rules for {}, and the network card of EC2 is called {}: "
                           "see that they do not shut you out",
                           path.str(), fmt::join(names, ", "), classic ? "eth0" : "ens5 or eth0")});
    }
  }
  return result;
}

}  // namespace

constinit const Fix kFirewallNamesFix = {
    .name = "firewall-names",
    .heading = "Look for firewall rules of the old network cards",
    .description =
        "Changes nothing. Warns when rules of iptables, nftables, ufw, firewalld, Shorewall or "
        "SuSEfirewall2 name a network card that has another name on EC2.",
    .plan = plan_firewall_names,
};

std::set<std::string> cards_named_in(std::string_view text, const std::set<std::string>& more) {
  std::set<std::string> names;
  for (const Line& line : split_lines(text)) {
    std::string_view rest = trim(content_of(text, line));
    if (rest.starts_with('#')) {
      continue;
    }
    while (!rest.empty()) {
      size_t length = 0;
      while (length < rest.size() && belongs_to_name(rest[length])) {
        ++length;
      }
      const std::string_view word = rest.substr(0, length);
      if (is_physical_interface(word) || more.contains(std::string(word))) {
        names.emplace(word);
      }
      rest.remove_prefix(std::max<size_t>(length, 1));
    }
  }
  return names;
}

}  // namespace rehost
