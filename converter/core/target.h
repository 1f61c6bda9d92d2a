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

// A kernel module from a driver bundle of the operator, for one of the guest's kernels. The file is
// what the bundle's manifest says; whether it fits the guest is for the drivers to find out.
struct BundledModule {
  std::string bundle;   // directory on the host, as the operator named it
  std::string file;     // in it: "6.1.0-56-amd64/ena.ko.xz"
  std::string release;  // "6.1.0-56-amd64"
  std::string name;     // "ena"
  std::string version;  // empty when the module has none
  std::string license;
  std::string sha256;   // of the file, in hexadecimal
  std::string content;  // of the file
};

// An EC2 Nitro instance: NVMe root, ENA, ttyS0, DHCP.
struct Target {
  std::optional<InitramfsStrategy> initramfs = {};  // --initramfs; nullopt is auto
  NetworkMode network = NetworkMode::dhcp;
  // --keep: rows of bootfix/left_behind.h by name that stay as they are; "all" keeps every one.
  std::vector<std::string> keep = {};
  std::optional<int> nitro_generation = {};  // --nitro-generation: 5 for a Nitro v5 instance
  // --driver-bundle: for the kernels of this guest; of two that fit the first is taken.
  std::vector<BundledModule> bundled_modules = {};
  // --default-kernel: a release that the boot loader is to start by default; "keep": whatever it
  // starts now. Empty: another one only when that one cannot have NVMe or ENA.
  std::string default_kernel = {};
};

}  // namespace rehost
