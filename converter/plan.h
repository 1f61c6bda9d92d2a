// From a guest to a plan, and from a plan to a changed guest.
#pragma once

#include <functional>
#include <span>
#include <stop_token>

#include "converter/core/edit.h"
#include "converter/core/fix.h"
#include "converter/core/guest.h"
#include "converter/core/inspection.h"
#include "converter/core/target.h"

namespace rehost {

// Runs the fixes in order, each seeing what the ones before it have planned. The guest cannot
// change: it is a view.
ConversionPlan make_plan(const GuestView& guest, const Inspection& inspection, const Target& target,
                         std::span<const Fix> fixes);

// Carries the plan out, edit by edit. Refuses with Error(plan_conflict) an edit whose file is not
// what the plan saw, and stops between two edits with Error(cancelled) when asked to. `applied` is
// told of each edit done.
void apply_plan(Guest& guest, const ConversionPlan& plan, const std::stop_token& stop,
                const std::function<void(const Edit&)>& applied);

}  // namespace rehost
