#include "drivers/codec.h"

#include <gtest/gtest.h>

#include "converter/core/error.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

constexpr uint64_t kLimit = 64u << 20;

// Compressible, and not the same everywhere.
std::string sample(size_t size) {
  std::string text;
  uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525u + 1013904223u;
    text += "module " + std::to_string(state >> 16) + " depends on the others\n";
  }
  text.resize(size);
  return text;
}

class EveryCodec : public testing::TestWithParam<Codec> {};

TEST_P(EveryCodec, GivesBackWhatItWasGiven) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{300'000}, size_t{9} << 20}) {
    const std::string text = sample(size);
    const std::string packed = compress(GetParam(), text);
    if (GetParam() != Codec::plain) {
      EXPECT_EQ(detect_codec(packed), GetParam());
    }
    const Decompressed unpacked = decompress(GetParam(), packed, kLimit);
    EXPECT_TRUE(unpacked.bytes == text) << size;
    EXPECT_EQ(unpacked.consumed, packed.size());
  }
}

TEST_P(EveryCodec, WritesTheSameBytesEveryTime) {
  const std::string text = sample(9u << 20);
  EXPECT_TRUE(compress(GetParam(), text) == compress(GetParam(), text));
}

class EveryCompression : public EveryCodec {};

TEST_P(EveryCompression, SaysHowMuchItConsumedWhenSomethingFollows) {
  const std::string text = sample(100'000);
  const std::string packed = compress(GetParam(), text);
  for (const std::string& behind : {std::string(8, '\0'), std::string("070701and so on")}) {
    const Decompressed unpacked = decompress(GetParam(), packed + behind, kLimit);
    EXPECT_TRUE(unpacked.bytes == text);
    EXPECT_EQ(unpacked.consumed, packed.size());
  }
}

TEST_P(EveryCompression, RefusesInputCutOffAnywhere) {
  const std::string packed = compress(GetParam(), sample(4000));
  for (size_t length = 0; length < packed.size(); ++length) {
    try {
      decompress(GetParam(), packed.substr(0, length), kLimit);
      // Legacy lz4 has no end mark: a cut between blocks cannot be seen, and the archive inside
      // tells.
      EXPECT_TRUE(GetParam() == Codec::lz4_legacy && length < 8) << length;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::guest_damaged) << length;
    }
  }
}

TEST_P(EveryCompression, SurvivesAnyChangedByte) {
  const std::string packed = compress(GetParam(), sample(2000));
  for (size_t at = 0; at < packed.size(); ++at) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    try {
      decompress(GetParam(), damaged, kLimit);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::guest_damaged) << at;
    }
  }
}

TEST_P(EveryCompression, StopsAtTheLimit) {
  const std::string text(1u << 20, 'x');
  const std::string packed = compress(GetParam(), text);
  EXPECT_TRUE(decompress(GetParam(), packed, text.size()).bytes == text);
  EXPECT_THROW(decompress(GetParam(), packed, text.size() - 1), Error);
  EXPECT_THROW(decompress(GetParam(), packed, 0), Error);
}

const auto kName = [](const testing::TestParamInfo<Codec>& info) {
  return std::string(to_string(info.param));
};
constexpr std::array kCompressions{Codec::gzip, Codec::xz, Codec::zstd, Codec::lz4_legacy};
INSTANTIATE_TEST_SUITE_P(Plain, EveryCodec, testing::Values(Codec::plain), kName);
INSTANTIATE_TEST_SUITE_P(Codec, EveryCodec, testing::ValuesIn(kCompressions), kName);
INSTANTIATE_TEST_SUITE_P(Codec, EveryCompression, testing::ValuesIn(kCompressions), kName);

TEST(Codec, NamesWhatItDoesNotDecode) {
  using namespace std::string_view_literals;
  EXPECT_EQ(detect_codec("BZh91AY"), Codec::bzip2);
  EXPECT_EQ(detect_codec("\x5d\0\0\x80\0"sv), Codec::lzma);
  EXPECT_EQ(detect_codec("\x89LZO\0"sv), Codec::lzo);
  EXPECT_EQ(detect_codec("070701"), Codec::plain);
  EXPECT_EQ(detect_codec(""), Codec::plain);
  EXPECT_FALSE(can_decompress(Codec::lzo));
  EXPECT_TRUE(can_decompress(Codec::lz4_frame));
  EXPECT_FALSE(can_compress(Codec::lz4_frame));
  EXPECT_THROW(decompress(Codec::bzip2, "BZh91AY", kLimit), Error);
}

// What the tools write we read, and the other way round.
struct Tool {
  std::string name;
  std::string pack;
  std::string unpack;
  Codec codec;
  bool we_write;
};

class CommandLine : public testing::TestWithParam<Tool> {};

TEST_P(CommandLine, ReadsAndWritesTheSameFormat) {
  if (!has_tool(GetParam().name)) {
    GTEST_SKIP() << GetParam().name << " is not installed";
  }
  const ScratchDirectory scratch;
  const std::string text = sample(2u << 20);
  const std::string file = scratch.write("text", text);
  const std::string packed = run_tool(GetParam().pack + " < " + file).output;
  ASSERT_EQ(detect_codec(packed), GetParam().codec);
  EXPECT_TRUE(decompress(GetParam().codec, packed, kLimit).bytes == text);
  if (GetParam().we_write) {
    const std::string ours = scratch.write("ours", compress(GetParam().codec, text));
    EXPECT_TRUE(run_tool(GetParam().unpack + " < " + ours).output == text);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codec, CommandLine,
    testing::Values(Tool{"gzip", "gzip -1", "gzip -dc", Codec::gzip, true},
                    Tool{"xz", "xz -1 --check=crc32", "xz -dc", Codec::xz, true},
                    Tool{"zstd", "zstd -q", "zstd -qdc", Codec::zstd, true},
                    Tool{"lz4", "lz4 -q -l", "lz4 -qdc", Codec::lz4_legacy, true},
                    Tool{"lz4", "lz4 -q", "lz4 -qdc", Codec::lz4_frame, false}));

TEST(Codec, WritesXzWithTheOnlyCheckThatEveryKernelKnows) {
  if (!has_tool("xz")) {
    GTEST_SKIP() << "xz is not installed";
  }
  const ScratchDirectory scratch;
  const std::string file = scratch.write("a.xz", compress(Codec::xz, sample(100'000)));
  const std::string listing = run_tool("xz --robot -lvv " + file).output;
  EXPECT_NE(listing.find("CRC32"), std::string::npos) << listing;
  EXPECT_EQ(listing.find("x86"), std::string::npos) << listing;
}

}  // namespace
}  // namespace rehost
