#include "bootfix/dhcpcd.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/interfaces.h"
#include "bootfix/network_files.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kConf = "/etc/dhcpcd.conf";

// "interface eth0" and the lines below it; the lines above the first are the block for all.
struct Block {
  std::string head;  // "", "interface", "ssid", "profile", "arping"
  std::string name;
  std::vector<Line> lines;
};

std::vector<Block> blocks_of(std::string_view conf) {
  std::vector<Block> blocks(1);
  for (const Line& line : split_lines(conf)) {
    const std::vector<std::string> words = split_words(content_of(conf, line));
    if (words.empty() || words[0].starts_with('#')) {
      continue;
    }
    if (words[0] == "interface" || words[0] == "ssid" || words[0] == "profile") {
      blocks.push_back({.head = words[0], .name = words.size() > 1 ? words[1] : "", .lines = {}});
    } else {
      blocks.back().lines.push_back(line);
    }
  }
  return blocks;
}

// dhcpcd.conf(5): "static ip_address=10.0.0.5/24", "inform 10.0.0.5", and what switches DHCP off.
bool is_static(const std::vector<std::string>& words) {
  if (words[0] == "static") {
    return words.size() > 1 &&
           (words[1].starts_with("ip_address=") || words[1].starts_with("ip6_address="));
  }
  return words[0] == "inform" || words[0] == "inform6" || words[0] == "nodhcp" ||
         words[0] == "noipv4" || words[0] == "nodhcp4";
}

// What goes with a static address: static routers=, static domain_name_servers=.
bool goes_with_static(const std::vector<std::string>& words) {
  return words[0] == "static" || is_static(words);
}

class DhcpcdRewriter {
 public:
  DhcpcdRewriter(std::string_view conf, std::vector<std::string>& dropped)
      : conf_(conf), dropped_(dropped) {}

  std::string rewrite() {
    for (const Block& block : blocks_of(conf_)) {
      // A profile is a fallback: it gives an address when no server answers, which is not wanted.
      const bool of_cards = block.head.empty() || block.head == "profile" ||
                            (block.head == "interface" && is_physical_interface(block.name));
      if (of_cards) {
        drop_static(block);
      }
      if (block.head.empty()) {
        open_lists(block);
      }
    }
    return edits_.apply(conf_);
  }

 private:
  void drop_static(const Block& block) {
    const bool any = std::any_of(block.lines.begin(), block.lines.end(), [&](const Line& line) {
      return is_static(split_words(content_of(conf_, line)));
    });
    for (const Line& line : block.lines) {
      const std::vector<std::string> words = split_words(content_of(conf_, line));
      if (words[0] == "nogateway" || (any && goes_with_static(words))) {
        drop(line, block.name);
      }
    }
  }

  // allowinterfaces without the card of EC2, or denyinterfaces with it.
  void open_lists(const Block& block) {
    bool allows_any = false;
    std::vector<Line> allows;
    for (const Line& line : block.lines) {
      const std::vector<std::string> words = split_words(content_of(conf_, line));
      const auto first = words.begin() + 1;
      if (words[0] == "allowinterfaces") {
        allows.push_back(line);
        allows_any = allows_any || std::any_of(first, words.end(), matches_any_ec2_card);
      } else if (words[0] == "denyinterfaces" &&
                 std::any_of(first, words.end(), matches_some_ec2_card)) {
        drop(line, "");
      }
    }
    for (const Line& line : allows) {
      if (!allows_any) {
        drop(line, "");
      }
    }
  }

  void drop(const Line& line, const std::string& interface) {
    edits_.remove(line.begin, line.next);
    dropped_.push_back(fmt::format("{}{}{}", interface, interface.empty() ? "" : ": ",
                                   trim(content_of(conf_, line))));
  }

  std::string_view conf_;
  std::vector<std::string>& dropped_;
  TextEdits edits_;
};

FixResult plan_dhcpcd(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  const std::optional<TextFile> conf = read_text_file(guest, GuestPath(kConf));
  if (target.network == NetworkMode::keep || !conf || !dhcpcd_in_use(guest)) {
    return result;
  }
  const NetworkFile file{
      .path = GuestPath(kConf), .real = conf->path, .link = std::nullopt, .content = conf->content};
  std::vector<std::string> dropped;
  const std::string text = dhcpcd_with_dhcp(file.content, dropped);
  if (text != file.content) {
    plan_rewrite_with_copy(result, guest, kDhcpcdFix.name, file, text);
    warn_set_aside(result, file, "network cards", dropped, "all cards ask DHCP instead");
  }
  return result;
}

}  // namespace

constinit const Fix kDhcpcdFix = {
    .name = "network-dhcpcd",
    .heading = "Let all network cards ask DHCP in /etc/dhcpcd.conf",
    .description =
        "Static addresses, and lists that leave the network card of EC2 out, are set aside with a "
        "warning that says what they were.",
    .plan = plan_dhcpcd,
};

std::string dhcpcd_with_dhcp(std::string_view conf, std::vector<std::string>& dropped) {
  return DhcpcdRewriter(conf, dropped).rewrite();
}

bool dhcpcd_in_use(const GuestView& guest) {
  if (guest.read_link(GuestPath("/etc/systemd/system/dhcpcd.service")) == "/dev/null") {
    return false;
  }
  for (const std::string_view link :
       {"/etc/systemd/system/multi-user.target.wants/dhcpcd.service",
        "/etc/systemd/system/multi-user.target.wants/dhcpcd5.service",
        "/etc/systemd/system/network-online.target.wants/dhcpcd.service",
        "/etc/runlevels/default/dhcpcd"}) {
    if (guest.stat(GuestPath(link))) {
      return true;
    }
  }
  for (const std::string_view directory : {"/etc/rc2.d", "/etc/rc3.d"}) {
    for (const DirectoryEntry& entry : guest.list(GuestPath(directory))) {
      if (entry.name.starts_with('S') && entry.name.size() > 3 &&
          entry.name.substr(3) == "dhcpcd") {
        return true;
      }
    }
  }
  return false;
}

}  // namespace rehost
