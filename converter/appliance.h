// Which libguestfs appliance is launched: rehost's own, as scripts/make-appliance leaves it, which
// is there in less than half the time, or the stock one that libguestfs has supermin build.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/event.h"

namespace rehost {

// --appliance: the one that libguestfs finds by itself.
inline constexpr std::string_view kStockAppliance = "stock";
// Codes of warnings about the worker: what was found by itself is not for this libguestfs, or does
// not start.
inline constexpr std::string_view kApplianceMismatch = "appliance-mismatch";
inline constexpr std::string_view kApplianceBroken = "appliance-broken";

struct ApplianceSearch {
  std::string named;                // a directory or "stock"; empty: look for one
  std::vector<std::string> places;  // where to look, best first
};

struct Appliance {
  std::string directory;  // empty: the stock one
  bool named = false;     // by the operator: no other will do
};

// What the daemon in the appliance has to agree with.
struct ApplianceHost {
  std::string libguestfs;    // "1.48.6"
  std::string architecture;  // "x86_64", as uname(2) says
};

// The lines of README.fixed that scripts/make-appliance writes.
struct ApplianceLabel {
  std::string libguestfs;
  std::string architecture;
  std::map<std::string, uint64_t> bytes;  // of kernel, initrd and root
};
std::optional<ApplianceLabel> parse_appliance_label(std::string_view text);

// Where an installation and scripts/make-appliance put one: beside the program's own directory,
// then in the user's cache. An empty argument is one that is not known.
std::vector<std::string> appliance_places(const std::string& program, const std::string& cache_home,
                                          const std::string& home);

// Why the appliance in this directory cannot be used here; empty when it can.
std::string objection_to(const std::string& directory, const ApplianceHost& host);

// Throws Error(environment) when the named one cannot be used; of the others the first that can,
// else the stock one, with a warning when there was one that is not for this host.
Appliance choose_appliance(const ApplianceSearch& search, const ApplianceHost& host,
                           EventSink& events);

}  // namespace rehost
