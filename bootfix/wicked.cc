#include "bootfix/wicked.h"

#include <algorithm>
#include <array>

#include "bootfix/ifcfg_files.h"
#include "bootfix/interfaces.h"
#include "bootfix/network_files.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

// ifcfg(5): manual is what a file says that does not say it.
bool starts_on_boot(std::string_view startmode) {
  const std::string lower = lower_case(startmode);
  return !lower.empty() && lower != "manual" && lower != "off";
}

constexpr std::array<std::string_view, 2> kRouteFiles = {"ifroute-", "ifrule-"};

constexpr IfcfgDialect kSuse = {
    .fix = "network-wicked",
    .directory = "/etc/sysconfig/network",
    .needs_eth0 = true,
    .has_device = false,
    .quote = "'",
    .start_key = "STARTMODE",
    .start_value = "auto",
    .stop_value = "manual",
    .starts = starts_on_boot,
    .route_files = kRouteFiles,
    .routes = "routes",
    .global_file = "/etc/sysconfig/network/dhcp",
    .name_server_file = "/etc/sysconfig/network/config",
};

// wicked's own format, the source "wicked:" of wicked-config(5).
constexpr std::string_view kXmlDirectory = "/etc/wicked/ifconfig";

bool is_xml_name(std::string_view name) {
  return name.ends_with(".xml") && !name.starts_with('.');
}

// The text of every <tag> or <tag attribute="..">, in order.
std::vector<std::string> elements(std::string_view xml, std::string_view tag) {
  std::vector<std::string> texts;
  const std::string open = "<" + std::string(tag);
  for (size_t at = xml.find(open); at != std::string_view::npos; at = xml.find(open, at + 1)) {
    const size_t behind = at + open.size();
    const size_t close = xml.find('>', behind);
    const bool whole = behind < xml.size() && (xml[behind] == '>' || is_blank(xml[behind]));
    if (whole && close != std::string_view::npos) {
      const size_t end = std::min(xml.find('<', close), xml.size());
      texts.emplace_back(trim(xml.substr(close + 1, end - close - 1)));
    }
  }
  return texts;
}

// Interfaces are named, or found by something of the card: <name namespace="ethernet">.
bool is_about_cards(const NetworkFile& file) {
  const std::vector<std::string> names = elements(file.content, "name");
  return file.content.find("namespace=") != std::string::npos ||
         std::any_of(names.begin(), names.end(), [](const std::string& name) {
           return is_physical_interface(name.substr(0, name.find('.'))) || name.starts_with("bond");
         });
}

std::vector<NetworkFile> xml_files_of_cards(const GuestView& guest) {
  std::vector<NetworkFile> files = read_network_files(guest, kXmlDirectory, is_xml_name);
  std::erase_if(files, [](const NetworkFile& file) { return !is_about_cards(file); });
  return files;
}

FixResult plan_wicked(const GuestView& guest, const Inspection&, const Target& target) {
  if (target.network == NetworkMode::keep || !wicked_in_use(guest)) {
    return {};
  }
  FixResult result;
  if (has_ifcfg_of_card(guest, kSuse)) {
    result = plan_ifcfg_files(guest, kSuse);
  } else {
    std::vector<std::string> dropped;
    plan_new_file(result, kSuse.fix, GuestPath(kSuse.directory) / "ifcfg-eth0",
                  ifcfg_with_dhcp(kSuse, "", dropped),
                  "the network card of EC2 is eth0, and its address comes by DHCP");
  }
  for (const NetworkFile& file : xml_files_of_cards(guest)) {
    std::vector<std::string> what = elements(file.content, "name");
    for (const std::string_view tag : {"local", "nexthop", "gateway"}) {
      for (const std::string& address : elements(file.content, tag)) {
        if (!address.empty()) {
          what.push_back(std::string(tag) + " " + address);
        }
      }
    }
    plan_set_aside(result, guest, kSuse.fix, file);
    warn_set_aside(result, file, "network cards", what, "eth0 asks DHCP instead");
  }
  return result;
}

}  // namespace

constinit const Fix kWickedFix = {
    .name = kSuse.fix,
    .heading = "Let eth0 ask DHCP in /etc/sysconfig/network",
    .description =
        "ifcfg-eth0 asks DHCP, whatever the first network card was called; static addresses, MAC "
        "addresses, routes, further cards and the files of /etc/wicked/ifconfig are set aside with "
        "a warning that says what they were. Bonds, bridges and VLANs stay, with "
        "STARTMODE=manual.",
    .plan = plan_wicked,
};

bool wicked_in_use(const GuestView& guest) {
  const std::optional<std::string> service =
      guest.read_link(GuestPath("/etc/systemd/system/network.service"));
  if (service && service->ends_with("/NetworkManager.service")) {
    return false;
  }
  return (has_program(guest, "wicked") || has_program(guest, "ifup")) &&
         (has_ifcfg_of_card(guest, kSuse) ||
          (has_program(guest, "wicked") && !xml_files_of_cards(guest).empty()));
}

}  // namespace rehost
