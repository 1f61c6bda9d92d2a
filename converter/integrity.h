// Is it what it should be? The sources against the replication side's manifests, the results
// against their own.
#pragma once

#include <stop_token>
#include <vector>

#include "converter/core/event.h"
#include "converter/options.h"
#include "converter/report.h"
#include "images/block_manifest.h"
#include "images/image_sink.h"
#include "images/overlay.h"

namespace rehost {

// Reads every source and compares it with --source-manifest. Throws Error(image_io) naming the
// first blocks of a replica that differs.
void verify_sources(const std::vector<Volume>& volumes, const Options& options, EventSink& events,
                    const std::stop_token& stop);

// What each disk will hold, read through its overlay.
std::vector<BlockManifest> hash_results(const std::vector<Overlay>& overlays, EventSink& events,
                                        const std::stop_token& stop);

// Writes each manifest beside its result, to be named with the others.
void write_manifests(const std::vector<BlockManifest>& manifests, const Options& options,
                     FileGroup& names);
// Says so in the rows of the results.
void mention_manifests(const std::vector<BlockManifest>& manifests, const Options& options,
                       std::vector<OutputVolume>& outputs);

// Reads what has been written, from the disk and not from memory where the kernel allows, and
// compares. Copies in a directory have their partial names still: one that differs or cannot be
// read, Error(image_io), never gets another.
void verify_results(const std::vector<Overlay>& overlays,
                    const std::vector<BlockManifest>& manifests, const Options& options,
                    EventSink& events, const std::stop_token& stop);

// "3 blocks differ: 17, 18, 200", naming some of them.
std::string describe_blocks(const std::vector<uint64_t>& blocks);

}  // namespace rehost
