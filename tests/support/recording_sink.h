// A sink in memory that starts as a used disk, full of 0xEE, and remembers what was asked of it.
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "images/image_sink.h"

namespace rehost {

class RecordingSink : public ImageSink {
 public:
  struct Operation {
    uint64_t offset = 0;
    uint64_t length = 0;
    bool zero = false;
    friend bool operator==(const Operation&, const Operation&) = default;
  };

  RecordingSink(uint64_t size, SinkTraits traits)
      : content(size, traits.starts_as_zeros ? std::byte{0} : std::byte{0xEE}), traits_(traits) {}

  std::vector<std::byte> content;
  std::vector<Operation> operations;  // in the order of arrival
  bool finished = false;
  bool overlapped = false;  // two calls at once: only random access allows that

  SinkTraits traits() const override { return traits_; }
  EncodedPiece encode(uint64_t /*offset*/, std::span<const std::byte> data) const override {
    return {{data.begin(), data.end()}, {static_cast<uint32_t>(data.size())}};
  }
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override {
    const Call call(*this);
    operations.push_back({offset, data.size(), false});
    std::copy(encoded.bytes.begin(), encoded.bytes.end(),
              content.begin() + static_cast<ptrdiff_t>(offset));
  }
  void zero(uint64_t offset, uint64_t length) override {
    const Call call(*this);
    operations.push_back({offset, length, true});
    std::fill_n(content.begin() + static_cast<ptrdiff_t>(offset), length, std::byte{0});
  }
  void finish() override { finished = true; }

 private:
  class Call {
   public:
    explicit Call(RecordingSink& sink) : lock_(sink.mutex_, std::try_to_lock) {
      if (!lock_.owns_lock()) {
        lock_.lock();
        sink.overlapped = true;
      }
    }

   private:
    std::unique_lock<std::mutex> lock_;
  };

  SinkTraits traits_;
  std::mutex mutex_;
};

}  // namespace rehost
