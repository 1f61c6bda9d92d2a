// qcow2, plain or compressed, written from many threads: a cluster goes wherever the file ends, the
// tables at the end.
//
// Memory: 8 bytes for each 64 KiB of data (50 MiB for a full disk of 400 GiB).
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "images/image_sink.h"

namespace rehost {

class Qcow2Sink : public ImageSink {
 public:
  enum class Compression { none, deflate };
  Qcow2Sink(const SinkRequest& request, Compression compression);

  SinkTraits traits() const override;
  EncodedPiece encode(uint64_t offset, std::span<const std::byte> data) const override;
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override;
  void zero(uint64_t offset, uint64_t length) override;
  void finish() override;

 private:
  uint64_t place_clusters(uint64_t count);
  uint64_t place_packed(uint64_t bytes);
  void count_references(uint64_t start, uint64_t bytes);
  void set_entry(uint64_t cluster, uint64_t entry);
  void write_tables();

  const uint64_t size_;
  const Compression compression_;
  std::mutex mutex_;
  uint64_t end_;                               // of the file, a multiple of the cluster
  uint64_t packed_ = 0;                        // where the next compressed cluster may go,
  uint64_t packed_end_ = 0;                    // up to here
  std::vector<std::vector<uint64_t>> tables_;  // L2, as they will be on disk; empty for none
  std::vector<uint16_t> references_;           // of each cluster of the file
  PartialFile file_;
};

std::unique_ptr<ImageSink> open_qcow2_sink(const SinkRequest& request);
std::unique_ptr<ImageSink> open_compressed_qcow2_sink(const SinkRequest& request);

}  // namespace rehost
