// Moves a disk from a source to a sink, once, in parallel, hashing as it goes.
//
// Memory in use is bounded by CopyOptions::bytes_in_flight, whatever the size of the disk (plus 17
// bytes for each 512 KiB block of the manifest).
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "images/block_manifest.h"
#include "images/image_sink.h"
#include "images/image_source.h"

namespace rehost {

// Bytes of data moved and bytes to move; `done` never goes back and ends at `total`.
using OnProgress = std::function<void(uint64_t done, uint64_t total)>;

// When a copy gets its final name: several that belong together wait until all are complete.
enum class FinishSink { when_copied, by_caller };

struct CopyOptions {
  FinishSink finish = FinishSink::when_copied;
  unsigned threads = 0;  // 0: as many as there are processors, at least 4 (some wait), at most 8
  uint64_t bytes_in_flight = 64 * kMebibyte;
  OnProgress on_progress = {};  // called by the thread that called copy_image
  std::stop_token stop = {};    // stops the copy with Error(cancelled)
};

struct CopyResult {
  BlockManifest manifest;
  uint64_t data_bytes = 0;  // read from the source
  uint64_t zero_bytes = 0;  // of the disk; holes, and data that turned out to be zeros
};

// Writes everything the source holds and calls sink.finish(), unless the caller wants to. The first
// thing that goes wrong, in whichever thread, stops the others and is thrown.
CopyResult copy_image(const ImageSource& source, ImageSink& sink, const CopyOptions& options = {});

// Reads everything and writes nothing.
BlockManifest hash_image(const ImageSource& source, const CopyOptions& options = {});

}  // namespace rehost
