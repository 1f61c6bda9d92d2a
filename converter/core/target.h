// What the result has to run on, and the choices the operator has made about it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "converter/core/edit.h"

namespace rehost {

enum class NetworkMode {
  dhcp,  // every NIC that EC2 shows comes up by DHCP; static addresses and MAC pins are set aside
  keep,  // the network configuration of the guest is left as it is
};

// An EC2 Nitro instance: NVMe root, ENA, ttyS0, DHCP.
struct Target {
  std::optional<InitramfsStrategy> initramfs;  // --initramfs; nullopt is auto
  NetworkMode network = NetworkMode::dhcp;
  // --keep: rows of bootfix/left_behind.h by name that stay as they are; "all" keeps every one.
  std::vector<std::string> keep = {};
};

}  // namespace rehost
