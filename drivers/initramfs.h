// An initramfs as the kernel reads it: archives behind one another, each plain or compressed, with
// zeros between them. Early microcode, modules in a leading plain archive (Debian 13) and one
// compressed main archive are the usual parts.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/edit.h"
#include "drivers/codec.h"
#include "drivers/cpio.h"
#include "drivers/initramfs_tree.h"

namespace rehost {

inline constexpr uint64_t kMaxUnpackedInitramfs = 1u << 30;

enum class SegmentKind {
  archive,
  zeros,    // padding
  unknown,  // a codec we do not decode, damage, or something else
};

struct InitramfsSegment {
  SegmentKind kind = SegmentKind::unknown;
  size_t offset = 0;  // in the image
  size_t length = 0;
  Codec codec = Codec::plain;
  std::vector<CpioArchive> archives;  // offsets count from the start of the segment's contents
  std::string unpacked;               // of a compressed segment
  std::string problem;                // of an unknown one: "lzo is not decoded"
};

class Initramfs {
 public:
  // Never throws for what the image holds: what cannot be read is an unknown segment.
  explicit Initramfs(std::string image);

  const std::string& image() const { return image_; }
  const std::vector<InitramfsSegment>& segments() const { return segments_; }
  const InitramfsTree& tree() const { return tree_; }
  // The last segment that is an archive: what it holds wins over the others. nullptr when there is
  // none.
  const InitramfsSegment* main_segment() const;
  // Why not all contents are known; nullopt when they are. Then the tree is only a part of the
  // truth.
  std::optional<std::string> unknown_contents() const;

  // The bytes that the offsets in segment.archives count in.
  std::string_view contents(const InitramfsSegment& segment) const;
  // A regular file, links followed; nullopt when there is none.
  std::optional<std::string_view> read(std::string_view path) const;

 private:
  void read_segments();
  InitramfsSegment read_segment(size_t offset, uint64_t unpacked_so_far) const;
  void build_tree();

  std::string image_;
  std::vector<InitramfsSegment> segments_;
  InitramfsTree tree_;
};

// Why a strategy cannot be used on this image; nullopt when it can.
std::optional<std::string> repack_obstacle(const Initramfs& initramfs);
std::optional<std::string> append_obstacle(const Initramfs& initramfs);

// The entries as they can be put into this image: under their real paths (usr/lib/modules where lib
// is a link), with the directories that are missing in front of them, and without directories that
// are there. Placing twice changes nothing. Throws Error(guest_damaged) when a file stands where a
// directory is needed.
std::vector<ArchiveEntry> place_entries(const Initramfs& initramfs,
                                        std::span<const ArchiveEntry> entries);

// The image with the entries in its main archive, before the trailer, compressed with the same
// codec. All other segments keep every byte. Throws Error(guest_damaged) when there is a
// repack_obstacle.
std::string repack_initramfs(const Initramfs& initramfs, std::span<const ArchiveEntry> entries);
std::string repack_initramfs(std::string_view image, std::span<const ArchiveEntry> entries);

// The image with a plain archive of the entries behind it.
std::string append_segment(const Initramfs& initramfs, std::span<const ArchiveEntry> entries);
std::string append_segment(std::string_view image, std::span<const ArchiveEntry> entries);

// What the edit makes of the image. The caller has compared edit.expects.
std::string apply_to_initramfs(std::string_view image, const AddToInitramfs& edit);

}  // namespace rehost
