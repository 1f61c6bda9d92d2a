#include "images/block_manifest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "images/copier.h"
#include "tests/support/expect_error.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

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

BlockManifest sample() {
  return hash_image(MemorySource(mixed_disk(9 * kBlockSize + 512, 41)));
}

TEST(BlockManifest, ItsTextIsReadBack) {
  const BlockManifest manifest = sample();
  EXPECT_EQ(parse_manifest(print_manifest(manifest), "m"), manifest);
  const TemporaryDirectory directory;
  write_manifest(directory / "m", manifest);
  EXPECT_EQ(read_manifest(directory / "m"), manifest);
  EXPECT_EQ(directory.names(), std::vector<std::string>{"m"});
}

TEST(BlockManifest, ZeroBlocksAreNotListed) {
  const BlockManifest manifest = BlockManifest::all_zero(kBlockSize * 400);
  EXPECT_EQ(print_manifest(manifest),
            "rehost-manifest 1\nsize 209715200\nblock 524288\nhash xxh3-128\nroot " +
                to_hex(manifest.root()) + "\nend 0\n");
}

TEST(BlockManifest, CutOrChangedAnywhereItIsRefused) {
  const std::string good = print_manifest(sample());
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_ERROR(ErrorKind::usage, "m is ", parse_manifest(good.substr(0, i), "m"));
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_THROW(parse_manifest(bad, "m"), Error) << i;
  }
}

TEST(BlockManifest, ANumberHasOneSpelling) {
  const std::string good = print_manifest(sample());
  const std::string root = to_hex(sample().root());
  std::string upper = root;
  std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
  ASSERT_NE(root, upper);
  const auto with = [&](const std::string& old, const std::string& other) {
    std::string text = good;
    return text.replace(text.find(old), old.size(), other);
  };
  EXPECT_ERROR(ErrorKind::usage, "no number", parse_manifest(with(root, upper), "m"));
  EXPECT_ERROR(ErrorKind::usage, "no number", parse_manifest(with("size ", "size 0"), "m"));
  EXPECT_ERROR(ErrorKind::usage, "no number", parse_manifest(with("end ", "end 0"), "m"));
}

TEST(BlockManifest, NamesTheBlocksThatDiffer) {
  std::vector<std::byte> disk = mixed_disk(9 * kBlockSize + 512, 41);
  disk[3 * kBlockSize] ^= std::byte{1};
  disk[9 * kBlockSize] ^= std::byte{1};
  EXPECT_EQ(differing_blocks(sample(), hash_image(MemorySource(disk))),
            (std::vector<uint64_t>{3, 9}));
}

// Many more lines than are read at once, from a file and from memory.
TEST(BlockManifest, ALongOneIsReadAndComparedInPieces) {
  BlockManifest manifest = BlockManifest::all_zero(5000 * kBlockSize + 512);
  for (size_t i = 0; i < manifest.blocks.size(); i += i % 7 == 0 ? 3 : 1) {
    manifest.blocks[i] = {i * 0x9E3779B97F4A7C15, i};
    manifest.zero[i] = 0;
  }
  const TemporaryDirectory directory;
  write_manifest(directory / "m", manifest);
  EXPECT_EQ(read_manifest(directory / "m"), manifest);
  EXPECT_EQ(content_of(directory / "m"), print_manifest(manifest));
  const ManifestFile file(directory / "m");
  file.check();
  EXPECT_TRUE(file.differing_blocks(manifest).empty());
  manifest.blocks[2].low ^= 1;
  manifest.blocks[5000].low ^= 1;
  EXPECT_EQ(file.differing_blocks(manifest), (std::vector<uint64_t>{2, 5000}));
}

// A disk of 64 TiB has a list of 2 GiB: nobody needs it to see that this is another disk.
TEST(BlockManifest, OfALargeDiskTellsItsSizeAtOnce) {
  const TemporaryDirectory directory;
  const std::string path = directory.write(
      "m", "rehost-manifest 1\nsize 70368744177664\nblock 524288\nhash xxh3-128\nroot " +
               std::string(32, '0') + "\n");
  EXPECT_EQ(ManifestFile(path).disk_size(), uint64_t{1} << 46);
  EXPECT_ERROR(ErrorKind::usage, "line 6 is missing", ManifestFile(path).check());
}

TEST(BlockManifest, ALineWithoutEndIsNotCollected) {
  const TemporaryDirectory directory;
  const std::string path =
      directory.write("m", "rehost-manifest 1\nsize 1024\n" + std::string(1 << 20, '7'));
  EXPECT_ERROR(ErrorKind::usage, "line 3", ManifestFile{path});
}

}  // namespace
}  // namespace rehost
