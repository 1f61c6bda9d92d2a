// What is tried, one after the other, until an appliance runs: with KVM and by emulation, rehost's
// own and the stock one.
//
// Whether KVM works is decided by launching: a worker may have a /dev/kvm that opens, and even runs
// a virtual CPU, and yet makes QEMU abort. That costs a fraction of a second, and no probe tells
// more.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "converter/appliance.h"
#include "converter/core/event.h"

namespace rehost {

// Code of the warning that the appliance runs by emulation: about the worker, not about the guest.
inline constexpr std::string_view kKvmUnavailable = "kvm-unavailable";

enum class Acceleration {
  kvm_or_emulation,  // as libguestfs decides
  emulation
};

struct LaunchTry {
  std::string appliance;  // empty: the stock one
  Acceleration acceleration = Acceleration::kvm_or_emulation;
};

// What is known of KVM before the first try.
struct KvmOutlook {
  bool asked_for_emulation = false;  // by the operator: nobody needs to be warned
  std::string unusable;              // why, when /dev/kvm cannot even be opened
};

// Returns nothing when the appliance runs, else why it does not.
using TryLaunch = std::function<std::optional<std::string>(const LaunchTry&)>;

// Warns once about what had to be done without. Throws Error(environment) when nothing runs, and
// Error(cancelled) when a stop was requested in the meantime.
void launch_what_runs(const Appliance& appliance, const KvmOutlook& kvm,
                      const TryLaunch& try_launch, EventSink& events, const std::stop_token& stop);

}  // namespace rehost
