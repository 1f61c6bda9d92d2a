#include "converter/launch_tries.h"

#include <fmt/format.h>

#include "converter/core/error.h"

namespace rehost {
namespace {

void warn_emulation(EventSink& events, const std::string& why) {
  events.on(WarningRaised{{std::string(kKvmUnavailable), "/dev/kvm",
                           why + "; the appliance runs by emulation, which is slower"}});
}

std::vector<LaunchTry> tries(const Appliance& appliance, const KvmOutlook& kvm) {
  std::vector<std::string> appliances = {appliance.directory};
  if (!appliance.directory.empty() && !appliance.named) {
    appliances.emplace_back();
  }
  std::vector<LaunchTry> all;
  for (const std::string& directory : appliances) {
    if (!kvm.asked_for_emulation && kvm.unusable.empty()) {
      all.push_back({directory, Acceleration::kvm_or_emulation});
    }
    all.push_back({directory, Acceleration::emulation});
  }
  return all;
}

void warn(const Appliance& appliance, const KvmOutlook& kvm, const LaunchTry& running,
          const std::string& why_not_own, EventSink& events) {
  if (!kvm.unusable.empty() && !kvm.asked_for_emulation) {
    warn_emulation(events, "KVM cannot be used: " + kvm.unusable);
  } else if (running.acceleration == Acceleration::emulation && !kvm.asked_for_emulation) {
    warn_emulation(events, "KVM is there but its virtual machines do not start");
  }
  if (running.appliance != appliance.directory) {
    events.on(WarningRaised{
        {std::string(kApplianceBroken), appliance.directory,
         fmt::format("it does not launch: {}; the stock appliance runs instead, which is slower "
                     "(scripts/make-appliance builds it anew once it is removed)",
                     why_not_own)}});
  }
}

}  // namespace

void launch_what_runs(const Appliance& appliance, const KvmOutlook& kvm,
                      const TryLaunch& try_launch, EventSink& events, const std::stop_token& stop) {
  std::string why;
  std::string why_not_own;
  for (const LaunchTry& next : tries(appliance, kvm)) {
    const std::optional<std::string> failure = try_launch(next);
    if (!failure) {
      warn(appliance, kvm, next, why_not_own, events);
      return;
    }
    if (stop.stop_requested()) {
      throw Error(ErrorKind::cancelled, "stopped by a signal during the launch");
    }
    why = *failure;
    if (next.appliance == appliance.directory) {
      why_not_own = why;
    }
  }
  const std::string which = appliance.named && !appliance.directory.empty()
                                ? "the appliance " + appliance.directory
                                : "the libguestfs appliance";
  throw Error(ErrorKind::environment,
              fmt::format("cannot launch {}: {} (see --log-level debug; libguestfs-test-tool shows "
                          "whether the stock one works at all)",
                          which, why));
}

}  // namespace rehost
