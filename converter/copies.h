// Converted copies: whole disks in one of the formats, or deltas.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "converter/core/event.h"
#include "converter/options.h"
#include "converter/report.h"
#include "images/block_manifest.h"
#include "images/image_sink.h"
#include "images/overlay.h"

namespace rehost {

// What a conversion writes, opened and locked before the long work begins: what is in use, too
// small or too large for its format is refused in the first second. Files have partial names until
// names.publish() gives all of them, manifests too, their own; without it nothing is left.
struct Results {
  std::unique_ptr<FileGroup> names = std::make_unique<FileGroup>();
  std::vector<std::unique_ptr<ImageSink>> copies;  // one for each source, or
  std::vector<PartialFile> deltas;                 // one for each source, or neither: in place
};

Results open_results(const std::vector<Volume>& volumes, const Options& options);

// Copies every disk to its place in `results`. Answers with what each disk holds; `outputs` gets a
// row for each.
std::vector<BlockManifest> write_copies(const std::vector<Overlay>& overlays,
                                        const Options& options, Results& results, EventSink& events,
                                        const std::stop_token& stop,
                                        std::vector<OutputVolume>& outputs);

// Writes the changed blocks of every disk (images/delta.h).
void write_deltas(const std::vector<Overlay>& overlays, const Options& options, Results& results,
                  EventSink& events, const std::stop_token& stop,
                  std::vector<OutputVolume>& outputs);

}  // namespace rehost
