#include "drivers/module_index_bin.h"

#include <algorithm>
#include <set>
#include <span>

#include "converter/core/error.h"

namespace rehost {
namespace {

// File: magic, version, offset of the root node. Node: what its flags announce, in this order: a
// prefix ended by NUL; the first and last character of its children and an offset for each one
// between; a count of values, each a priority and a text ended by NUL. The flags of a node are the
// upper bits of the offset that leads to it; offset 0 is no node.
constexpr uint32_t kMagic = 0xB007F457;
constexpr uint32_t kVersion = 0x00020001;
constexpr uint32_t kHasPrefix = 0x80000000;
constexpr uint32_t kHasValues = 0x40000000;
constexpr uint32_t kHasChildren = 0x20000000;
constexpr uint32_t kOffsetMask = 0x0FFFFFFF;
constexpr size_t kLongestKey = 4096;  // which also bounds the depth of the trie
constexpr size_t kMostKeyBytes = 256u
                                 << 20;  // of all nodes; a distribution's own alias index has 20 MB

void put_32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

void overwrite_32(std::string& out, size_t at, uint32_t value) {
  std::string bytes;
  put_32(bytes, value);
  out.replace(at, 4, bytes);
}

bool is_writable_key(const std::string& key) {
  return key.size() <= kLongestKey &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > 0; });
}

size_t common_length(const std::string& a, const std::string& b) {
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(ends.first - a.begin());
}

// Writes the node of all keys in `entries` (sorted, equal in their first `depth` characters) behind
// its children. Its prefix is what they have in common behind `depth`; the root has none.
uint32_t write_node(std::string& out, std::span<const BinEntry> entries, size_t depth,
                    bool is_root) {
  if (entries.empty()) {
    return static_cast<uint32_t>(out.size());
  }
  const size_t end = is_root ? 0 : common_length(entries.front().key, entries.back().key);
  size_t values = 0;
  while (values < entries.size() && entries[values].key.size() == end) {
    ++values;
  }
  std::vector<uint32_t> children;
  for (size_t i = values; i < entries.size();) {
    const char c = entries[i].key[end];
    const auto first = static_cast<unsigned char>(entries[values].key[end]);
    size_t next = i;
    while (next < entries.size() && entries[next].key[end] == c) {
      ++next;
    }
    children.resize(size_t{static_cast<unsigned char>(c)} - first + 1, 0);
    children.back() = write_node(out, entries.subspan(i, next - i), end + 1, false);
    i = next;
  }
  auto offset = static_cast<uint32_t>(out.size());
  if (out.size() > kOffsetMask) {
    throw Error(ErrorKind::guest_damaged, "cannot write a module index: it would be too large");
  }
  if (end > depth) {
    out.append(entries.front().key, depth, end - depth);
    out.push_back('\0');
    offset |= kHasPrefix;
  }
  if (!children.empty()) {
    out.push_back(entries[values].key[end]);
    out.push_back(entries.back().key[end]);
    for (const uint32_t child : children) {
      put_32(out, child);
    }
    offset |= kHasChildren;
  }
  if (values > 0) {
    put_32(out, static_cast<uint32_t>(values));
    for (const BinEntry& entry : entries.first(values)) {
      put_32(out, entry.priority);
      out += entry.value;
      out.push_back('\0');
    }
    offset |= kHasValues;
  }
  return offset;
}

[[noreturn]] void fail(std::string_view reason) {
  throw Error(ErrorKind::guest_damaged, "cannot read a module index: " + std::string(reason));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  void seek(size_t at) { at_ = at; }
  uint32_t number() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      value = value << 8 | character();
    }
    return value;
  }
  unsigned char character() {
    if (at_ >= bytes_.size()) {
      fail("it ends early");
    }
    return static_cast<unsigned char>(bytes_[at_++]);
  }
  std::string_view text() {
    const size_t end = bytes_.find('\0', std::min(at_, bytes_.size()));
    if (end == std::string_view::npos) {
      fail("a text in it has no end");
    }
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

struct Pending {
  uint32_t offset;
  std::string key;
};

}  // namespace

std::string write_index_bin(std::vector<BinEntry> entries) {
  entries.erase(std::remove_if(entries.begin(), entries.end(),
                               [](const BinEntry& entry) { return !is_writable_key(entry.key); }),
                entries.end());
  // Of values with one key and priority depmod puts the one that came last in front.
  std::reverse(entries.begin(), entries.end());
  std::stable_sort(entries.begin(), entries.end(), [](const BinEntry& a, const BinEntry& b) {
    return a.key != b.key ? a.key < b.key : a.priority < b.priority;
  });
  std::string out;
  put_32(out, kMagic);
  put_32(out, kVersion);
  put_32(out, 0);
  overwrite_32(out, 8, write_node(out, entries, 0, true));
  return out;
}

std::vector<BinEntry> read_index_bin(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.number() != kMagic || reader.number() >> 16 != kVersion >> 16) {
    fail("it does not start with its magic");
  }
  std::vector<BinEntry> entries;
  std::vector<Pending> todo{{reader.number(), ""}};
  size_t key_bytes = 0;
  std::set<uint32_t> seen;  // a node that two lead to would let a small file mean an endless one
  while (!todo.empty()) {
    Pending node = std::move(todo.back());
    todo.pop_back();
    if (!seen.insert(node.offset & kOffsetMask).second) {
      fail("its nodes go round");
    }
    reader.seek(node.offset & kOffsetMask);
    if ((node.offset & kHasPrefix) != 0) {
      node.key += reader.text();
    }
    key_bytes += node.key.size();
    if (node.key.size() > kLongestKey || key_bytes > kMostKeyBytes) {
      fail("its keys are too long");
    }
    if ((node.offset & kHasChildren) != 0) {
      const unsigned char first = reader.character();
      const unsigned char last = reader.character();
      for (unsigned c = first; c <= last; ++c) {
        if (const uint32_t child = reader.number(); child != 0) {
          key_bytes += node.key.size();
          todo.push_back({child, node.key + static_cast<char>(c)});
        }
      }
    }
    if ((node.offset & kHasValues) != 0) {
      for (uint32_t left = reader.number(); left > 0; --left) {
        const uint32_t priority = reader.number();
        entries.push_back({node.key, std::string(reader.text()), priority});
      }
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const BinEntry& a, const BinEntry& b) { return a.key < b.key; });
  return entries;
}

}  // namespace rehost
