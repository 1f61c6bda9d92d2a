#include "drivers/initramfs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "converter/core/error.h"

namespace rehost {
namespace {

size_t zeros_at(std::string_view bytes, size_t from) {
  return std::min(bytes.find_first_not_of('\0', from), bytes.size());
}

// Archives behind one another with zeros between them: what one stream unpacks to.
std::vector<CpioArchive> parse_archives(std::string_view stream) {
  std::vector<CpioArchive> archives;
  size_t at = zeros_at(stream, 0);
  while (at < stream.size()) {
    archives.push_back(parse_cpio(stream, at));
    at = zeros_at(stream, archives.back().end);
  }
  return archives;
}

// Where something begins behind bytes that we cannot read: a plain archive, as an append makes it.
InitramfsSegment unknown_segment(std::string_view image, size_t offset, std::string problem) {
  InitramfsSegment segment;
  segment.offset = offset;
  segment.codec = detect_codec(image.substr(offset));
  segment.problem = std::move(problem);
  const std::optional<CpioArchive> next = find_cpio(image, offset + 1);
  segment.length = (next ? next->offset : image.size()) - offset;
  return segment;
}

}  // namespace

Initramfs::Initramfs(std::string image) : image_(std::move(image)) {
  read_segments();
  build_tree();
}

void Initramfs::read_segments() {
  uint64_t unpacked = 0;
  for (size_t at = 0; at < image_.size();) {
    segments_.push_back(read_segment(at, unpacked));
    unpacked += segments_.back().unpacked.size();
    at += segments_.back().length;
  }
}

InitramfsSegment Initramfs::read_segment(size_t offset, uint64_t unpacked_so_far) const {
  const std::string_view rest = std::string_view(image_).substr(offset);
  InitramfsSegment segment;
  segment.offset = offset;
  if (rest.front() == '\0') {
    segment.kind = SegmentKind::zeros;
    segment.length = zeros_at(rest, 0);
    return segment;
  }
  try {
    segment.codec = detect_codec(rest);
    if (segment.codec != Codec::plain) {
      Decompressed stream =
          decompress(segment.codec, rest, kMaxUnpackedInitramfs - unpacked_so_far);
      segment.archives = parse_archives(stream.bytes);
      segment.unpacked = std::move(stream.bytes);
      segment.length = stream.consumed;
    } else if (offset % 4 == 0) {
      segment.archives = {parse_cpio(rest)};
      segment.length = segment.archives.front().end;
    }
  } catch (const Error& error) {
    return unknown_segment(image_, offset, error.what());
  }
  if (segment.archives.empty()) {
    return unknown_segment(image_, offset, "it holds no cpio archive");
  }
  segment.kind = SegmentKind::archive;
  return segment;
}

void Initramfs::build_tree() {
  if (unknown_contents()) {
    tree_.assume_parents();
  }
  for (size_t s = 0; s < segments_.size(); ++s) {
    const std::string_view bytes = contents(segments_[s]);
    for (size_t a = 0; a < segments_[s].archives.size(); ++a) {
      const CpioArchive& archive = segments_[s].archives[a];
      for (size_t e = 0; e < archive.entries.size(); ++e) {
        const CpioEntry& entry = archive.entries[e];
        const bool is_link = (entry.mode & kFileTypeMask) == kSymlink;
        const std::string_view target =
            is_link ? bytes.substr(entry.data_offset, entry.data_size) : std::string_view();
        tree_.add(entry.path, entry.mode, entry.links, target, {s, a, e});
      }
    }
  }
}

const InitramfsSegment* Initramfs::main_segment() const {
  const auto last = std::find_if(segments_.rbegin(), segments_.rend(), [](const auto& segment) {
    return segment.kind == SegmentKind::archive;
  });
  return last == segments_.rend() ? nullptr : &*last;
}

std::optional<std::string> Initramfs::unknown_contents() const {
  for (const InitramfsSegment& segment : segments_) {
    if (segment.kind == SegmentKind::unknown) {
      return fmt::format("the part at byte {} is not readable: {}", segment.offset,
                         segment.problem);
    }
  }
  return main_segment() == nullptr ? std::optional<std::string>("it is empty") : std::nullopt;
}

std::string_view Initramfs::contents(const InitramfsSegment& segment) const {
  return segment.codec == Codec::plain
             ? std::string_view(image_).substr(segment.offset, segment.length)
             : std::string_view(segment.unpacked);
}

std::optional<std::string_view> Initramfs::read(std::string_view path) const {
  const InitramfsTree::Node* node = tree_.find(path);
  if (node == nullptr || (node->mode & kFileTypeMask) != kRegularFile) {
    return std::nullopt;
  }
  const EntryPosition at = node->positions.back();
  const InitramfsSegment& segment = segments_[at.segment];
  const CpioArchive& archive = segment.archives[at.archive];
  return cpio_content(contents(segment), archive, archive.entries[at.entry]);
}

}  // namespace rehost
