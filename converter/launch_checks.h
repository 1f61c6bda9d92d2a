// Does the machine on the disks fit the instance that it is to be launched as? Asked before
// anything is written, and once more of the result for what a conversion can change.
//
// What contradicts is an error: of kind `usage` inside the job itself, `unsupported-guest` between
// the job and the disks, `verification` when only the result shows it. What is doubtful is a
// warning. The codes are stable: docs/launch.md has the table.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/blueprint.h"
#include "converter/check.h"
#include "converter/core/edit.h"
#include "converter/core/event.h"
#include "converter/core/guest.h"
#include "converter/core/inspection.h"
#include "converter/launch_target.h"

namespace rehost {

// What a job says of the launch. Two fields may name the instance type; check_request() refuses
// different ones.
struct LaunchRequest {
  LaunchTarget target = {};
  std::optional<Blueprint> blueprint = {};
  size_t boot_volume = 0;  // position in the list of volumes
};

// The instance type, or empty.
std::string instance_type_of(const LaunchRequest& request);

// The Nitro generation that the drivers have to serve, for Target: the job's own or that of the
// instance type, whichever is newer.
std::optional<int> nitro_generation_of(const LaunchRequest& request);

// How the result will boot: what the job asks for, or what the disk does now.
Firmware firmware_of(const LaunchRequest& request, const Inspection& inspection);

// What the job alone tells. Throws Error(usage).
void check_request(const LaunchRequest& request);

struct LaunchFinding {
  Warning warning;  // code, subject, sentence
  bool contradicts = false;
};

struct LaunchFacts {
  const GuestView& guest;
  const Inspection& inspection;
  std::span<const CheckAnswer> answers;  // of the guest as it is now
  const ConversionPlan* plan = nullptr;  // what is yet to be done to it; null: it is done
};

std::vector<LaunchFinding> check_launch(const LaunchRequest& request, const LaunchFacts& facts);

// Raises the warnings, then throws when something contradicts: Error(unsupported_guest) when there
// is still a plan to carry out, else Error(verification). What the first call has warned of, the
// second does not repeat.
void require_launchable(const LaunchRequest& request, const LaunchFacts& facts, EventSink& events);

}  // namespace rehost
