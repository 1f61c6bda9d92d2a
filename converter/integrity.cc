#include "converter/integrity.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "converter/core/error.h"
#include "converter/result_paths.h"
#include "converter/total_progress.h"
#include "images/delta.h"
#include "images/posix_file.h"
#include "images/probe.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;
using Sources = std::vector<std::unique_ptr<ImageSource>>;

std::vector<BlockManifest> hash_all(const std::string& phase, const Sources& sources,
                                    EventSink& events, const std::stop_token& stop) {
  uint64_t total = 0;
  for (const std::unique_ptr<ImageSource>& source : sources) {
    total += data_bytes(*source);
  }
  TotalProgress progress(phase, total, events);
  std::vector<BlockManifest> manifests;
  for (const std::unique_ptr<ImageSource>& source : sources) {
    CopyOptions options;
    options.on_progress = progress.next_disk(data_bytes(*source));
    options.stop = stop;
    manifests.push_back(hash_image(*source, options));
  }
  return manifests;
}

// A disk as far as its result goes: an --output-disk may be larger than the disk that was written
// to it.
class FirstBytes : public ImageSource {
 public:
  FirstBytes(std::unique_ptr<ImageSource> whole, uint64_t size)
      : whole_(std::move(whole)), size_(std::min(size, whole_->size())) {}

  uint64_t size() const override { return size_; }
  void read(uint64_t offset, std::span<std::byte> into) const override {
    whole_->read(offset, into);
  }
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    return whole_->extents(offset, length);
  }
  const std::string& name() const override { return whole_->name(); }

 private:
  std::unique_ptr<ImageSource> whole_;
  uint64_t size_;
};

// The result as whoever takes it will read it.
std::unique_ptr<ImageSource> open_result(const Overlay& overlay, const fs::path& image,
                                         const Options& options) {
  if (options.in_place) {
    return open_volume(overlay.volume());
  }
  if (options.format == "delta") {
    return std::make_unique<DeltaSource>(image, open_volume(overlay.volume()));
  }
  ProbeOptions probe;
  probe.format = options.format == "raw" ? "raw" : "auto";  // a guest may write any first sector
  return open_volume(probe_volume(overlay.volume().id, image.string(), probe));
}

void require_same(const BlockManifest& found, const BlockManifest& wanted, const fs::path& image) {
  const std::vector<uint64_t> bad = differing_blocks(found, wanted);
  if (!bad.empty()) {
    throw Error(ErrorKind::image_io,
                fmt::format("{} does not read back as it was written: {} (the disk beneath it "
                            "cannot be trusted)",
                            image.string(), describe_blocks(bad)));
  }
}

// Is this disk what an earlier run of the job has made of it? A run that was killed after it had
// written in place may not have given the manifest its name yet.
bool is_converted(const BlockManifest& found, const std::filesystem::path& manifest) {
  for (const std::string& path : {manifest.string(), manifest.string() + ".partial"}) {
    try {
      ManifestFile result(path);
      if (result.disk_size() == found.size && result.differing_blocks(found).empty()) {
        return true;
      }
    } catch (const Error&) {
      continue;  // it is not there, or is none: then it says nothing
    }
  }
  return false;
}

}  // namespace

std::string describe_blocks(const std::vector<uint64_t>& blocks) {
  constexpr size_t kShown = 8;
  const auto end = blocks.begin() + static_cast<ptrdiff_t>(std::min(blocks.size(), kShown));
  return fmt::format("{} of its blocks {}: {}{}", blocks.size(),
                     blocks.size() == 1 ? "differs" : "differ",
                     fmt::join(blocks.begin(), end, ", "), end == blocks.end() ? "" : ", ...");
}

void verify_sources(const std::vector<Volume>& volumes, const Options& options, EventSink& events,
                    const std::stop_token& stop) {
  Sources sources;
  std::vector<size_t> positions;  // of those that somebody vouches for
  std::vector<ManifestFile> wanted;
  for (size_t i = 0; i < volumes.size(); ++i) {
    const std::string& manifest = options.source_manifests[i];
    if (manifest.empty()) {
      continue;
    }
    positions.push_back(i);
    wanted.emplace_back(manifest);
    if (wanted.back().disk_size() != volumes[i].size) {
      throw Error(
          ErrorKind::image_io,
          fmt::format("{} has {} bytes and its manifest {} is of a disk of {}: copy it "
                      "again",
                      volumes[i].path, volumes[i].size, manifest, wanted.back().disk_size()));
    }
    wanted.back().check();
    sources.push_back(open_volume(volumes[i]));
  }
  const std::vector<BlockManifest> found = hash_all("verify-source", sources, events, stop);
  for (size_t k = 0; k < positions.size(); ++k) {
    const size_t i = positions[k];
    const std::vector<uint64_t> bad = wanted[k].differing_blocks(found[k]);
    if (!bad.empty() &&
        !(options.accept_converted && is_converted(found[k], result_paths(options)[i].manifest))) {
      throw Error(ErrorKind::image_io,
                  fmt::format("{} is not what its manifest {} says: {}; copy it again",
                              volumes[i].path, options.source_manifests[i], describe_blocks(bad)));
    }
  }
}

std::vector<BlockManifest> hash_results(const std::vector<Overlay>& overlays, EventSink& events,
                                        const std::stop_token& stop) {
  Sources sources;
  for (const Overlay& overlay : overlays) {
    sources.push_back(overlay.merged());
  }
  return hash_all("manifest", sources, events, stop);
}

void write_manifests(const std::vector<BlockManifest>& manifests, const Options& options,
                     FileGroup& names) {
  const std::vector<ResultPaths> paths = result_paths(options);
  for (size_t i = 0; i < manifests.size(); ++i) {
    write_manifest(paths[i].manifest, manifests[i], &names);
  }
}

void mention_manifests(const std::vector<BlockManifest>& manifests, const Options& options,
                       std::vector<OutputVolume>& outputs) {
  const std::vector<ResultPaths> paths = result_paths(options);
  for (size_t i = 0; i < manifests.size(); ++i) {
    outputs[i].manifest = paths[i].manifest.string();
    outputs[i].manifest_root = to_hex(manifests[i].root());
  }
}

void verify_results(const std::vector<Overlay>& overlays,
                    const std::vector<BlockManifest>& manifests, const Options& options,
                    EventSink& events, const std::stop_token& stop) {
  const std::vector<ResultPaths> paths = result_paths(options);
  Sources results;
  for (size_t i = 0; i < overlays.size(); ++i) {
    const fs::path image =
        options.output.empty() ? paths[i].image : partial_path_of(paths[i].image);
    forget_cached(image);
    results.push_back(
        std::make_unique<FirstBytes>(open_result(overlays[i], image, options), manifests[i].size));
  }
  const std::vector<BlockManifest> found = hash_all("verify", results, events, stop);
  for (size_t i = 0; i < found.size(); ++i) {
    require_same(found[i], manifests[i], paths[i].image);
  }
}

}  // namespace rehost
