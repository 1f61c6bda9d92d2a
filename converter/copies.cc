#include "converter/copies.h"

#include <numeric>

#include "converter/result_paths.h"
#include "converter/total_progress.h"
#include "images/copier.h"
#include "images/delta.h"
#include "images/formats.h"
#include "images/posix_file.h"
#include "images/probe.h"
#include "images/raw.h"

namespace rehost {
namespace {

Existing existing(const Options& options) {
  return options.overwrite ? Existing::replace : Existing::refuse;
}

std::vector<std::unique_ptr<ImageSource>> merged_disks(const std::vector<Overlay>& overlays) {
  std::vector<std::unique_ptr<ImageSource>> disks;
  disks.reserve(overlays.size());
  for (const Overlay& overlay : overlays) {
    disks.push_back(overlay.merged());
  }
  return disks;
}

}  // namespace

Results open_results(const std::vector<Volume>& volumes, const Options& options) {
  Results results;
  if (options.in_place) {
    return results;
  }
  const std::vector<ResultPaths> paths = result_paths(options);
  for (size_t i = 0; i < volumes.size(); ++i) {
    const SinkRequest request{.path = paths[i].image,
                              .size = volumes[i].size,
                              .existing = existing(options),
                              .together = results.names.get()};
    if (!options.output_disks.empty()) {
      results.copies.push_back(std::make_unique<ExistingDiskSink>(request));
    } else if (options.format == "delta") {
      results.deltas.emplace_back(request);
    } else {
      results.copies.push_back(open_sink(options.format, request));
    }
  }
  return results;
}

std::vector<BlockManifest> write_copies(const std::vector<Overlay>& overlays,
                                        const Options& options, Results& results, EventSink& events,
                                        const std::stop_token& stop,
                                        std::vector<OutputVolume>& outputs) {
  const std::vector<ResultPaths> paths = result_paths(options);
  const std::vector<std::unique_ptr<ImageSource>> sources = merged_disks(overlays);
  uint64_t total = 0;
  for (const std::unique_ptr<ImageSource>& source : sources) {
    total += data_bytes(*source);
  }
  TotalProgress progress("image", total, events);
  std::vector<BlockManifest> manifests;
  for (size_t i = 0; i < sources.size(); ++i) {
    const ImageSource& source = *sources[i];
    CopyOptions copy;
    copy.finish = FinishSink::by_caller;
    copy.on_progress = progress.next_disk(data_bytes(source));
    copy.stop = stop;
    CopyResult result = copy_image(source, *results.copies[i], copy);
    outputs.push_back({.path = paths[i].image.string(),
                       .size = source.size(),
                       .bytes_written = result.data_bytes,
                       .bytes_changed = changed_bytes(source)});
    manifests.push_back(std::move(result.manifest));
  }
  for (const std::unique_ptr<ImageSink>& sink : results.copies) {
    sink->finish();
  }
  return manifests;
}

void write_deltas(const std::vector<Overlay>& overlays, const Options& options, Results& results,
                  EventSink& events, const std::stop_token& stop,
                  std::vector<OutputVolume>& outputs) {
  const std::vector<ResultPaths> paths = result_paths(options);
  const std::vector<std::unique_ptr<ImageSource>> disks = merged_disks(overlays);
  std::vector<uint64_t> touched;
  touched.reserve(disks.size());
  for (const std::unique_ptr<ImageSource>& disk : disks) {
    touched.push_back(changed_blocks(*disk).size() * kBlockSize);
  }
  const uint64_t total = std::accumulate(touched.begin(), touched.end(), uint64_t{0});
  require_free_space(options.output, total);
  TotalProgress progress("image", total, events);
  for (size_t i = 0; i < disks.size(); ++i) {
    const std::unique_ptr<ImageSource> before = open_volume(overlays[i].volume());
    DeltaOptions delta;
    delta.on_progress = progress.next_disk(touched[i]);
    delta.stop = stop;
    const DeltaResult result = write_delta(*before, *disks[i], results.deltas[i], delta);
    outputs.push_back({.path = paths[i].image.string(),
                       .size = disks[i]->size(),
                       .bytes_written = result.bytes,
                       .bytes_changed = changed_bytes(*disks[i])});
  }
}

}  // namespace rehost
