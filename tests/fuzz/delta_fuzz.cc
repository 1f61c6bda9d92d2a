#include "images/delta.h"

#include <cstring>
#include <memory>

#include "tests/fuzz/fuzz.h"
#include "tests/support/memory_source.h"

using namespace rehost;           // NOLINT: a program of one function
using namespace rehost::testing;  // NOLINT

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned /*seed*/) {
  size = LLVMFuzzerMutate(data, size, max_size);
  mend_table_hash(data, size, {.offset = 32, .length = 40, .hash = 48});
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kSizeField = 8;
  constexpr uint64_t kLargestDisk = 4 << 20;
  uint64_t disk = 0;
  if (size >= kSizeField + sizeof(disk)) {
    std::memcpy(&disk, data + kSizeField, sizeof(disk));
  }
  disk = std::min(disk, kLargestDisk);
  const MemoryFile file(data, size);
  try {
    const DeltaSource delta(file.path(),
                            std::make_unique<MemorySource>(std::vector<std::byte>(disk)));
    uint64_t covered = 0;
    for (const Extent& extent : delta.extents(0, delta.size())) {
      covered += extent.length;
    }
    require(covered == delta.size(), "the map covers the disk");
    std::vector<std::byte> all(delta.size());
    delta.read(0, all);
    delta.check_base();
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
