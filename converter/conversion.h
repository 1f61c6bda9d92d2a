// The phases of a run, from the opened disks to the re-imaged ones, for every command that looks at
// a guest.
//
//   open -> launch -> inspect -> plan -> apply -> check -> close -> image
//
// One appliance launch serves the whole run. inspect, check and plan go the same way and stop
// early; nothing but the last phase of convert writes anywhere but to overlays.
#pragma once

#include <functional>
#include <stop_token>

#include "converter/core/event.h"
#include "converter/options.h"
#include "converter/report.h"

namespace rehost {

using WhenLocked = std::function<void()>;

// Runs inspect, check, plan or convert, filling the report as it goes. Throws Error; what has been
// found out by then is in the report. A check or conversion whose guest would not boot throws
// Error(verification). `when_locked` is called once all volumes and output disks are found and
// locked, before anything is written to any.
void run_conversion(
    const Options& options, EventSink& events, const std::stop_token& stop, Report& report,
    const WhenLocked& when_locked = [] {});

}  // namespace rehost
