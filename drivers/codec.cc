#include "drivers/codec.h"

#include <lz4.h>
#include <lz4frame.h>
#include <lz4hc.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <thread>

#include "converter/core/error.h"

namespace rehost {
namespace {

using namespace std::string_view_literals;

struct CodecRow {
  Codec codec;
  std::string_view name;
  std::string_view magic;
};

constexpr std::array<CodecRow, 9> kCodecs{{
    {Codec::plain, "plain", ""},
    {Codec::gzip, "gzip", "\x1f\x8b"sv},
    {Codec::xz, "xz",
     "\xfd"
     "7zXZ\0"sv},
    {Codec::zstd, "zstd", "\x28\xb5\x2f\xfd"sv},
    {Codec::lz4_legacy, "lz4", "\x02\x21\x4c\x18"sv},
    {Codec::lz4_frame, "lz4 frame", "\x04\x22\x4d\x18"sv},
    {Codec::bzip2, "bzip2", "BZh"sv},
    {Codec::lzma, "lzma", "\x5d\0\0"sv},
    {Codec::lzo, "lzo", "\x89LZO"sv},
}};

constexpr uint32_t kLz4LegacyMagic = 0x184C2102;
constexpr size_t kLz4LegacyBlock = 8u << 20;  // fixed by the format and by the kernel
constexpr uint64_t kXzMemoryLimit = 256u << 20;

[[noreturn]] void fail(Codec codec, std::string_view reason) {
  throw Error(ErrorKind::guest_damaged, "cannot decompress " + std::string(to_string(codec)) +
                                            " data: " + std::string(reason));
}

uint32_t little_endian_32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

// Grows by doubling up to the limit and one byte more: a decoder that fills that byte has broken
// the limit.
class Output {
 public:
  Output(Codec codec, size_t input, uint64_t limit) : codec_(codec), limit_(limit) {
    const uint64_t guess = std::max<uint64_t>(64u << 10, uint64_t{input} * 4);
    bytes_.resize(static_cast<size_t>(std::min(guess, limit_ + 1)));
  }

  char* room() {
    if (used_ == bytes_.size()) {
      if (used_ > limit_) {
        fail(codec_, "it unpacks to more than " + std::to_string(limit_) + " bytes");
      }
      bytes_.resize(static_cast<size_t>(std::min<uint64_t>(bytes_.size() * 2, limit_ + 1)));
    }
    return bytes_.data() + used_;
  }
  size_t room_size() const { return bytes_.size() - used_; }
  void used(size_t count) { used_ += count; }

  void append(const char* data, size_t count) {
    while (count > 0) {
      char* to = room();
      const size_t part = std::min(count, room_size());
      std::copy_n(data, part, to);
      used(part);
      data += part;
      count -= part;
    }
  }

  std::string take() {
    if (used_ > limit_) {
      fail(codec_, "it unpacks to more than " + std::to_string(limit_) + " bytes");
    }
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  Codec codec_;
  uint64_t limit_;
  std::string bytes_;
  size_t used_ = 0;
};

// zlib counts in 32 bits.
uInt zlib_count(size_t count) {
  return static_cast<uInt>(std::min<size_t>(count, std::numeric_limits<uInt>::max()));
}

Decompressed gunzip(std::string_view bytes, uint64_t max_output) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) {
    throw Error(ErrorKind::environment, "cannot start the gzip decoder: out of memory");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, inflateEnd);
  Output output(Codec::gzip, bytes.size(), max_output);
  size_t consumed = 0;
  for (;;) {
    stream.next_in = reinterpret_cast<Bytef*>(
        const_cast<char*>(bytes.data() + consumed));  // zlib does not write it
    stream.avail_in = zlib_count(bytes.size() - consumed);
    stream.next_out = reinterpret_cast<Bytef*>(output.room());
    stream.avail_out = zlib_count(output.room_size());
    const uInt in = stream.avail_in;
    const uInt out = stream.avail_out;
    const int status = inflate(&stream, Z_NO_FLUSH);
    consumed += in - stream.avail_in;
    output.used(out - stream.avail_out);
    if (status == Z_STREAM_END) {
      return {output.take(), consumed};
    }
    if (status != Z_OK && status != Z_BUF_ERROR) {
      fail(Codec::gzip, stream.msg != nullptr ? stream.msg : "damaged");
    }
    if (consumed == bytes.size() && stream.avail_out > 0) {
      fail(Codec::gzip, "it ends early");
    }
  }
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error(ErrorKind::environment, "cannot start the gzip encoder: out of memory");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, deflateEnd);
  std::string output(deflateBound(&stream, bytes.size()), '\0');
  size_t consumed = 0;
  size_t written = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + consumed));
    stream.avail_in = zlib_count(bytes.size() - consumed);
    stream.next_out = reinterpret_cast<Bytef*>(output.data() + written);
    stream.avail_out = zlib_count(output.size() - written);
    const uInt in = stream.avail_in;
    const uInt out = stream.avail_out;
    status = deflate(&stream, consumed + in == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END) {
      throw Error(ErrorKind::internal, "the gzip encoder stopped");
    }
    consumed += in - stream.avail_in;
    written += out - stream.avail_out;
  }
  output.resize(written);
  return output;
}

struct LzmaStream {
  lzma_stream stream = LZMA_STREAM_INIT;
  LzmaStream() = default;
  LzmaStream(const LzmaStream&) = delete;
  LzmaStream& operator=(const LzmaStream&) = delete;
  ~LzmaStream() { lzma_end(&stream); }
};

Decompressed unxz(std::string_view bytes, uint64_t max_output) {
  LzmaStream xz;
  if (lzma_stream_decoder(&xz.stream, kXzMemoryLimit, 0) != LZMA_OK) {
    throw Error(ErrorKind::environment, "cannot start the xz decoder: out of memory");
  }
  Output output(Codec::xz, bytes.size(), max_output);
  xz.stream.next_in = reinterpret_cast<const uint8_t*>(bytes.data());
  xz.stream.avail_in = bytes.size();
  for (;;) {
    xz.stream.next_out = reinterpret_cast<uint8_t*>(output.room());
    xz.stream.avail_out = output.room_size();
    const size_t out = xz.stream.avail_out;
    const lzma_ret status = lzma_code(&xz.stream, LZMA_RUN);
    output.used(out - xz.stream.avail_out);
    if (status == LZMA_STREAM_END) {
      return {output.take(), bytes.size() - xz.stream.avail_in};
    }
    if (status == LZMA_MEMLIMIT_ERROR) {
      fail(Codec::xz, "its dictionary is too large");
    }
    if (status != LZMA_OK && status != LZMA_BUF_ERROR) {
      fail(Codec::xz, "damaged");
    }
    if (xz.stream.avail_in == 0 && xz.stream.avail_out > 0) {
      fail(Codec::xz, "it ends early");
    }
  }
}

unsigned threads() {
  return std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
}

// The kernel's decoder knows CRC32 and no larger checks. The window is what dracut asks for; blocks
// of fixed size keep the output the same for any number of threads. Preset 1 is ten times as fast
// as 6 and costs a seventh in size.
std::string xz(std::string_view bytes) {
  lzma_options_lzma options;
  lzma_lzma_preset(&options, 1);
  const std::array<lzma_filter, 2> filters{
      {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}}};
  lzma_mt mt{};
  mt.threads = threads();
  mt.block_size = 8u << 20;
  mt.filters = filters.data();
  mt.check = LZMA_CHECK_CRC32;
  LzmaStream xz;
  if (lzma_stream_encoder_mt(&xz.stream, &mt) != LZMA_OK) {
    throw Error(ErrorKind::environment, "cannot start the xz encoder: out of memory");
  }
  std::string output(std::max<size_t>(64u << 10, bytes.size() / 2), '\0');
  size_t written = 0;
  xz.stream.next_in = reinterpret_cast<const uint8_t*>(bytes.data());
  xz.stream.avail_in = bytes.size();
  lzma_ret status = LZMA_OK;
  while (status != LZMA_STREAM_END) {
    if (written == output.size()) {
      output.resize(output.size() * 2);
    }
    xz.stream.next_out = reinterpret_cast<uint8_t*>(output.data() + written);
    xz.stream.avail_out = output.size() - written;
    status = lzma_code(&xz.stream, LZMA_FINISH);
    if (status != LZMA_OK && status != LZMA_STREAM_END) {
      throw Error(ErrorKind::environment, "the xz encoder stopped: out of memory");
    }
    written = output.size() - xz.stream.avail_out;
  }
  output.resize(written);
  return output;
}

Decompressed unzstd(std::string_view bytes, uint64_t max_output) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  Output output(Codec::zstd, bytes.size(), max_output);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{output.room(), 0, 0};
    out.size = output.room_size();
    const size_t status = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(status) != 0) {
      fail(Codec::zstd, ZSTD_getErrorName(status));
    }
    output.used(out.pos);
    if (status == 0) {
      return {output.take(), in.pos};
    }
    if (in.pos == in.size && out.pos < out.size) {
      fail(Codec::zstd, "it ends early");
    }
  }
}

std::string zstd(std::string_view bytes) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                   ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, 9);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  // Refused by a library without threads, and then one thread does it.
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_nbWorkers, static_cast<int>(threads()));
  std::string output(ZSTD_compressBound(bytes.size()), '\0');
  const size_t written =
      ZSTD_compress2(context.get(), output.data(), output.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(written) != 0) {
    throw Error(ErrorKind::environment,
                std::string("the zstd encoder stopped: ") + ZSTD_getErrorName(written));
  }
  output.resize(written);
  return output;
}

Decompressed unlz4_legacy(std::string_view bytes, uint64_t max_output) {
  const auto largest_block = static_cast<size_t>(LZ4_compressBound(kLz4LegacyBlock));
  Output output(Codec::lz4_legacy, bytes.size(), max_output);
  std::string block;
  size_t at = 4;
  while (bytes.size() - at >= 4) {
    const size_t size = little_endian_32(bytes, at);
    if (size == kLz4LegacyMagic) {
      at += 4;
      continue;
    }
    if (size == 0 || size > largest_block) {
      break;  // what follows is padding or another archive
    }
    if (size > bytes.size() - at - 4) {
      fail(Codec::lz4_legacy, "it ends early");
    }
    // No byte of lz4 means more than 255.
    block.resize(std::max(block.size(), std::min(kLz4LegacyBlock, size * 255)));
    const int unpacked =
        LZ4_decompress_safe(bytes.data() + at + 4, block.data(), static_cast<int>(size),
                            static_cast<int>(block.size()));
    if (unpacked < 0) {
      fail(Codec::lz4_legacy, "damaged");
    }
    output.append(block.data(), static_cast<size_t>(unpacked));
    at += 4 + size;
  }
  return {output.take(), at};
}

std::string lz4_legacy(std::string_view bytes) {
  std::string output(kCodecs[static_cast<size_t>(Codec::lz4_legacy)].magic);
  std::string block(static_cast<size_t>(LZ4_compressBound(kLz4LegacyBlock)), '\0');
  for (size_t at = 0; at < bytes.size(); at += kLz4LegacyBlock) {
    const size_t part = std::min(kLz4LegacyBlock, bytes.size() - at);
    const int written = LZ4_compress_HC(bytes.data() + at, block.data(), static_cast<int>(part),
                                        static_cast<int>(block.size()), LZ4HC_CLEVEL_DEFAULT);
    if (written <= 0) {
      throw Error(ErrorKind::environment, "the lz4 encoder stopped: out of memory");
    }
    const auto size = static_cast<uint32_t>(written);
    for (unsigned i = 0; i < 4; ++i) {
      output.push_back(static_cast<char>((size >> (8 * i)) & 0xff));
    }
    output.append(block.data(), size);
  }
  return output;
}

Decompressed unlz4_frame(std::string_view bytes, uint64_t max_output) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)) != 0U) {
    throw Error(ErrorKind::environment, "cannot start the lz4 decoder: out of memory");
  }
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
      raw, LZ4F_freeDecompressionContext);
  Output output(Codec::lz4_frame, bytes.size(), max_output);
  size_t consumed = 0;
  for (;;) {
    char* to = output.room();
    size_t out = output.room_size();
    const size_t room = out;
    size_t in = bytes.size() - consumed;
    const size_t status =
        LZ4F_decompress(context.get(), to, &out, bytes.data() + consumed, &in, nullptr);
    if (LZ4F_isError(status) != 0U) {
      fail(Codec::lz4_frame, LZ4F_getErrorName(status));
    }
    consumed += in;
    output.used(out);
    if (status == 0) {
      return {output.take(), consumed};
    }
    if (consumed == bytes.size() && out < room) {
      fail(Codec::lz4_frame, "it ends early");
    }
  }
}

}  // namespace

std::string_view to_string(Codec codec) {
  return kCodecs.at(static_cast<size_t>(codec)).name;  // a row for each, in the order of the enum
}

Codec detect_codec(std::string_view bytes) {
  for (const CodecRow& row : kCodecs) {
    if (!row.magic.empty() && bytes.starts_with(row.magic)) {
      return row.codec;
    }
  }
  return Codec::plain;
}

bool can_decompress(Codec codec) {
  return codec <= Codec::lz4_frame;
}
bool can_compress(Codec codec) {
  return codec <= Codec::lz4_legacy;
}

Decompressed decompress(Codec codec, std::string_view bytes, uint64_t max_output) {
  if (codec != Codec::plain && detect_codec(bytes) != codec) {
    fail(codec, "it does not start with its magic");
  }
  switch (codec) {
    case Codec::plain:
      if (bytes.size() > max_output) {
        fail(codec, "it is larger than " + std::to_string(max_output) + " bytes");
      }
      return {std::string(bytes), bytes.size()};
    case Codec::gzip:
      return gunzip(bytes, max_output);
    case Codec::xz:
      return unxz(bytes, max_output);
    case Codec::zstd:
      return unzstd(bytes, max_output);
    case Codec::lz4_legacy:
      return unlz4_legacy(bytes, max_output);
    case Codec::lz4_frame:
      return unlz4_frame(bytes, max_output);
    case Codec::bzip2:
    case Codec::lzma:
    case Codec::lzo:
      break;
  }
  fail(codec, "this codec is not decoded");
}

std::string compress(Codec codec, std::string_view bytes) {
  switch (codec) {
    case Codec::plain:
      return std::string(bytes);
    case Codec::gzip:
      return gzip(bytes);
    case Codec::xz:
      return xz(bytes);
    case Codec::zstd:
      return zstd(bytes);
    case Codec::lz4_legacy:
      return lz4_legacy(bytes);
    default:
      throw Error(ErrorKind::internal, "cannot compress with " + std::string(to_string(codec)));
  }
}

}  // namespace rehost
