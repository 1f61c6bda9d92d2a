// Network configuration in cloud-init's own settings: `network:` in /etc/cloud/cloud.cfg and
// cloud.cfg.d, where installers (curtin, subiquity) leave the addresses that they were given.
//
// An instance id that cloud-init has not seen makes it write the files of netplan, ifupdown or
// NetworkManager anew, and it takes these settings before what EC2 says
// (network_config_sources of cloudinit/sources/__init__.py: command line, initramfs, system
// configuration, datasource). With them the old addresses would come back at the first boot.
#pragma once

#include <string>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// Does the file configure cards? `network: {config: disabled}` does not, and neither does YAML in
// which no key `network` stands at the left edge.
bool configures_cards(std::string_view cloud_cfg);

// The text without its `network:` and all that belongs to it. Other lines come back byte for byte.
std::string without_network_config(std::string_view cloud_cfg);

extern const Fix kCloudInitNetworkFix;

}  // namespace rehost
