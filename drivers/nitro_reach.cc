#include "drivers/nitro_reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "converter/core/distro.h"
#include "drivers/kernel_image.h"

namespace rehost {
namespace {

constexpr std::string_view kOldestEna = "1.2.0";
constexpr std::string_view kOldestEnaOfNewNitro = "2.2.9";

// The first kernel of a distribution whose own ENA driver serves Nitro v5. The first row whose mark
// is in the release counts.
struct KernelRow {
  std::string_view mark;
  std::string_view oldest;
};
constexpr std::array<KernelRow, 9> kKernels{{
    {"uek", "5.9"},                                 // Oracle's own kernel has ".el8" in it, too
    {".el8", "4.18.0-305"},                         // RHEL 8.4 and what is built from it
    {".amzn", "4.14.186"},                          // Amazon Linux 1 and 2
    {"-aws", "5.4.0-1025"},                         // Ubuntu 20.04
    {"4.12.14-95.", "4.12.14-95.99"},               // SLES 12 SP4
    {"4.12.14-122.", "4.12.14-122.116"},            // SLES 12 SP5
    {"4.12.14-150000.", "4.12.14-150000.150.92"},   // SLES 15
    {"4.12.14-150100.", "4.12.14-150100.197.114"},  // SLES 15 SP1
    {"5.3.18-", "5.3.18-24.15"},                    // SLES 15 SP2
}};
constexpr std::string_view kOldestMainline = "5.9";

std::string_view oldest_kernel(std::string_view release) {
  const auto row = std::find_if(kKernels.begin(), kKernels.end(), [&](const KernelRow& kernel) {
    return release.find(kernel.mark) != std::string_view::npos;
  });
  return row == kKernels.end() ? kOldestMainline : row->oldest;
}

}  // namespace

bool has_nitro_limits(std::string_view module) {
  return module == "ena";
}

NitroReach nitro_reach(std::string_view module, std::string_view version,
                       std::string_view release) {
  if (!has_nitro_limits(module)) {
    return {};
  }
  const Version parsed = Version::parse(version);
  // Other endings are no versions of this driver: RHEL puts the release of its kernel there.
  const bool by_aws = version.ends_with('g');
  if ((by_aws || version.ends_with('K')) && !parsed.parts.empty() &&
      parsed < Version::parse(kOldestEna)) {
    return {0, fmt::format("ena {} is older than {}, which every Nitro instance wants", version,
                           kOldestEna)};
  }
  if (by_aws && !parsed.parts.empty()) {
    return parsed < Version::parse(kOldestEnaOfNewNitro)
               ? NitroReach{kNitroWithNewerEna - 1,
                            fmt::format("ena {} is older than {}, which Nitro v{} and later want",
                                        version, kOldestEnaOfNewNitro, kNitroWithNewerEna)}
               : NitroReach{};
  }
  const std::string_view oldest = oldest_kernel(release);
  if (compare_releases(release, oldest) >= 0) {
    return {};
  }
  return {kNitroWithNewerEna - 1,
          fmt::format("the ena of kernel {} itself is older than what Nitro v{} and later want, "
                      "which is in such kernels from {} on",
                      release, kNitroWithNewerEna, oldest)};
}

}  // namespace rehost
