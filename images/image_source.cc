#include "images/image_source.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace rehost {

void append_extent(std::vector<Extent>& extents, const Extent& extent) {
  if (extent.length == 0) {
    return;
  }
  if (!extents.empty()) {
    Extent& last = extents.back();
    assert(last.offset + last.length == extent.offset);
    if (last.zero == extent.zero && last.changed == extent.changed) {
      last.length += extent.length;
      return;
    }
  }
  extents.push_back(extent);
}

uint64_t data_bytes(const ImageSource& source) {
  // In steps, so that the map of a large and fragmented disk is never held as a whole.
  constexpr uint64_t kStep = kGibibyte;
  uint64_t bytes = 0;
  for (uint64_t offset = 0; offset < source.size(); offset += kStep) {
    for (const Extent& extent : source.extents(offset, std::min(kStep, source.size() - offset))) {
      bytes += extent.zero ? 0 : extent.length;
    }
  }
  return bytes;
}

uint64_t changed_bytes(const ImageSource& source) {
  uint64_t bytes = 0;
  for (const Extent& extent : source.extents(0, source.size())) {
    bytes += extent.changed ? extent.length : 0;
  }
  return bytes;
}

bool is_zero(std::span<const std::byte> bytes) {
  // The first few by hand, the rest compared with itself moved by as many: memcmp is the fastest
  // loop there is.
  constexpr size_t kHead = 16;
  const size_t head = std::min(kHead, bytes.size());
  for (size_t i = 0; i < head; ++i) {
    if (bytes[i] != std::byte{0}) {
      return false;
    }
  }
  return bytes.size() <= kHead ||
         std::memcmp(bytes.data(), bytes.data() + kHead, bytes.size() - kHead) == 0;
}

}  // namespace rehost
