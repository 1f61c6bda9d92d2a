#include "bootfix/reachability.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
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

void warn_of_firewalls(FixResult& result, const GuestView& guest, const Target& target) {
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
}

// OpenSSH takes the first value of most settings, but all of ListenAddress. One that it cannot bind
// is passed over; without any other sshd ends.
void warn_of_sshd(FixResult& result, const GuestView& guest) {
  for (const std::string_view pattern : {"/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf"}) {
    for (const GuestPath& path : matching_entries(guest, std::string(pattern))) {
      const auto file = read_text_file(guest, path);
      const std::vector<std::string> addresses = listen_addresses(file ? file->content : "");
      if (!addresses.empty()) {
        result.warnings.push_back(
            {.code = "sshd-listens-on-old-address",
             .subject = path.str(),
             .sentence =
                 fmt::format("sshd listens on {} by {}, and does not start on a machine that "
                             "has not this address: give the instance the same private "
                             "address, or take the line out",
                             fmt::join(addresses, ", "), path.str())});
      }
    }
  }
}

FixResult plan_reachability(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  if (target.network != NetworkMode::keep) {
    warn_of_firewalls(result, guest, target);
    warn_of_sshd(result, guest);
  }
  return result;
}

}  // namespace

constinit const Fix kReachabilityFix = {
    .name = "reachability",
    .heading = "Look for what may shut the owner out",
    .description =
        "Changes nothing. Warns when rules of iptables, nftables, ufw, firewalld, Shorewall or "
        "SuSEfirewall2 name a network card that has another name on EC2, and when sshd listens on "
        "an address of the old network.",
    .plan = plan_reachability,
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

std::vector<std::string> listen_addresses(std::string_view sshd_config) {
  std::vector<std::string> addresses;
  for (const Line& line : split_lines(sshd_config)) {
    std::string content(trim(content_of(sshd_config, line)));
    std::replace(content.begin(), content.end(), '=', ' ');
    const std::vector<std::string> words = split_words(content);
    if (words.size() < 2 || words[0].starts_with('#')) {
      continue;
    }
    if (lower_case(words[0]) == "match") {
      break;
    }
    const std::string& address = words[1];
    constexpr std::string_view kAddress = "0123456789abcdefABCDEF.:[]";
    const bool any = address.starts_with("0.0.0.0") || address.starts_with("::") ||
                     address.starts_with("[::") || address.starts_with("127.");
    const bool number = address.find_first_not_of(kAddress) == std::string::npos &&
                        address.find_first_of(".:") != std::string::npos;
    if (lower_case(words[0]) == "listenaddress" && number && !any) {
      addresses.push_back(address);
    }
  }
  return addresses;
}

}  // namespace rehost
