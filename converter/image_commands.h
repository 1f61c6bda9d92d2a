// The commands that know disks and no guests: manifest, verify, apply-delta. No appliance is
// launched.
#pragma once

#include <stop_token>

#include "converter/core/event.h"
#include "converter/options.h"
#include "converter/report.h"

namespace rehost {

bool is_image_command(Command command);

// Throws Error; what it has found is in the report also then. verify throws Error(verification) for
// a disk that differs.
void run_image_command(const Options& options, EventSink& events, const std::stop_token& stop,
                       Report& report);

}  // namespace rehost
