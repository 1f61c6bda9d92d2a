// Converted copies: whole disks in one of the formats, or deltas.
#pragma once

#include <stop_token>
#include <vector>

#include "converter/core/event.h"
#include "converter/options.h"
#include "converter/report.h"
#include "images/block_manifest.h"
#include "images/overlay.h"

namespace rehost {

// Copies every disk under a partial name; the final names appear when all of them are complete.
// Answers with what each disk holds.
std::vector<BlockManifest> write_copies(const std::vector<Overlay>& overlays,
                                        const Options& options, EventSink& events,
                                        const std::stop_token& stop, Report& report);

// Writes the changed blocks of every disk (images/delta.h).
void write_deltas(const std::vector<Overlay>& overlays, const Options& options, EventSink& events,
                  const std::stop_token& stop, Report& report);

}  // namespace rehost
