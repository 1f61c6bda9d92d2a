#include "images/block_manifest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>

namespace rehost {

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
  // The hashes as bytes in canonical order, so that the number is the same on every machine.
  std::vector<std::byte> bytes;
  bytes.reserve(blocks.size() * sizeof(XXH128_canonical_t));
  for (const BlockHash& block : blocks) {
    XXH128_canonical_t canonical = {};
    XXH128_canonicalFromHash(&canonical, XXH128_hash_t{block.low, block.high});
    for (const unsigned char digit : canonical.digest) {
      bytes.push_back(std::byte{digit});
    }
  }
  return hash_block(bytes);
}

}  // namespace rehost
