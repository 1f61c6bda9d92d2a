// Compression of one unit at a time. libdeflate behind, a compressor for each thread; any inflate
// reads the result.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace rehost {

enum class DeflateWrapping { none, zlib };

// Appends the compressed bytes and returns how many; 0, and nothing appended, when they would not
// be fewer than `data`.
size_t append_deflated(std::vector<std::byte>& out, std::span<const std::byte> data,
                       DeflateWrapping wrapping);

}  // namespace rehost
