// The changed blocks onto the sources themselves, through a journal, and what is to be done about a
// journal that was left behind.
#pragma once

#include <filesystem>
#include <stop_token>
#include <vector>

#include "converter/core/event.h"
#include "converter/report.h"
#include "images/overlay.h"

namespace rehost {

// Writes what changed onto the volumes, through a journal. Once that is complete a stop request
// waits for the end.
void write_in_place(const std::vector<Overlay>& overlays, EventSink& events,
                    const std::stop_token& stop, std::vector<OutputVolume>& outputs);

// Puts a delta onto an untouched copy of the disk it was made from, in the same manner.
void apply_delta_file(const std::filesystem::path& delta, const Volume& volume, EventSink& events,
                      const std::stop_token& stop, Report& report);

// The journal of a commit that was killed, beside any of these volumes; empty when there is none.
// Throws Error(plan_conflict) when it is about other volumes than just these: a volume of several
// is half written even when its journal lies beside another.
std::filesystem::path left_behind_journal(const std::vector<Volume>& volumes);

enum class Recovery { finish, undo };
void recover(const std::vector<Volume>& volumes, const std::filesystem::path& journal,
             Recovery recovery, EventSink& events, Report& report);

}  // namespace rehost
