// Every sink of the format table: what it writes, qemu reads back bit for bit, and its own check
// finds nothing.
#include <gtest/gtest.h>

#include <zlib.h>
#include "images/copier.h"
#include "images/deflate.h"
#include "images/formats.h"
#include "images/probe.h"
#include "tests/support/expect_error.h"
#include "tests/support/faulty_sink.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

class FormatSink : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { REHOST_NEEDS_QEMU(); }
  const ImageFormat& format() const { return *find_image_format(GetParam()); }
  // The format under which it is read.
  std::string read_as() const { return GetParam().substr(0, GetParam().find('-')); }

  void expect_round_trip(const std::vector<std::byte>& disk) {
    const std::string path = directory / ("out" + std::string(format().extension));
    {
      MemorySource source(disk);
      const auto sink =
          open_sink(GetParam(), {.path = path, .size = disk.size(), .existing = Existing::replace});
      copy_image(source, *sink, {.threads = 3});
    }
    const Volume volume = probe_volume("disk0", path);
    EXPECT_EQ(volume.format, read_as());
    ASSERT_EQ(volume.size, disk.size());
    std::vector<std::byte> read(disk.size());
    open_volume(volume)->read(0, read);
    EXPECT_TRUE(read == disk);
    if (read_as() == "qcow2" || read_as() == "vmdk") {
      EXPECT_EQ(shell("qemu-img check -f " + read_as() + " " + path), 0);
    }
  }

  const TemporaryDirectory directory;
};

TEST_P(FormatSink, QemuReadsBackWhatWasWritten) {
  for (const size_t size : {size_t{34 * kMebibyte}, size_t{3 * kMebibyte + 512}, size_t{512}}) {
    expect_round_trip(mixed_disk(size, 31));
  }
}

TEST_P(FormatSink, AnEmptyDiskAndOneThatCompressesWell) {
  expect_round_trip(std::vector<std::byte>(5 * kMebibyte));
  std::vector<std::byte> text(5 * kMebibyte);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto letter = static_cast<unsigned char>("the quick brown fox"[i % 19]);
    text[i] = static_cast<std::byte>(letter + (i / 5000) % 3);
  }
  expect_round_trip(text);
}

TEST_P(FormatSink, AFaultAtAnyCallLeavesNothing) {
  const MemorySource source(mixed_disk(4 * kMebibyte, 32));
  for (int call = 1; call < 40; call += 4) {
    const auto sink = open_sink(GetParam(), {.path = directory / "out", .size = source.size()});
    FaultySink faulty(*sink, call);
    try {
      copy_image(source, faulty);
      std::filesystem::remove(directory / "out");
    } catch (const Error&) {
      EXPECT_EQ(directory.names(), std::vector<std::string>{"out.partial"});
    }
  }
  EXPECT_TRUE(directory.names().empty());
}

std::vector<std::string> writable_formats() {
  std::vector<std::string> names;
  for (const ImageFormat& row : image_formats()) {
    if (row.open_sink != nullptr) {
      names.emplace_back(row.name);
    }
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, FormatSink, testing::ValuesIn(writable_formats()),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(VhdSink, RefusesADiskBeyondTheFormat) {
  const TemporaryDirectory directory;
  for (const char* format : {"vhd", "vhd-fixed"}) {
    EXPECT_ERROR(ErrorKind::usage, "2040 GiB",
                 open_sink(format, {.path = directory / "out.vhd", .size = uint64_t{3} << 40}));
  }
  EXPECT_TRUE(directory.names().empty());
}

TEST(Deflate, ZlibItselfReadsIt) {
  std::vector<std::byte> data(kBlockSize);
  for (size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::byte>(i / 7 % 50);
  }
  std::vector<std::byte> packed;
  ASSERT_GT(append_deflated(packed, data, DeflateWrapping::zlib), 0U);
  std::vector<std::byte> back(data.size());
  uLongf bytes = back.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(back.data()), &bytes,
                       reinterpret_cast<const Bytef*>(packed.data()), packed.size()),
            Z_OK);
  EXPECT_EQ(back, data);
}

TEST(Deflate, SaysWhenNothingIsGained) {
  std::vector<std::byte> packed;
  std::vector<std::byte> random(4096);
  uint32_t state = 1;
  for (std::byte& byte : random) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 24);
  }
  EXPECT_EQ(append_deflated(packed, random, DeflateWrapping::none), 0U);
  EXPECT_TRUE(packed.empty());
}

}  // namespace
}  // namespace rehost
