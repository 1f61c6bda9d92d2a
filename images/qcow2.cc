#include "images/qcow2.h"

#include <algorithm>

#include "images/byte_order.h"
#include "images/deflate.h"
#include "images/image_source.h"

namespace rehost {
namespace {

constexpr uint64_t kClusterBits = 16;
constexpr uint64_t kCluster = uint64_t{1} << kClusterBits;
constexpr uint64_t kEntriesPerTable = kCluster / 8;
constexpr uint64_t kCopied = uint64_t{1} << 63;
constexpr uint64_t kCompressed = uint64_t{1} << 62;
constexpr uint64_t kSectorCountShift = 62 - (kClusterBits - 8);
constexpr uint64_t kReferencesPerBlock = kCluster / 2;
constexpr uint64_t kSector = 512;

uint64_t units(uint64_t bytes, uint64_t unit) {
  return (bytes + unit - 1) / unit;
}

void append_be64(std::vector<std::byte>& out, uint64_t value) {
  out.resize(out.size() + 8);
  set_be(out, out.size() - 8, value, 8);
}

}  // namespace

Qcow2Sink::Qcow2Sink(const SinkRequest& request, Compression compression)
    : size_(request.size),
      compression_(compression),
      end_(kCluster),  // the header's
      tables_(units(units(request.size, kCluster), kEntriesPerTable)),
      file_(request) {}

SinkTraits Qcow2Sink::traits() const {
  return {.random_access = true, .starts_as_zeros = true, .grain = kCluster};
}

EncodedPiece Qcow2Sink::encode(uint64_t /*offset*/, std::span<const std::byte> data) const {
  EncodedPiece piece;
  if (compression_ == Compression::none) {
    return piece;
  }
  piece.bytes.reserve(data.size());
  std::vector<std::byte> last;
  for (size_t at = 0; at < data.size(); at += kCluster) {
    std::span<const std::byte> cluster =
        data.subspan(at, std::min<size_t>(kCluster, data.size() - at));
    if (cluster.size() < kCluster) {
      last.assign(cluster.begin(), cluster.end());
      last.resize(kCluster);
      cluster = last;
    }
    // 0: does not get smaller, and is written as it is.
    piece.sizes.push_back(
        static_cast<uint32_t>(append_deflated(piece.bytes, cluster, DeflateWrapping::none)));
  }
  return piece;
}

void Qcow2Sink::write(uint64_t offset, std::span<const std::byte> data,
                      const EncodedPiece& encoded) {
  const uint64_t first = offset / kCluster;
  if (compression_ == Compression::none) {
    const uint64_t count = units(data.size(), kCluster);
    uint64_t start = 0;
    {
      const std::lock_guard lock(mutex_);
      start = place_clusters(count);
      for (uint64_t i = 0; i < count; ++i) {
        set_entry(first + i, kCopied | (start + i * kCluster));
      }
    }
    write_fully(file_.fd(), file_.name(), start, data);
    return;
  }
  std::span<const std::byte> packed = encoded.bytes;
  for (size_t i = 0; i < encoded.sizes.size(); ++i) {
    const uint64_t bytes = encoded.sizes[i];
    const auto plain =
        data.subspan(i * kCluster, std::min<size_t>(kCluster, data.size() - i * kCluster));
    uint64_t start = 0;
    {
      const std::lock_guard lock(mutex_);
      start = bytes == 0 ? place_clusters(1) : place_packed(bytes);
      const uint64_t more_sectors =
          bytes == 0 ? 0 : (start + bytes - 1) / kSector - start / kSector;
      set_entry(first + i, bytes == 0 ? kCopied | start
                                      : kCompressed | more_sectors << kSectorCountShift | start);
    }
    write_fully(file_.fd(), file_.name(), start, bytes == 0 ? plain : packed.first(bytes));
    packed = packed.subspan(bytes);
  }
}

void Qcow2Sink::zero(uint64_t /*offset*/, uint64_t /*length*/) {}

void Qcow2Sink::finish() {
  write_tables();
  file_.finish();
}

uint64_t Qcow2Sink::place_clusters(uint64_t count) {
  const uint64_t start = end_;
  end_ += count * kCluster;
  count_references(start, count * kCluster);
  return start;
}

// Compressed clusters lie byte by byte behind each other, and must not be torn: when something else
// has taken the next cluster of the file, they go on behind it.
uint64_t Qcow2Sink::place_packed(uint64_t bytes) {
  if (packed_ + bytes > packed_end_) {
    if (packed_end_ != end_) {
      packed_ = end_;
    }
    end_ += kCluster;
    packed_end_ = end_;
  }
  const uint64_t start = packed_;
  packed_ += bytes;
  count_references(start, bytes);
  return start;
}

void Qcow2Sink::count_references(uint64_t start, uint64_t bytes) {
  references_.resize(std::max<size_t>(references_.size(), end_ / kCluster));
  for (uint64_t cluster = start / kCluster; cluster <= (start + bytes - 1) / kCluster; ++cluster) {
    ++references_[cluster];
  }
}

void Qcow2Sink::set_entry(uint64_t cluster, uint64_t entry) {
  std::vector<uint64_t>& table = tables_[cluster / kEntriesPerTable];
  if (table.empty()) {
    table.resize(kEntriesPerTable);
  }
  table[cluster % kEntriesPerTable] = entry;
}

void Qcow2Sink::write_tables() {
  std::vector<std::byte> level1;
  for (const std::vector<uint64_t>& table : tables_) {
    if (table.empty()) {
      append_be64(level1, 0);
      continue;
    }
    std::vector<std::byte> bytes;
    bytes.reserve(kCluster);
    for (const uint64_t entry : table) {
      append_be64(bytes, entry);
    }
    const uint64_t start = place_clusters(1);
    write_fully(file_.fd(), file_.name(), start, bytes);
    append_be64(level1, kCopied | start);
  }
  const uint64_t level1_start =
      place_clusters(std::max<uint64_t>(units(level1.size(), kCluster), 1));
  write_fully(file_.fd(), file_.name(), level1_start, level1);

  // The reference counts count themselves.
  const uint64_t used = end_ / kCluster;
  uint64_t blocks = 1;
  uint64_t table_clusters = 1;
  while (blocks * kReferencesPerBlock < used + blocks + table_clusters) {
    ++blocks;
    table_clusters = units(blocks * 8, kCluster);
  }
  const uint64_t table_start = place_clusters(table_clusters);
  const uint64_t blocks_start = place_clusters(blocks);
  references_[0] = 1;
  std::vector<std::byte> reference_table;
  for (uint64_t i = 0; i < blocks; ++i) {
    append_be64(reference_table, blocks_start + i * kCluster);
  }
  reference_table.resize(table_clusters * kCluster);
  write_fully(file_.fd(), file_.name(), table_start, reference_table);
  std::vector<std::byte> counts(blocks * kCluster);  // whole clusters: the file ends at a border
  for (size_t i = 0; i < references_.size(); ++i) {
    set_be(counts, i * 2, references_[i], 2);
  }
  write_fully(file_.fd(), file_.name(), blocks_start, counts);

  std::vector<std::byte> header(112);
  set_be(header, 0, 0x514649fb, 4);  // "QFI\xfb"
  set_be(header, 4, 3, 4);
  set_be(header, 20, kClusterBits, 4);
  set_be(header, 24, size_, 8);
  set_be(header, 36, tables_.size(), 4);
  set_be(header, 40, level1_start, 8);
  set_be(header, 48, table_start, 8);
  set_be(header, 56, table_clusters, 4);
  set_be(header, 96, 4, 4);  // counts of 16 bits
  set_be(header, 100, 104, 4);
  write_fully(file_.fd(), file_.name(), 0, header);
}

std::unique_ptr<ImageSink> open_qcow2_sink(const SinkRequest& request) {
  return std::make_unique<Qcow2Sink>(request, Qcow2Sink::Compression::none);
}

std::unique_ptr<ImageSink> open_compressed_qcow2_sink(const SinkRequest& request) {
  return std::make_unique<Qcow2Sink>(request, Qcow2Sink::Compression::deflate);
}

}  // namespace rehost
