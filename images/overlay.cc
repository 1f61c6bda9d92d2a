#include "images/overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "converter/core/error.h"
#include "images/child_process.h"
#include "images/formats.h"
#include "images/nbd.h"
#include "images/raw.h"

namespace rehost {
namespace {

// The layer over a raw volume. What has not changed, nearly all of it, is read from the volume
// directly; only the rest goes through qemu-nbd.
class RawUnderOverlay : public ImageSource {
 public:
  RawUnderOverlay(const Volume& volume, const std::string& overlay_path)
      : volume_(volume.path),
        layer_(overlay_path, "qcow2", {.allocation_depth = true}),
        changes_(layer_.server().change_map(0, layer_.size())) {}

  uint64_t size() const override { return layer_.size(); }
  const std::string& name() const override { return volume_.name(); }

  void read(uint64_t offset, std::span<std::byte> into) const override {
    for (auto change = change_at(offset); !into.empty(); ++change) {
      const uint64_t left = change->offset + change->length - offset;
      const auto piece = into.first(std::min<uint64_t>(left, into.size()));
      const ImageSource& from = change->changed ? static_cast<const ImageSource&>(layer_) : volume_;
      from.read(offset, piece);
      into = into.subspan(piece.size());
      offset += piece.size();
    }
  }

  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    std::vector<Extent> extents;
    const uint64_t end = offset + length;
    for (auto change = change_at(offset); offset < end; ++change) {
      const uint64_t piece = std::min(change->offset + change->length, end) - offset;
      const std::vector<Extent> inside = change->changed ? layer_.server().data_map(offset, piece)
                                                         : volume_.extents(offset, piece);
      for (Extent extent : inside) {
        extent.changed = change->changed;
        append_extent(extents, extent);
      }
      offset += piece;
    }
    return extents;
  }

 private:
  std::vector<Extent>::const_iterator change_at(uint64_t offset) const {
    return std::prev(std::upper_bound(
        changes_.begin(), changes_.end(), offset,
        [](uint64_t wanted, const Extent& extent) { return wanted < extent.offset; }));
  }

  RawSource volume_;
  NbdSource layer_;
  std::vector<Extent> changes_;
};

// Zero for what has none that means anything.
std::filesystem::file_time_type modification_time(const Volume& volume) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(volume.path, ignored)
             ? std::filesystem::last_write_time(volume.path, ignored)
             : std::filesystem::file_time_type();
}

}  // namespace

Overlay::Overlay(const Volume& volume, const std::filesystem::path& work_directory)
    : volume_(volume), written_(modification_time(volume)) {
  const ImageFormat* format = find_image_format(volume.format);
  if (format == nullptr) {
    throw Error(ErrorKind::usage, fmt::format("cannot put a layer over {}: unknown format \"{}\"",
                                              volume.path, volume.format));
  }
  const std::filesystem::path directory = std::filesystem::absolute(work_directory);
  path_ = (directory / (volume.id + ".overlay.qcow2")).native();
  // --size and -u: the volume has been probed already, and nothing shall look into it again to
  // guess.
  const std::string beneath =
      is_nbd_uri(volume.path) ? volume.path : std::filesystem::absolute(volume.path).native();
  const CommandOutput made = run_command(
      {"qemu-img", "create", "-q", "-u", "-f", "qcow2", "-o", "cluster_size=64k", "-b", beneath,
       "-F", std::string(format->qemu_name), path_, std::to_string(volume.size)});
  if (made.status != 0) {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    throw Error(ErrorKind::environment,
                fmt::format("cannot make a layer over {} in {}: {}", volume.path,
                            directory.native(), made.error.substr(0, made.error.find('\n'))));
  }
}

Overlay::~Overlay() {
  if (!path_.empty()) {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
}

Overlay::Overlay(Overlay&& other) noexcept
    : volume_(std::move(other.volume_)),
      path_(std::exchange(other.path_, {})),
      written_(other.written_) {}

Overlay& Overlay::operator=(Overlay&& other) noexcept {
  std::swap(volume_, other.volume_);
  std::swap(path_, other.path_);
  std::swap(written_, other.written_);
  return *this;
}

void Overlay::require_unchanged() const {
  if (modification_time(volume_) != written_) {
    throw Error(ErrorKind::plan_conflict,
                fmt::format("{} was written to by somebody else while it was converted: keep the "
                            "machine and the replication away from it, and convert it again",
                            volume_.path));
  }
}

std::unique_ptr<ImageSource> Overlay::merged() const {
  if (volume_.format == "raw") {
    return std::make_unique<RawUnderOverlay>(volume_, path_);
  }
  return std::make_unique<NbdSource>(path_, "qcow2", NbdServerOptions{.allocation_depth = true});
}

}  // namespace rehost
