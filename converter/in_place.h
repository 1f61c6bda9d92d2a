// The changed blocks onto the sources themselves, through a journal, and what is to be done about a
// journal that was left behind.
#pragma once

#include <filesystem>
#include <stop_token>
#include <vector>

#include "converter/core/event.h"
#include "converter/report.h"
#include "images/image_sink.h"
#include "images/overlay.h"

namespace rehost {

// Writes what changed onto the volumes, through a journal. Once that is complete a stop request
// waits for the end. `names` are published when all is written, before the journal is removed;
// `manifests` (empty paths: none) is where they go, for whoever has to finish after a kill.
void write_in_place(const std::vector<Overlay>& overlays,
                    const std::vector<std::filesystem::path>& manifests, FileGroup& names,
                    EventSink& events, const std::stop_token& stop,
                    std::vector<OutputVolume>& outputs);

// Puts a delta onto an untouched copy of the disk it was made from, in the same manner.
void apply_delta_file(const std::filesystem::path& delta, const Volume& volume, EventSink& events,
                      const std::stop_token& stop, Report& report);

// The journal of a commit that was killed, by what is said beside any of these volumes or on it;
// empty when there is none. Throws Error(plan_conflict) when it is about other volumes than just
// these (a volume of several is half written even when its journal lies beside another), or is
// lost.
std::filesystem::path left_behind_journal(const std::vector<Volume>& volumes);

enum class Recovery { finish, undo };
// Also writes the manifests that the interrupted conversion owed, beside the journal, the disks or
// this run's report (which lies in the current directory when it has no name), and warns of others;
// a stop request ends that, and nothing else. Undoing warns of those that are there.
void recover(const std::vector<Volume>& volumes, const std::filesystem::path& journal,
             Recovery recovery, const std::filesystem::path& report_path, EventSink& events,
             const std::stop_token& stop, Report& report);

}  // namespace rehost
