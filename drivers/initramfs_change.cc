// The writing half of initramfs.h: placing entries, splicing them into the main archive, or
// appending an archive.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "converter/core/error.h"
#include "drivers/initramfs.h"

namespace rehost {
namespace {

bool is_directory_entry(const ArchiveEntry& entry) {
  return (entry.mode & kFileTypeMask) == kDirectory;
}

// An archive may spell a path as /x, ./x or x/. The file system it unpacks to has one name for all
// of them.
std::string plain_path(std::string_view path) {
  std::string plain;
  size_t at = 0;
  while (at < path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (!part.empty() && part != ".") {
      plain += plain.empty() ? "" : "/";
      plain += part;
    }
    at = end + 1;
  }
  return plain;
}

// Finds real paths for entries and remembers the directories that they need.
class Placement {
 public:
  explicit Placement(const Initramfs& initramfs)
      : tree_(initramfs.tree()), partly_known_(initramfs.unknown_contents().has_value()) {}

  void place(const ArchiveEntry& entry) {
    const std::string path = plain_path(entry.path);
    const size_t slash = path.rfind('/');
    const std::string parent = directory(slash == std::string::npos ? "" : path.substr(0, slash));
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (is_directory_entry(entry)) {
      directory(path);
      return;
    }
    ArchiveEntry placed = entry;
    placed.path = parent.empty() ? name : parent + "/" + name;
    if (tree_.is_directory(placed.path)) {
      throw Error(
          ErrorKind::guest_damaged,
          fmt::format("cannot put {} into the initramfs: a directory is there", placed.path));
    }
    placed_.push_back(std::move(placed));
  }

  std::vector<ArchiveEntry> take() { return std::move(placed_); }

 private:
  // The real path of a directory; what is missing of it is added. A directory entry for a path that
  // is a link would replace the link: with "lib" over lib -> usr/lib the kernel finds no init any
  // more (facts/guests.md, section 3).
  std::string directory(const std::string& path) {
    std::string real;
    size_t at = 0;
    while (at < path.size()) {
      const size_t end = std::min(path.find('/', at), path.size());
      const std::string next = (real.empty() ? "" : real + "/") + path.substr(at, end - at);
      at = end + 1;
      if (const std::optional<std::string> known = tree_.resolve(next)) {
        if (!tree_.is_directory(next)) {
          throw Error(
              ErrorKind::guest_damaged,
              fmt::format("cannot put files below {} in the initramfs: it is no directory", next));
        }
        real = *known;
        continue;
      }
      // In an image that we read in part only, /lib and /usr are there and may be links.
      const bool assumed = partly_known_ && real.empty();
      real = next;
      if (!assumed && made_.insert(next).second) {
        placed_.push_back({.path = next, .mode = kDirectory | 0755, .content = ""});
      }
    }
    return real;
  }

  const InitramfsTree& tree_;
  bool partly_known_;
  std::set<std::string> made_;
  std::vector<ArchiveEntry> placed_;
};

bool is_replaced_hard_link(const Initramfs& initramfs, const ArchiveEntry& entry,
                           const InitramfsSegment* rewritten) {
  const InitramfsTree::Node* node = initramfs.tree().at(entry.path);
  return node != nullptr && node->links > 1 && (node->mode & kFileTypeMask) == kRegularFile &&
         &initramfs.segments()[node->positions.back().segment] != rewritten;
}

// Unpacking over a file with several names would change the others too. To keep that from happening
// the old name goes first: the kernel removes a file when a directory of its name comes, and that
// directory when the new file comes.
std::vector<ArchiveEntry> with_links_cut(const Initramfs& initramfs,
                                         std::vector<ArchiveEntry> entries,
                                         const InitramfsSegment* rewritten) {
  std::vector<ArchiveEntry> result;
  for (ArchiveEntry& entry : entries) {
    if (!is_directory_entry(entry) && is_replaced_hard_link(initramfs, entry, rewritten)) {
      result.push_back({.path = entry.path, .mode = kDirectory | 0755, .content = ""});
    }
    result.push_back(std::move(entry));
  }
  return result;
}

// The entries of one archive that the new ones replace.
std::vector<size_t> replaced_entries(const Initramfs& initramfs,
                                     std::span<const ArchiveEntry> entries, size_t segment,
                                     size_t archive) {
  std::set<size_t> replaced;
  for (const ArchiveEntry& entry : entries) {
    const InitramfsTree::Node* node = initramfs.tree().at(entry.path);
    if (node == nullptr || is_directory_entry(entry)) {
      continue;
    }
    for (const EntryPosition& position : node->positions) {
      if (position.segment == segment && position.archive == archive) {
        replaced.insert(position.entry);
      }
    }
  }
  return {replaced.begin(), replaced.end()};
}

}  // namespace

std::optional<std::string> repack_obstacle(const Initramfs& initramfs) {
  if (std::optional<std::string> unknown = initramfs.unknown_contents()) {
    return unknown;
  }
  const Codec codec = initramfs.main_segment()->codec;
  if (!can_compress(codec)) {
    return fmt::format("its main archive is {}, which the kernel does not read", to_string(codec));
  }
  return std::nullopt;
}

std::optional<std::string> append_obstacle(const Initramfs& initramfs) {
  for (const InitramfsSegment& segment : initramfs.segments()) {
    // The kernel may know a codec that we do not. At damage it stops, and does not see what is
    // behind it.
    const bool named = segment.codec != Codec::plain && !can_decompress(segment.codec);
    if (segment.kind == SegmentKind::unknown && !named) {
      return fmt::format("the part at byte {} is not readable: {}", segment.offset,
                         segment.problem);
    }
  }
  return initramfs.segments().empty() ? std::optional<std::string>("it is empty") : std::nullopt;
}

std::vector<ArchiveEntry> place_entries(const Initramfs& initramfs,
                                        std::span<const ArchiveEntry> entries) {
  Placement placement(initramfs);
  for (const ArchiveEntry& entry : entries) {
    placement.place(entry);
  }
  return placement.take();
}

std::string repack_initramfs(const Initramfs& initramfs, std::span<const ArchiveEntry> entries) {
  if (const std::optional<std::string> obstacle = repack_obstacle(initramfs)) {
    throw Error(ErrorKind::guest_damaged, "cannot repack the initramfs: " + *obstacle);
  }
  const InitramfsSegment& main = *initramfs.main_segment();
  const std::vector<ArchiveEntry> placed =
      with_links_cut(initramfs, place_entries(initramfs, entries), &main);
  const auto position = static_cast<size_t>(&main - initramfs.segments().data());
  const size_t last = main.archives.size() - 1;
  const std::string_view image = initramfs.image();
  std::string packed = compress(
      main.codec, splice_cpio(initramfs.contents(main), main.archives[last],
                              replaced_entries(initramfs, placed, position, last), placed));
  const std::string_view behind = image.substr(main.offset + main.length);
  std::string out;
  out.reserve(main.offset + packed.size() + behind.size() + 4);
  out += image.substr(0, main.offset);
  out += packed;
  if (!behind.empty()) {
    // What follows keeps its place on the four-byte grid.
    while (out.size() % 4 != (main.offset + main.length) % 4) {
      out.push_back('\0');
    }
  }
  out += behind;
  return out;
}

std::string repack_initramfs(std::string_view image, std::span<const ArchiveEntry> entries) {
  return repack_initramfs(Initramfs(std::string(image)), entries);
}

std::string append_segment(const Initramfs& initramfs, std::span<const ArchiveEntry> entries) {
  if (const std::optional<std::string> obstacle = append_obstacle(initramfs)) {
    throw Error(ErrorKind::guest_damaged, "cannot append to the initramfs: " + *obstacle);
  }
  std::string out = initramfs.image();
  // The kernel looks for the next archive on a 4-byte boundary and skips zeros to get there.
  // Without the padding it reports bad magic, boots anyway, and our drivers are not in it. Legacy
  // lz4 has no end mark: there a block of length zero has to say that no block follows.
  const Codec codec = initramfs.segments().back().codec;
  if (initramfs.segments().back().kind == SegmentKind::archive && codec == Codec::lz4_legacy) {
    out.append(4, '\0');
  }
  out.resize((out.size() + 3) & ~size_t{3});
  out += write_cpio(with_links_cut(initramfs, place_entries(initramfs, entries), nullptr));
  return out;
}

std::string append_segment(std::string_view image, std::span<const ArchiveEntry> entries) {
  return append_segment(Initramfs(std::string(image)), entries);
}

std::string apply_to_initramfs(std::string_view image, const AddToInitramfs& edit) {
  switch (edit.strategy) {
    case InitramfsStrategy::repack:
      return repack_initramfs(image, edit.entries);
    case InitramfsStrategy::append:
      return append_segment(image, edit.entries);
    case InitramfsStrategy::rebuild:
      break;
  }
  throw Error(ErrorKind::internal, "an initramfs is rebuilt by the guest, not by adding entries");
}

}  // namespace rehost
