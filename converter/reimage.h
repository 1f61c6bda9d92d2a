// Where the result goes: converted copies in a directory, or the changed blocks onto the sources.
#pragma once

#include <filesystem>
#include <stop_token>
#include <vector>

#include "converter/core/event.h"
#include "converter/options.h"
#include "converter/report.h"
#include "images/overlay.h"

namespace rehost {

// Everything about --output that can be known before the work begins. Throws Error(usage) for what
// the operator can mend (a directory that is not there, files that exist) and Error(environment)
// where nothing can be written.
void check_output(const Options& options);

// Copies every disk under a partial name; the final names appear when all of them are complete.
void write_copies(const std::vector<Overlay>& overlays, const Options& options, EventSink& events,
                  const std::stop_token& stop, Report& report);

// Writes what changed onto the volumes, through a journal. Once that is complete a stop request
// waits for the end.
void write_in_place(const std::vector<Overlay>& overlays, EventSink& events,
                    const std::stop_token& stop, Report& report);

// The journal of a commit that was killed, beside any of these volumes; empty when there is none.
// Throws Error(plan_conflict) when it is about other volumes than just these.
std::filesystem::path left_behind_journal(const std::vector<Volume>& volumes);

enum class Recovery { finish, undo };
void recover(const std::vector<Volume>& volumes, const std::filesystem::path& journal,
             Recovery recovery, EventSink& events, Report& report);

}  // namespace rehost
