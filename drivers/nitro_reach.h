// Which generations of the AWS Nitro System a driver serves, by its version and its kernel.
//
// The one driver with such a limit is ENA ("Instances built on the AWS Nitro System", section on
// network features): Nitro v5 and later refuse to attach a network interface to a driver older than
// 2.2.9, earlier generations to one older than 1.2.0. NVMe has none.
#pragma once

#include <limits>
#include <string>
#include <string_view>

namespace rehost {

inline constexpr int kEveryNitroGeneration = std::numeric_limits<int>::max();
inline constexpr int kOldestNitroGeneration = 2;  // the first that AWS gives a number
// The first generation that wants ENA 2.2.9.
inline constexpr int kNitroWithNewerEna = 5;

struct NitroReach {
  int newest_generation = kEveryNitroGeneration;  // 4: v4 and earlier; 0: none at all
  std::string why;  // "ena 1.0.2 is older than 1.2.0"; empty when it serves all of them
  bool serves(int generation) const { return generation <= newest_generation; }
  friend bool operator==(const NitroReach&, const NitroReach&) = default;
};

// Is there a version of this module that some Nitro instance does not take?
bool has_nitro_limits(std::string_view module);

// `module` as in the table of required modules, `version` as its .modinfo has it (often nothing:
// the kernel's own driver lost its version in 5.10), `release` of the kernel.
//
// Only AWS's own releases ("2.2.10g") count by their version for v5. The kernel's own driver says
// "2.1.0K" or nothing from 5.2 on, whatever it can do, and there AWS lists kernels: mainline 5.9
// and the distributions' kernels that had the changes earlier
// (ENA_Linux_Best_Practices.rst of amzn-drivers, "ENAv3").
NitroReach nitro_reach(std::string_view module, std::string_view version, std::string_view release);

}  // namespace rehost
