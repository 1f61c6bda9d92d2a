#include "images/copier.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "images/raw.h"
#include "tests/support/expect_error.h"
#include "tests/support/faulty_sink.h"
#include "tests/support/memory_source.h"
#include "tests/support/recording_sink.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

constexpr SinkTraits kNewFile = {.random_access = true, .starts_as_zeros = true, .grain = 4096};
constexpr SinkTraits kUsedDisk = {.random_access = true, .starts_as_zeros = false, .grain = 4096};
constexpr SinkTraits kStream = {.random_access = false, .starts_as_zeros = false, .grain = 65536};
constexpr size_t kDiskSize = 24 * kBlockSize + 4096;  // the last block is short

TEST(Copier, ANewFileEqualsTheSource) {
  const MemorySource source(mixed_disk(kDiskSize, 1));
  RecordingSink sink(kDiskSize, kNewFile);
  copy_image(source, sink);
  EXPECT_EQ(sink.content, MemorySource(mixed_disk(kDiskSize, 1)).bytes());
  EXPECT_TRUE(sink.finished);
}

TEST(Copier, AUsedDiskFullOfOldBytesEqualsTheSource) {
  for (const bool knows_holes : {true, false}) {
    MemorySource source(mixed_disk(kDiskSize, 2));
    source.knows_holes = knows_holes;
    RecordingSink sink(kDiskSize, kUsedDisk);
    copy_image(source, sink);
    EXPECT_EQ(sink.content, source.bytes());
  }
}

TEST(Copier, ANewFileIsNeverAskedForZeros) {
  const MemorySource source(mixed_disk(kDiskSize, 3));
  RecordingSink sink(kDiskSize, kNewFile);
  copy_image(source, sink);
  for (const RecordingSink::Operation& operation : sink.operations) {
    EXPECT_FALSE(operation.zero);
  }
}

TEST(Copier, AStreamGetsItsPiecesInOrderOneAtATime) {
  MemorySource source(mixed_disk(kDiskSize, 4));
  for (const uint64_t memory : {uint64_t{1}, 4 * kBlockSize, 64 * kBlockSize}) {
    RecordingSink sink(kDiskSize, kStream);
    copy_image(source, sink, {.threads = 5, .bytes_in_flight = memory});
    uint64_t expected = 0;
    for (const RecordingSink::Operation& operation : sink.operations) {
      EXPECT_EQ(operation.offset, expected);
      expected += operation.length;
    }
    EXPECT_EQ(expected, kDiskSize);
    EXPECT_FALSE(sink.overlapped);
    EXPECT_EQ(sink.content, source.bytes());
  }
}

TEST(Copier, HashesEveryBlock) {
  MemorySource source(mixed_disk(kDiskSize, 5));
  RecordingSink sink(kDiskSize, kNewFile);
  const CopyResult result = copy_image(source, sink);
  ASSERT_EQ(result.manifest.blocks.size(), 25U);
  for (size_t i = 0; i < 25; ++i) {
    const auto block =
        std::span(source.bytes())
            .subspan(i * kBlockSize, std::min(kBlockSize, kDiskSize - i * kBlockSize));
    EXPECT_EQ(result.manifest.blocks[i], hash_block(block));
    EXPECT_EQ(result.manifest.zero[i] != 0, is_zero(block));
  }
}

TEST(Copier, FindsZerosThatTheMapDoesNotTell) {
  MemorySource source(std::vector<std::byte>(4 * kBlockSize));
  source.knows_holes = false;
  RecordingSink sink(4 * kBlockSize, kNewFile);
  const CopyResult result = copy_image(source, sink);
  EXPECT_TRUE(sink.operations.empty());
  EXPECT_EQ(result.zero_bytes, 4 * kBlockSize);
  EXPECT_EQ(result.data_bytes, 4 * kBlockSize);
}

TEST(Copier, AFaultAtAnyCallIsThrownAndTheSinkIsNotFinished) {
  const size_t size = 6 * kBlockSize + 4096;
  const MemorySource source(mixed_disk(size, 6));
  for (const SinkTraits& traits : {kNewFile, kUsedDisk, kStream}) {
    for (int call = 1;; ++call) {
      RecordingSink sink(size, traits);
      FaultySink faulty(sink, call);
      try {
        copy_image(source, faulty, {.threads = 3, .bytes_in_flight = 8 * kBlockSize});
        EXPECT_GT(call, 5);
        break;  // fewer calls than that
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::environment);
        EXPECT_FALSE(sink.finished);
      }
    }
  }
}

class MapThatFails : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::vector<Extent> extents(uint64_t /*offset*/, uint64_t /*length*/) const override {
    throw Error(ErrorKind::image_io, "the map cannot be read");
  }
};

TEST(Copier, AMapThatFailsIsThrownWhicheverThreadAskedForIt) {
  const MapThatFails source(mixed_disk(kBlockSize, 7));
  for (int round = 0; round < 200; ++round) {
    RecordingSink sink(source.size(), kNewFile);
    EXPECT_ERROR(ErrorKind::image_io, "the map", copy_image(source, sink, {.threads = 8}));
    EXPECT_FALSE(sink.finished);
  }
}

TEST(Copier, AReadThatFailsIsThrown) {
  for (int reads = 0; reads < 12; reads += 3) {
    MemorySource source(mixed_disk(kDiskSize, 7));
    source.reads_until_failure = reads;
    RecordingSink sink(kDiskSize, kStream);
    EXPECT_ERROR(ErrorKind::image_io, "input/output", copy_image(source, sink));
    EXPECT_FALSE(sink.finished);
  }
}

TEST(Copier, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  const MemorySource source(mixed_disk(kDiskSize, 8));
  RecordingSink sink(kDiskSize, kNewFile);
  EXPECT_ERROR(ErrorKind::cancelled, "stopped",
               copy_image(source, sink, {.stop = stop.get_token()}));
  EXPECT_FALSE(sink.finished);
}

// Takes its time, so that a copy can be stopped in the middle and progress has something to show.
class SlowSink : public RecordingSink {
 public:
  using RecordingSink::RecordingSink;
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    RecordingSink::write(offset, data, encoded);
  }
};

TEST(Copier, StopsInTheMiddle) {
  std::stop_source stop;
  MemorySource source(std::vector<std::byte>(60 * kBlockSize, std::byte{1}));
  SlowSink sink(source.size(), kStream);
  CopyOptions options{.stop = stop.get_token()};
  options.on_progress = [&stop](uint64_t, uint64_t) { stop.request_stop(); };
  EXPECT_ERROR(ErrorKind::cancelled, "stopped", copy_image(source, sink, options));
  EXPECT_LT(sink.operations.size(), 60U);
}

TEST(Copier, ProgressNeverGoesBackAndEndsAtTheTotal) {
  MemorySource source(std::vector<std::byte>(20 * kBlockSize, std::byte{1}));
  std::vector<std::pair<uint64_t, uint64_t>> seen;
  SlowSink sink(source.size(), kStream);
  CopyOptions options;
  options.on_progress = [&seen](uint64_t done, uint64_t total) { seen.emplace_back(done, total); };
  copy_image(source, sink, options);
  ASSERT_GE(seen.size(), 2U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), std::pair(20 * kBlockSize, 20 * kBlockSize));
}

TEST(Copier, AThrowingListenerStopsTheCopy) {
  MemorySource source(std::vector<std::byte>(40 * kBlockSize, std::byte{1}));
  SlowSink sink(source.size(), kStream);
  CopyOptions options;
  options.on_progress = [](uint64_t, uint64_t) { throw std::runtime_error("listener"); };
  EXPECT_THROW(copy_image(source, sink, options), std::runtime_error);
  EXPECT_FALSE(sink.finished);
}

TEST(Copier, AnEmptyHugeDiskCostsNothing) {
  const TemporaryDirectory directory;
  const RawSource source(directory.sparse("big.raw", uint64_t{400} << 30));
  const auto sink = open_raw_sink({.path = directory / "copy.raw", .size = source.size()});
  const CopyResult result = copy_image(source, *sink);
  EXPECT_EQ(result.data_bytes, 0U);
  EXPECT_EQ(std::filesystem::file_size(directory / "copy.raw"), uint64_t{400} << 30);
}

}  // namespace
}  // namespace rehost
