#include "bootfix/wicked.h"

#include <array>

#include "bootfix/ifcfg_files.h"
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

FixResult plan_wicked(const GuestView& guest, const Inspection&, const Target& target) {
  if (target.network == NetworkMode::keep || !wicked_in_use(guest)) {
    return {};
  }
  return plan_ifcfg_files(guest, kSuse);
}

}  // namespace

constinit const Fix kWickedFix = {
    .name = kSuse.fix,
    .heading = "Let eth0 ask DHCP in /etc/sysconfig/network",
    .description =
        "ifcfg-eth0 asks DHCP, whatever the first network card was called; static addresses, MAC "
        "addresses, routes and further cards are set aside with a warning that says what they "
        "were. Bonds, bridges and VLANs stay, with STARTMODE=manual.",
    .plan = plan_wicked,
};

bool wicked_in_use(const GuestView& guest) {
  const std::optional<std::string> service =
      guest.read_link(GuestPath("/etc/systemd/system/network.service"));
  if (service && service->ends_with("/NetworkManager.service")) {
    return false;
  }
  return (has_program(guest, "wicked") || has_program(guest, "ifup")) &&
         has_ifcfg_of_card(guest, kSuse);
}

}  // namespace rehost
