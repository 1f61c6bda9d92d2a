// Compression of initramfs archives and kernel modules: told by magic, undone with every length
// checked, and done again in a form that the kernel's own decoders read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rehost {

enum class Codec {
  plain,  // no magic that we know: a cpio archive, an ELF file, or anything else
  gzip,
  xz,
  zstd,
  lz4_legacy,  // `lz4 -l`: the only lz4 that the kernel reads
  lz4_frame,   // what `lz4` writes by default; decoded only
  bzip2,       // the last three are named, and neither decoded nor written
  lzma,
  lzo,
};

std::string_view to_string(Codec codec);  // "zstd", "lz4"
Codec detect_codec(std::string_view bytes);
bool can_decompress(Codec codec);
bool can_compress(Codec codec);

struct Decompressed {
  std::string bytes;
  size_t consumed = 0;  // bytes of the input that the stream took; what follows is not looked at
};

// One stream from the start of `bytes`: one gzip member, one xz stream, one zstd frame. The legacy
// lz4 format has no end mark, so there the stream ends at the first thing that cannot be a block:
// zeros, another magic, the end of the input. Throws Error(guest_damaged) when the stream is
// damaged, ends early, or unpacks to more than `max_output` bytes.
Decompressed decompress(Codec codec, std::string_view bytes, uint64_t max_output);

// Deterministic: no time stamps, no names, and the same bytes however many processors there are.
std::string compress(Codec codec, std::string_view bytes);

}  // namespace rehost
