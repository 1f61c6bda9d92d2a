#include "images/raw.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "images/copier.h"
#include "images/source_lock.h"
#include "tests/support/expect_error.h"
#include "tests/support/memory_source.h"
#include "tests/support/recording_sink.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

std::string bytes_as_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(RawSource, TellsHolesFromData) {
  const TemporaryDirectory directory;
  const std::string path = directory.sparse("disk.raw", 1 << 20);
  patch(path, 256 * 1024, std::string(4096, 'x'));
  const RawSource source(path);
  const std::vector<Extent> expected = {{0, 256 * 1024, true, false},
                                        {256 * 1024, 4096, false, false},
                                        {260 * 1024, 764 * 1024, true, false}};
  EXPECT_EQ(source.extents(0, 1 << 20), expected);
  EXPECT_EQ(data_bytes(source), 4096U);
  const std::vector<Extent> inside = {{257 * 1024, 2048, false, false}};
  EXPECT_EQ(source.extents(257 * 1024, 2048), inside);
}

TEST(RawSource, SaysWhereTheFileEnds) {
  const TemporaryDirectory directory;
  const RawSource source(directory.write("disk.raw", std::string(1024, 'x')));
  std::vector<std::byte> buffer(1024);
  EXPECT_ERROR(ErrorKind::image_io, "ends there", source.read(512, buffer));
}

TEST(RawSource, AFileThatWasCutSinceIsNotAHole) {
  const TemporaryDirectory directory;
  for (const uint64_t left : {0U, 4096U, 512U * 1024, (1U << 20) - 512}) {
    SCOPED_TRACE(left);
    const std::string path = directory.write("disk.raw", std::string(1 << 20, 'x'));
    const RawSource source(path);
    std::filesystem::resize_file(path, left);
    EXPECT_ERROR(ErrorKind::image_io, "was cut", source.extents(0, 1 << 20));
    EXPECT_ERROR(ErrorKind::image_io, "was cut", source.extents((1 << 20) - 512, 512));
    RecordingSink sink(1 << 20, {.random_access = true, .starts_as_zeros = true});
    EXPECT_ERROR(ErrorKind::image_io, "", copy_image(source, sink, {}));
    EXPECT_FALSE(sink.finished);
  }
}

TEST(RawSource, AHoleAtTheEndIsNoCut) {
  const TemporaryDirectory directory;
  const RawSource source(directory.sparse("disk.raw", 1 << 20));
  const std::vector<Extent> expected = {{0, 1 << 20, true, false}};
  EXPECT_EQ(source.extents(0, 1 << 20), expected);
}

TEST(RawFileSink, GetsItsNameLast) {
  const TemporaryDirectory directory;
  RawFileSink sink({.path = directory / "out.raw", .size = 1 << 20});
  EXPECT_EQ(directory.names(), std::vector<std::string>{"out.raw.partial"});
  sink.finish();
  EXPECT_EQ(directory.names(), std::vector<std::string>{"out.raw"});
}

TEST(RawFileSink, LeavesNothingWhenNotFinished) {
  const TemporaryDirectory directory;
  { const RawFileSink sink({.path = directory / "out.raw", .size = 1 << 20}); }
  EXPECT_TRUE(directory.names().empty());
}

TEST(RawFileSink, StaysSparse) {
  const TemporaryDirectory directory;
  std::vector<std::byte> bytes(8 << 20);
  bytes[5 << 20] = std::byte{1};
  MemorySource source(bytes);
  source.knows_holes = false;
  RawFileSink sink({.path = directory / "out.raw", .size = bytes.size()});
  copy_image(source, sink);
  EXPECT_EQ(content_of(directory / "out.raw"), bytes_as_text(bytes));
  struct stat status = {};
  ASSERT_EQ(::stat((directory / "out.raw").c_str(), &status), 0);
  EXPECT_LE(status.st_blocks * 512, 64 * 1024);
}

TEST(RawFileSink, DoesNotOverwriteUnlessTold) {
  const TemporaryDirectory directory;
  directory.write("out.raw", "precious");
  EXPECT_ERROR(ErrorKind::usage, "exists already",
               RawFileSink({.path = directory / "out.raw", .size = 512}));
  EXPECT_EQ(content_of(directory / "out.raw"), "precious");
  RawFileSink sink({.path = directory / "out.raw", .size = 512, .existing = Existing::replace});
  EXPECT_EQ(content_of(directory / "out.raw"), "precious");
  sink.finish();
  EXPECT_EQ(content_of(directory / "out.raw").size(), 512U);
}

TEST(RawFileSink, DoesNotOverwriteWhatAppearedMeanwhile) {
  const TemporaryDirectory directory;
  {
    RawFileSink sink({.path = directory / "out.raw", .size = 512});
    directory.write("out.raw", "precious");
    EXPECT_ERROR(ErrorKind::usage, "exists already", sink.finish());
  }
  EXPECT_EQ(content_of(directory / "out.raw"), "precious");
  EXPECT_EQ(directory.names(), std::vector<std::string>{"out.raw"});
}

TEST(RawFileSink, TakesOverWhatAKilledRunLeft) {
  const TemporaryDirectory directory;
  directory.write("out.raw.partial", std::string(4096, 'x'));
  RawFileSink sink({.path = directory / "out.raw", .size = 1024});
  sink.finish();
  EXPECT_EQ(content_of(directory / "out.raw"), std::string(1024, '\0'));
}

TEST(RawFileSink, RefusesWhatAnotherRunIsWriting) {
  const TemporaryDirectory directory;
  const RawFileSink sink({.path = directory / "out.raw", .size = 1024});
  EXPECT_ERROR(ErrorKind::environment, "another run or process",
               RawFileSink({.path = directory / "out.raw", .size = 1024}));
  EXPECT_EQ(directory.names(), std::vector<std::string>{"out.raw.partial"});
}

TEST(RawFileSink, NeverTakesOverASource) {
  const TemporaryDirectory directory;
  const std::string disk = directory.write("out.raw.partial", std::string(8192, 'x'));
  const SourceLock lock({"disk0", disk, "raw", 8192}, SourceUse::convert);
  EXPECT_ERROR(ErrorKind::environment, "in use",
               RawFileSink({.path = directory / "out.raw", .size = 1024}));
  EXPECT_EQ(content_of(disk), std::string(8192, 'x'));
}

TEST(RawFileSink, ADeviceKeepsItsName) {
  for (const char* device : {"/dev/null", "/dev/full"}) {
    EXPECT_ERROR(ErrorKind::usage, "device", PartialFile(device, Existing::replace));
    EXPECT_TRUE(std::filesystem::is_character_file(device));
  }
}

TEST(RawFileSink, NamesAMissingDirectory) {
  EXPECT_ERROR(ErrorKind::environment, "does not exist",
               RawFileSink({.path = "/nonexistent/out.raw", .size = 512}));
}

TEST(RawFileSink, NamesADirectoryThatCannotBeWritten) {
  EXPECT_ERROR(ErrorKind::environment, "cannot open",
               RawFileSink({.path = "/proc/out.raw", .size = 512}));
}

// A limit on the file size stands in for a full disk: the write fails in the middle of the copy.
TEST(RawFileSink, AWriteThatFailsLeavesNothing) {
  const TemporaryDirectory directory;
  const MemorySource source(std::vector<std::byte>(8 * kBlockSize, std::byte{1}));
  RawFileSink* sink = new RawFileSink({.path = directory / "out.raw", .size = source.size()});
  const std::unique_ptr<RawFileSink> owner(sink);
  rlimit before = {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 2 * kBlockSize;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_ERROR(ErrorKind::environment, "cannot write", copy_image(source, *sink));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
}

TEST(ExistingDiskSink, AUsedDiskEqualsTheSourceAfterwards) {
  const TemporaryDirectory directory;
  const std::vector<std::byte> bytes = mixed_disk(6 << 20, 11);
  directory.write("disk", std::string(bytes.size(), '\xEE'));
  const MemorySource source(bytes);
  ExistingDiskSink sink({.path = directory / "disk", .size = bytes.size()});
  copy_image(source, sink);
  EXPECT_EQ(content_of(directory / "disk"), bytes_as_text(bytes));
}

// Behind the disk: the backup GPT of the old one, say.
TEST(ExistingDiskSink, NoByteOfALargerDiskIsLeft) {
  const TemporaryDirectory directory;
  const std::vector<std::byte> bytes = mixed_disk(2 << 20, 12);
  directory.write("disk", std::string(bytes.size() + 1'000'000, '\xEE'));
  const MemorySource source(bytes);
  ExistingDiskSink sink({.path = directory / "disk", .size = bytes.size()});
  copy_image(source, sink);
  EXPECT_EQ(content_of(directory / "disk"), bytes_as_text(bytes) + std::string(1'000'000, '\0'));
}

TEST(ExistingDiskSink, RefusesADiskThatAnotherIsWriting) {
  const TemporaryDirectory directory;
  const SinkRequest request{.path = directory.sparse("disk", 8192), .size = 8192};
  {
    const ExistingDiskSink sink(request);
    EXPECT_ERROR(ErrorKind::environment, "in use", ExistingDiskSink{request});
  }
  const ExistingDiskSink again(request);
}

TEST(ExistingDiskSink, RefusesADiskThatIsTooSmall) {
  const TemporaryDirectory directory;
  directory.sparse("disk", 4096);
  EXPECT_ERROR(ErrorKind::usage, "too small",
               ExistingDiskSink({.path = directory / "disk", .size = 8192}));
}

TEST(ZeroRange, MakesZerosAtOddPlaces) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("disk", std::string(20000, 'x'));
  {
    const FileDescriptor file = open_file(path, O_RDWR);
    zero_range(file.get(), path, 1000, 9000);
  }
  EXPECT_EQ(content_of(path),
            std::string(1000, 'x') + std::string(9000, '\0') + std::string(10000, 'x'));
}

TEST(FreeSpace, SaysHowMuchIsNeeded) {
  EXPECT_ERROR(ErrorKind::environment, "8.0 EiB are needed",
               require_free_space("/tmp", uint64_t{1} << 63));
  require_free_space("/tmp", 1);
}

}  // namespace
}  // namespace rehost
