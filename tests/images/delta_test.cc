#include "images/delta.h"

#include <gtest/gtest.h>

#include "images/byte_order.h"
#include "images/raw.h"
#include "tests/support/expect_error.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

using Bytes = std::vector<std::byte>;

class Changed : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    return {{offset, length, false, true}};
  }
};

std::string as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Delta : public testing::Test {
 protected:
  Delta() : before(mixed_disk(11 * kBlockSize + 1024, 51)), after(before) {
    after[2 * kBlockSize + 77] ^= std::byte{1};
    std::fill_n(after.begin() + 5 * kBlockSize, kBlockSize, std::byte{0});
    before[5 * kBlockSize] = std::byte{1};
    after.back() ^= std::byte{1};
    PartialFile file(path, Existing::refuse);
    written = write_delta(MemorySource(before), Changed(after), file);
    directory.write("disk.raw", as_text(before));
  }
  std::unique_ptr<ImageSource> base() const {
    return std::make_unique<RawSource>(directory / "disk.raw");
  }
  const TemporaryDirectory directory;
  const std::string path = directory / "d.delta";
  Bytes before;
  Bytes after;
  DeltaResult written;
};

TEST_F(Delta, HoldsTheChangedBlocksAlone) {
  EXPECT_EQ(written.blocks, 3U);
  EXPECT_EQ(written.bytes, 2 * kBlockSize);  // the third is zeros
  EXPECT_LT(std::filesystem::file_size(path), 2 * kBlockSize + 8192);
  const DeltaSource delta(path, base());
  EXPECT_EQ(delta.blocks()[1].number, 5U);
  EXPECT_EQ(delta.blocks()[2].number, 11U);
}

TEST_F(Delta, OverTheSourceItIsTheConvertedDisk) {
  const DeltaSource delta(path, base());
  delta.check_base();
  Bytes read(after.size());
  delta.read(0, read);
  EXPECT_TRUE(read == after);
  Bytes piece(700000);
  delta.read(2 * kBlockSize - 100, piece);
  EXPECT_TRUE(std::equal(piece.begin(), piece.end(), after.begin() + 2 * kBlockSize - 100));
  EXPECT_EQ(hash_image(delta), hash_image(MemorySource(after)));
}

TEST_F(Delta, AppliedToACopyMakesTheConvertedDiskAndAgainChangesNothing) {
  const Volume volume{"disk0", directory / "disk.raw", "raw", before.size()};
  const CommitOptions options{.journal = directory / "journal"};
  EXPECT_GT(apply_delta(path, volume, options).bytes_written, 0U);
  EXPECT_TRUE(content_of(volume.path) == as_text(after));
  EXPECT_EQ(apply_delta(path, volume, options).bytes_written, 0U);
}

TEST_F(Delta, AnotherDiskIsRefusedUntouched) {
  const Volume volume{"disk0", directory / "disk.raw", "raw", before.size()};
  patch(volume.path, 2 * kBlockSize, "other");
  const std::string other = content_of(volume.path);
  EXPECT_ERROR(ErrorKind::plan_conflict, "block 2 differs",
               apply_delta(path, volume, {.journal = directory / "journal"}));
  EXPECT_TRUE(content_of(volume.path) == other);
  const Volume small{"disk0", directory.sparse("small.raw", 1 << 20), "raw", 1 << 20};
  EXPECT_ERROR(ErrorKind::usage, "belongs to a disk of",
               apply_delta(path, small, {.journal = directory / "journal"}));
}

TEST_F(Delta, CutOrDamagedItIsRefused) {
  const std::string good = content_of(path);
  for (size_t length = 0; length < good.size(); length += good.size() / 40) {
    directory.write("d.delta", good.substr(0, length));
    EXPECT_ERROR(ErrorKind::image_io, "not a whole delta", DeltaSource(path, base()));
  }
  std::string bad = good;
  bad[4096 + 1000] = static_cast<char>(bad[4096 + 1000] ^ 1);
  directory.write("d.delta", bad);
  Bytes read(after.size());
  EXPECT_ERROR(ErrorKind::image_io, "block 2 does not match",
               DeltaSource(path, base()).read(0, read));
}

TEST_F(Delta, ACountThatOverflowsIsRefused) {
  const Bytes nothing;
  Bytes header;
  // 2^60 rows of 80 bytes are 0 bytes, modulo 2^64.
  for (const uint64_t number : {kBlockSize, uint64_t{1} << 60, uint64_t{4096}, uint64_t{0}}) {
    put_le(header, number, 8);
  }
  put_le(header, hash_block(nothing).high, 8);
  put_le(header, hash_block(nothing).low, 8);
  std::string bad = content_of(path);
  bad.replace(16, header.size(), as_text(header));
  directory.write("d.delta", bad);
  EXPECT_ERROR(ErrorKind::image_io, "its header makes no sense", DeltaSource(path, base()));
}

TEST(Sha256, KnowsTheKnownAnswers) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string two_chunks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  EXPECT_EQ(to_hex(sha256(std::as_bytes(std::span(two_chunks)))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  // The zero block of EBS, B4VNL+8pega6gWheZgwzLeNtXRjVRpJ9MNqtbX/aFUE= in base64.
  EXPECT_EQ(to_hex(sha256(Bytes(kBlockSize))),
            "07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541");
}

}  // namespace
}  // namespace rehost
