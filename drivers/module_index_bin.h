// The .bin twins of modules.dep, modules.alias and modules.symbols: a trie on disk, big-endian,
// which is all that libkmod reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

struct BinEntry {
  std::string key;
  std::string value;
  uint32_t priority = 0;  // of several values of one key the lowest comes first: the module's place
                          // in modules.order
  friend bool operator==(const BinEntry&, const BinEntry&) = default;
};

// The same bytes as depmod writes for these entries. Keys that it would refuse (not ASCII, too
// long) are left out.
std::string write_index_bin(std::vector<BinEntry> entries);

// All entries, sorted by key. Throws Error(guest_damaged).
std::vector<BinEntry> read_index_bin(std::string_view bytes);

}  // namespace rehost
