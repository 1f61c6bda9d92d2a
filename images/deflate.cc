#include "images/deflate.h"

#include <libdeflate.h>

#include <memory>
#include <new>

namespace rehost {
namespace {

// As small as zlib's default level within a percent or two, in a third of the time.
constexpr int kLevel = 5;

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const {
    libdeflate_free_compressor(compressor);
  }
};

libdeflate_compressor* compressor_of_this_thread() {
  thread_local const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
      libdeflate_alloc_compressor(kLevel));
  if (!compressor) {
    throw std::bad_alloc();
  }
  return compressor.get();
}

}  // namespace

size_t append_deflated(std::vector<std::byte>& out, std::span<const std::byte> data,
                       DeflateWrapping wrapping) {
  const size_t start = out.size();
  out.resize(start + data.size());
  const auto compress =
      wrapping == DeflateWrapping::zlib ? libdeflate_zlib_compress : libdeflate_deflate_compress;
  const size_t bytes = compress(compressor_of_this_thread(), data.data(), data.size(),
                                out.data() + start, data.size() - 1);
  out.resize(start + bytes);
  return bytes;
}

}  // namespace rehost
