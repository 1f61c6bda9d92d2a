#include "images/block_manifest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <memory>
#include <new>
#include <system_error>

#include "converter/core/error.h"
#include "images/image_sink.h"

namespace rehost {
namespace {

constexpr std::string_view kFirstLine = "rehost-manifest 1";
// No EBS volume is larger than 64 TiB; the list of its blocks takes 2.1 GiB.
constexpr uint64_t kLargestDisk = uint64_t{1} << 46;

constexpr size_t kLongestLine = 256;
constexpr size_t kTextPiece = 64 * kKibibyte;

// Puts the next bytes of the text there and says how many; 0 at its end.
using ReadText = std::function<size_t(std::span<char>)>;

// Lines of a manifest, each checked; knows its number for the sentence.
class LineReader {
 public:
  LineReader(ReadText read, const std::string& name)
      : read_(std::move(read)), name_(name), buffer_(kTextPiece, '\0') {}

  [[noreturn]] void fail(std::string_view what) const {
    throw Error(ErrorKind::usage,
                fmt::format("{} is not a manifest: line {} {}", name_, number_, what));
  }
  bool at_end() {
    fill();
    return text_.empty();
  }
  // Valid until the next call.
  std::string_view next() {
    ++number_;
    size_t end = text_.find('\n');
    if (end == std::string_view::npos) {
      fill();
      end = text_.find('\n');
    }
    if (end == std::string_view::npos) {
      fail("is missing or cut short");
    }
    const std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return line;
  }
  std::string_view value_of(std::string_view key) {
    const std::string_view line = next();
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') {
      fail(fmt::format("is not \"{} ...\"", key));
    }
    return line.substr(key.size() + 1);
  }
  uint64_t number(std::string_view text, int base = 10) const {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    // Two manifests of one disk are one text, so a number has one spelling.
    const bool spelt = base == 16 ? text.find_first_of("ABCDEF") == std::string_view::npos
                                  : text.size() == 1 || !text.starts_with('0');
    if (error != std::errc() || end != text.data() + text.size() || !spelt) {
      fail("has no number where one is expected");
    }
    return value;
  }
  BlockHash hash(std::string_view text) const {
    if (text.size() != 32) {
      fail("has no hash of 32 digits");
    }
    return {number(text.substr(0, 16), 16), number(text.substr(16), 16)};
  }

 private:
  // What is left of the text moves to the front, and more comes behind it.
  void fill() {
    std::copy(text_.begin(), text_.end(), buffer_.begin());
    size_t bytes = text_.size();
    while (bytes < kLongestLine) {
      const size_t more = read_(std::span(buffer_).subspan(bytes));
      if (more == 0) {
        break;
      }
      bytes += more;
    }
    text_ = std::string_view(buffer_).substr(0, bytes);
  }

  ReadText read_;
  const std::string& name_;
  std::string buffer_;
  std::string_view text_;  // in the buffer
  uint64_t number_ = 0;
};

ReadText text_of(std::string_view text) {
  return [text](std::span<char> into) mutable {
    const size_t bytes = std::min(into.size(), text.size());
    std::copy_n(text.begin(), bytes, into.begin());
    text.remove_prefix(bytes);
    return bytes;
  };
}

ReadText text_of(const FileDescriptor& file, const std::string& name) {
  return [&file, &name, left = file_size_of(file.get(), name),
          offset = uint64_t{0}](std::span<char> into) mutable {
    const size_t bytes = std::min<uint64_t>(into.size(), left);
    read_fully(file.get(), name, offset, std::as_writable_bytes(into.first(bytes)));
    offset += bytes;
    left -= bytes;
    return bytes;
  };
}

// The hash of the hashes, as bytes in canonical order, so that the number is the same on every
// machine.
class RootHash {
 public:
  RootHash() : state_(XXH3_createState(), XXH3_freeState) {
    if (!state_ || XXH3_128bits_reset(state_.get()) != XXH_OK) {
      throw std::bad_alloc();
    }
  }
  void add(const BlockHash& block) {
    XXH128_canonical_t canonical = {};
    XXH128_canonicalFromHash(&canonical, XXH128_hash_t{block.low, block.high});
    XXH3_128bits_update(state_.get(), canonical.digest, sizeof(canonical.digest));
  }
  BlockHash value() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return {hash.high64, hash.low64};
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

struct Head {
  uint64_t size = 0;
  BlockHash root;
};

Head parse_head(LineReader& lines) {
  if (lines.next() != kFirstLine) {
    lines.fail("is not \"rehost-manifest 1\"");
  }
  Head head;
  head.size = lines.number(lines.value_of("size"));
  if (lines.number(lines.value_of("block")) != kBlockSize) {
    lines.fail("has a block size other than 524288");
  }
  if (lines.value_of("hash") != "xxh3-128") {
    lines.fail("has a hash other than xxh3-128");
  }
  if (head.size > kLargestDisk) {
    lines.fail("has a size that no disk has");
  }
  head.root = lines.hash(lines.value_of("root"));
  return head;
}

uint64_t blocks_of(uint64_t size) {
  return (size + kBlockSize - 1) / kBlockSize;
}

// A block of zeros, as long as the block with this number.
class ZeroHashes {
 public:
  explicit ZeroHashes(uint64_t size) : last_(blocks_of(size) - 1) {
    const std::vector<std::byte> zeros(kBlockSize);
    whole_ = hash_block(zeros);
    short_ =
        size % kBlockSize == 0 ? whole_ : hash_block(std::span(zeros).first(size % kBlockSize));
  }
  const BlockHash& of(uint64_t number) const { return number == last_ ? short_ : whole_; }

 private:
  uint64_t last_;
  BlockHash whole_;
  BlockHash short_;
};

// Every block of the disk in order, listed or not: its number, its hash, and whether it is listed.
using OnBlock = std::function<void(uint64_t number, const BlockHash& hash, bool listed)>;

void parse_blocks(LineReader& lines, const Head& head, const std::string& name,
                  const OnBlock& on_block) {
  const ZeroHashes zeros(head.size);
  const uint64_t count = blocks_of(head.size);
  RootHash root;
  uint64_t listed = 0;
  uint64_t next = 0;
  const auto pass_zeros = [&](uint64_t end) {
    for (; next < end; ++next) {
      root.add(zeros.of(next));
      on_block(next, zeros.of(next), false);
    }
  };
  std::string_view line = lines.next();
  for (; !line.starts_with("end "); line = lines.next()) {
    const size_t space = std::min(line.find(' '), line.size());
    const uint64_t number = lines.number(line.substr(0, space));
    if (number < next || number >= count || space == line.size()) {
      lines.fail("names a block out of order or beyond the disk");
    }
    const BlockHash hash = lines.hash(line.substr(space + 1));
    pass_zeros(number);
    root.add(hash);
    on_block(number, hash, true);
    next = number + 1;
    ++listed;
  }
  if (lines.number(line.substr(4)) != listed || !lines.at_end()) {
    lines.fail("does not end the list");
  }
  pass_zeros(count);
  if (root.value() != head.root) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is damaged: its blocks do not match its root", name));
  }
}

BlockManifest parse(LineReader& lines, const std::string& name) {
  const Head head = parse_head(lines);
  BlockManifest manifest = BlockManifest::all_zero(head.size);
  parse_blocks(lines, head, name, [&](uint64_t number, const BlockHash& hash, bool listed) {
    manifest.blocks[number] = hash;
    manifest.zero[number] = listed ? 0 : 1;
  });
  return manifest;
}

}  // namespace

BlockHash hash_block(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

std::string to_hex(const BlockHash& hash) {
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

BlockManifest BlockManifest::all_zero(uint64_t size) {
  const std::vector<std::byte> zeros(kBlockSize);
  BlockManifest manifest;
  manifest.size = size;
  const size_t count = (size + kBlockSize - 1) / kBlockSize;
  manifest.blocks.assign(count, hash_block(zeros));
  manifest.zero.assign(count, 1);
  if (size % kBlockSize != 0) {
    manifest.blocks.back() = hash_block(std::span(zeros).first(size % kBlockSize));
  }
  return manifest;
}

BlockHash BlockManifest::root() const {
  RootHash root;
  for (const BlockHash& block : blocks) {
    root.add(block);
  }
  return root.value();
}

void print_manifest(const BlockManifest& manifest,
                    const std::function<void(std::string_view)>& print) {
  std::string text = fmt::format("{}\nsize {}\nblock {}\nhash xxh3-128\nroot {}\n", kFirstLine,
                                 manifest.size, kBlockSize, to_hex(manifest.root()));
  uint64_t listed = 0;
  for (size_t i = 0; i < manifest.blocks.size(); ++i) {
    if (manifest.zero[i] == 0) {
      fmt::format_to(std::back_inserter(text), "{} {}\n", i, to_hex(manifest.blocks[i]));
      ++listed;
    }
    if (text.size() >= kTextPiece) {
      print(text);
      text.clear();
    }
  }
  print(text + fmt::format("end {}\n", listed));
}

std::string print_manifest(const BlockManifest& manifest) {
  std::string whole;
  print_manifest(manifest, [&whole](std::string_view text) { whole += text; });
  return whole;
}

BlockManifest parse_manifest(std::string_view text, const std::string& name) {
  LineReader lines(text_of(text), name);
  return parse(lines, name);
}

void write_manifest(const std::filesystem::path& path, const BlockManifest& manifest,
                    FileGroup* together) {
  PartialFile file(path, Existing::replace, together);
  uint64_t position = 0;
  print_manifest(manifest, [&](std::string_view text) {
    write_fully(file.fd(), file.name(), position, std::as_bytes(std::span(text)));
    position += text.size();
  });
  file.finish();
}

BlockManifest read_manifest(const std::filesystem::path& path) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  LineReader lines(text_of(file, path.native()), path.native());
  return parse(lines, path.native());
}

ManifestFile::ManifestFile(const std::filesystem::path& path) : path_(path) {
  const FileDescriptor file = open_file(path_, O_RDONLY);
  LineReader lines(text_of(file, path_.native()), path_.native());
  disk_size_ = parse_head(lines).size;
}

void ManifestFile::check() const {
  const FileDescriptor file = open_file(path_, O_RDONLY);
  LineReader lines(text_of(file, path_.native()), path_.native());
  const Head head = parse_head(lines);
  parse_blocks(lines, head, path_.native(), [](uint64_t, const BlockHash&, bool) {});
}

std::vector<uint64_t> ManifestFile::differing_blocks(const BlockManifest& found) const {
  std::vector<uint64_t> different;
  const FileDescriptor file = open_file(path_, O_RDONLY);
  LineReader lines(text_of(file, path_.native()), path_.native());
  const Head head = parse_head(lines);
  parse_blocks(lines, head, path_.native(), [&](uint64_t number, const BlockHash& hash, bool) {
    if (number >= found.blocks.size() || found.blocks[number] != hash) {
      different.push_back(number);
    }
  });
  for (uint64_t number = blocks_of(head.size); number < found.blocks.size(); ++number) {
    different.push_back(number);
  }
  return different;
}

std::vector<uint64_t> differing_blocks(const BlockManifest& one, const BlockManifest& other) {
  std::vector<uint64_t> blocks;
  for (size_t i = 0; i < std::max(one.blocks.size(), other.blocks.size()); ++i) {
    if (i >= one.blocks.size() || i >= other.blocks.size() || one.blocks[i] != other.blocks[i]) {
      blocks.push_back(i);
    }
  }
  return blocks;
}

}  // namespace rehost
