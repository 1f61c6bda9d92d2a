// VHD: fixed (the raw disk and 512 bytes behind it) and dynamic (blocks of 2 MiB, written where the
// file ends).
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "images/image_sink.h"

namespace rehost {

class FixedVhdSink : public ImageSink {
 public:
  explicit FixedVhdSink(const SinkRequest& request);

  SinkTraits traits() const override;
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override;
  void zero(uint64_t offset, uint64_t length) override;
  void finish() override;

 private:
  const uint64_t size_;
  PartialFile file_;
};

class DynamicVhdSink : public ImageSink {
 public:
  explicit DynamicVhdSink(const SinkRequest& request);

  SinkTraits traits() const override;
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override;
  void zero(uint64_t offset, uint64_t length) override;
  void finish() override;

 private:
  const uint64_t size_;
  std::mutex mutex_;
  std::vector<uint32_t> table_;  // sector of each block
  uint64_t end_ = 0;
  PartialFile file_;
};

std::unique_ptr<ImageSink> open_vhd_sink(const SinkRequest& request);
std::unique_ptr<ImageSink> open_fixed_vhd_sink(const SinkRequest& request);

}  // namespace rehost
