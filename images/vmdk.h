// VMDK, streamOptimized: grains of 64 KiB, each compressed, in the order of the disk, with their
// tables between them. What OVF tools and EC2's VM Import take.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "images/image_sink.h"

namespace rehost {

class StreamVmdkSink : public ImageSink {
 public:
  explicit StreamVmdkSink(const SinkRequest& request);

  SinkTraits traits() const override;
  EncodedPiece encode(uint64_t offset, std::span<const std::byte> data) const override;
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override;
  void zero(uint64_t offset, uint64_t length) override;
  void finish() override;

 private:
  void append(std::span<const std::byte> bytes);
  void append_marker(uint64_t sectors, uint32_t type);
  void flush_table();
  std::vector<std::byte> header(uint64_t directory_sector) const;

  uint64_t sectors_;  // of the disk
  std::string name_;
  uint64_t position_ = 0;
  std::vector<uint32_t> directory_;  // sector of each grain table, 0 for none
  std::vector<uint32_t> table_;      // the one being filled
  uint64_t table_number_ = 0;
  PartialFile file_;
};

std::unique_ptr<ImageSink> open_vmdk_sink(const SinkRequest& request);

}  // namespace rehost
