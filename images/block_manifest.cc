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

// Lines of a manifest, each checked; knows its number for the sentence.
class LineReader {
 public:
  LineReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  [[noreturn]] void fail(std::string_view what) const {
    throw Error(ErrorKind::usage,
                fmt::format("{} is not a manifest: line {} {}", name_, number_, what));
  }
  bool at_end() const { return text_.empty(); }
  std::string_view next() {
    ++number_;
    const size_t end = text_.find('\n');
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
  std::string_view text_;
  const std::string& name_;
  uint64_t number_ = 0;
};

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
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  if (!state || XXH3_128bits_reset(state.get()) != XXH_OK) {
    throw std::bad_alloc();
  }
  // The hashes as bytes in canonical order, so that the number is the same on every machine.
  for (const BlockHash& block : blocks) {
    XXH128_canonical_t canonical = {};
    XXH128_canonicalFromHash(&canonical, XXH128_hash_t{block.low, block.high});
    XXH3_128bits_update(state.get(), canonical.digest, sizeof(canonical.digest));
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return {hash.high64, hash.low64};
}

std::string print_manifest(const BlockManifest& manifest) {
  std::string text = fmt::format("{}\nsize {}\nblock {}\nhash xxh3-128\nroot {}\n", kFirstLine,
                                 manifest.size, kBlockSize, to_hex(manifest.root()));
  uint64_t listed = 0;
  for (size_t i = 0; i < manifest.blocks.size(); ++i) {
    if (manifest.zero[i] == 0) {
      fmt::format_to(std::back_inserter(text), "{} {}\n", i, to_hex(manifest.blocks[i]));
      ++listed;
    }
  }
  return text + fmt::format("end {}\n", listed);
}

BlockManifest parse_manifest(std::string_view text, const std::string& name) {
  LineReader lines(text, name);
  if (lines.next() != kFirstLine) {
    lines.fail("is not \"rehost-manifest 1\"");
  }
  const uint64_t size = lines.number(lines.value_of("size"));
  if (lines.number(lines.value_of("block")) != kBlockSize) {
    lines.fail("has a block size other than 524288");
  }
  if (lines.value_of("hash") != "xxh3-128") {
    lines.fail("has a hash other than xxh3-128");
  }
  if (size > kLargestDisk) {
    lines.fail("has a size that no disk has");
  }
  const BlockHash root = lines.hash(lines.value_of("root"));
  BlockManifest manifest = BlockManifest::all_zero(size);
  uint64_t listed = 0;
  uint64_t first_free = 0;
  std::string_view line = lines.next();
  for (; !line.starts_with("end "); line = lines.next()) {
    const size_t space = std::min(line.find(' '), line.size());
    const uint64_t index = lines.number(line.substr(0, space));
    if (index < first_free || index >= manifest.blocks.size() || space == line.size()) {
      lines.fail("names a block out of order or beyond the disk");
    }
    manifest.blocks[index] = lines.hash(line.substr(space + 1));
    manifest.zero[index] = 0;
    first_free = index + 1;
    ++listed;
  }
  if (lines.number(line.substr(4)) != listed || !lines.at_end()) {
    lines.fail("does not end the list");
  }
  if (manifest.root() != root) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is damaged: its blocks do not match its root", name));
  }
  return manifest;
}

void write_manifest(const std::filesystem::path& path, const BlockManifest& manifest,
                    FileGroup* together) {
  PartialFile file(path, Existing::replace, together);
  const std::string text = print_manifest(manifest);
  write_fully(file.fd(), file.name(), 0, std::as_bytes(std::span(text)));
  file.finish();
}

BlockManifest read_manifest(const std::filesystem::path& path) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  std::string text(file_size_of(file.get(), path.native()), '\0');
  read_fully(file.get(), path.native(), 0, std::as_writable_bytes(std::span(text)));
  return parse_manifest(text, path.native());
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
