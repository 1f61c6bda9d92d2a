#include "converter/copies.h"

#include <numeric>

#include "converter/result_paths.h"
#include "converter/total_progress.h"
#include "images/copier.h"
#include "images/delta.h"
#include "images/formats.h"
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

std::unique_ptr<ImageSink> open_result(const Options& options, const ResultPaths& paths,
                                       uint64_t size) {
  const SinkRequest request{.path = paths.image, .size = size, .existing = existing(options)};
  if (options.output_disks.empty()) {
    return open_sink(options.format, request);
  }
  return std::make_unique<ExistingDiskSink>(request);
}

}  // namespace

std::vector<BlockManifest> write_copies(const std::vector<Overlay>& overlays,
                                        const Options& options, EventSink& events,
                                        const std::stop_token& stop, Report& report) {
  const std::vector<ResultPaths> paths = result_paths(options);
  const std::vector<std::unique_ptr<ImageSource>> sources = merged_disks(overlays);
  uint64_t total = 0;
  for (const std::unique_ptr<ImageSource>& source : sources) {
    total += data_bytes(*source);
  }
  TotalProgress progress("image", total, events);
  std::vector<std::unique_ptr<ImageSink>> sinks;
  std::vector<OutputVolume> outputs;
  std::vector<BlockManifest> manifests;
  for (size_t i = 0; i < sources.size(); ++i) {
    const ImageSource& source = *sources[i];
    sinks.push_back(open_result(options, paths[i], source.size()));
    CopyOptions copy;
    copy.finish = FinishSink::by_caller;
    copy.on_progress = progress.next_disk(data_bytes(source));
    copy.stop = stop;
    CopyResult result = copy_image(source, *sinks.back(), copy);
    outputs.push_back({.path = paths[i].image.string(),
                       .size = source.size(),
                       .bytes_written = result.data_bytes,
                       .bytes_changed = changed_bytes(source)});
    manifests.push_back(std::move(result.manifest));
  }
  for (const std::unique_ptr<ImageSink>& sink : sinks) {
    sink->finish();
  }
  report.outputs = std::move(outputs);
  return manifests;
}

void write_deltas(const std::vector<Overlay>& overlays, const Options& options, EventSink& events,
                  const std::stop_token& stop, Report& report) {
  const std::vector<ResultPaths> paths = result_paths(options);
  const std::vector<std::unique_ptr<ImageSource>> disks = merged_disks(overlays);
  std::vector<uint64_t> touched;
  touched.reserve(disks.size());
  for (const std::unique_ptr<ImageSource>& disk : disks) {
    touched.push_back(changed_blocks(*disk).size() * kBlockSize);
  }
  TotalProgress progress("image", std::accumulate(touched.begin(), touched.end(), uint64_t{0}),
                         events);
  for (size_t i = 0; i < disks.size(); ++i) {
    const std::unique_ptr<ImageSource> before = open_volume(overlays[i].volume());
    DeltaOptions delta;
    delta.existing = existing(options);
    delta.on_progress = progress.next_disk(touched[i]);
    delta.stop = stop;
    const DeltaResult result = write_delta(*before, *disks[i], paths[i].image, delta);
    report.outputs.push_back({.path = paths[i].image.string(),
                              .size = disks[i]->size(),
                              .bytes_written = result.bytes,
                              .bytes_changed = changed_bytes(*disks[i])});
  }
}

}  // namespace rehost
