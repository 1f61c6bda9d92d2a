#include "bootfix/ifcfg.h"

#include <algorithm>
#include <array>

#include "bootfix/dhcp_client.h"
#include "bootfix/ifcfg_files.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

bool starts_on_boot(std::string_view onboot) {
  const std::string lower = lower_case(onboot);
  return lower != "no" && lower != "false" && lower != "n" && lower != "f" && lower != "0" &&
         lower != "off";
}

constexpr std::array<std::string_view, 4> kRouteFiles = {"route-", "route6-", "rule-", "rule6-"};

constexpr IfcfgDialect kNetworkScripts = {
    .fix = "network-scripts",
    .directory = "/etc/sysconfig/network-scripts",
    .needs_eth0 = true,
    .has_device = true,
    .quote = "",
    .start_key = "ONBOOT",
    .start_value = "yes",
    .stop_value = "no",
    .starts = starts_on_boot,
    .route_files = kRouteFiles,
    .routes = "",
    .global_file = "/etc/sysconfig/network",
    .name_server_file = "",
};

constexpr IfcfgDialect kIfcfgRh = {
    .fix = "network-ifcfg",
    .directory = kNetworkScripts.directory,
    .needs_eth0 = false,
    .has_device = true,
    .quote = "",
    .start_key = kNetworkScripts.start_key,
    .start_value = kNetworkScripts.start_value,
    .stop_value = kNetworkScripts.stop_value,
    .starts = starts_on_boot,
    .route_files = kRouteFiles,
    .routes = "",
    .global_file = kNetworkScripts.global_file,
    .name_server_file = "",
};

bool has_network_scripts(const GuestView& guest) {
  return is_file(guest, GuestPath("/etc/sysconfig/network-scripts/ifup-eth"));
}

// /usr/lib64/NetworkManager/1.40.16-1.el8/libnm-settings-plugin-ifcfg-rh.so. EL 10 has none, and
// reads keyfiles only.
bool has_ifcfg_plugin(const GuestView& guest) {
  for (const std::string_view directory :
       {"/usr/lib64/NetworkManager", "/usr/lib/NetworkManager"}) {
    const GuestPath plugins(directory);
    constexpr std::string_view kPlugin = "libnm-settings-plugin-ifcfg-rh.so";
    if (is_file(guest, plugins / kPlugin)) {
      return true;
    }
    for (const DirectoryEntry& entry : guest.list(plugins)) {
      if (is_file(guest, plugins / entry.name / kPlugin)) {
        return true;
      }
    }
  }
  return false;
}

FixResult plan_network_scripts(const GuestView& guest, const Inspection&, const Target& target) {
  if (target.network == NetworkMode::keep || !network_scripts_in_use(guest)) {
    return {};
  }
  FixResult result = plan_ifcfg_files(guest, kNetworkScripts);
  if (!has_dhcp_client(guest) && !has_program(guest, "NetworkManager")) {
    result.warnings.push_back(
        {.code = "dhcp-client-missing",
         .subject = std::string(kNetworkScripts.directory),
         .sentence = "the guest has neither dhclient nor dhcpcd nor NetworkManager, so the network "
                     "scripts cannot ask for an address: install dhclient before the machine is "
                     "replicated"});
  }
  return result;
}

FixResult plan_ifcfg_rh(const GuestView& guest, const Inspection&, const Target& target) {
  if (target.network == NetworkMode::keep || !ifcfg_rh_in_use(guest)) {
    return {};
  }
  return plan_ifcfg_files(guest, kIfcfgRh);
}

}  // namespace

constinit const Fix kNetworkScriptsFix = {
    .name = kNetworkScripts.fix,
    .heading = "Let eth0 ask DHCP in /etc/sysconfig/network-scripts",
    .description =
        "ifcfg-eth0 asks DHCP, whatever the first network card was called; static addresses, MAC "
        "addresses, routes and further cards are set aside with a warning that says what they "
        "were. Bonds, bridges and VLANs stay, with ONBOOT=no.",
    .plan = plan_network_scripts,
};

constinit const Fix kIfcfgRhFix = {
    .name = kIfcfgRh.fix,
    .heading = "Let any network card ask DHCP in the ifcfg files of NetworkManager",
    .description =
        "One ifcfg file asks DHCP on whatever card there is; static addresses, MAC addresses, "
        "routes and further cards are set aside with a warning that says what they were. Bonds, "
        "bridges and VLANs stay, with ONBOOT=no.",
    .plan = plan_ifcfg_rh,
};

bool network_scripts_in_use(const GuestView& guest) {
  return has_network_scripts(guest) && has_ifcfg_of_card(guest, kNetworkScripts);
}

bool ifcfg_rh_in_use(const GuestView& guest) {
  return !has_network_scripts(guest) && has_program(guest, "NetworkManager") &&
         has_ifcfg_plugin(guest) && has_ifcfg_of_card(guest, kIfcfgRh);
}

}  // namespace rehost
