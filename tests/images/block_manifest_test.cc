#include "images/block_manifest.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(BlockManifest, AZeroDiskNeedsNoReading) {
  const BlockManifest manifest = BlockManifest::all_zero(kBlockSize + 512);
  ASSERT_EQ(manifest.blocks.size(), 2U);
  EXPECT_EQ(manifest.blocks[0], hash_block(std::vector<std::byte>(kBlockSize)));
  EXPECT_EQ(manifest.blocks[1], hash_block(std::vector<std::byte>(512)));
}

TEST(BlockManifest, TheRootChangesWithAnyBlock) {
  BlockManifest manifest = BlockManifest::all_zero(4 * kBlockSize);
  const BlockHash before = manifest.root();
  manifest.blocks[3].low ^= 1;
  EXPECT_NE(manifest.root(), before);
}

TEST(BlockManifest, HashesAsXxhsumPrintsThem) {
  EXPECT_EQ(to_hex(hash_block({})), "99aa06d3014798d86001c324468d497f");  // xxhsum -H2 /dev/null
}

}  // namespace
}  // namespace rehost
