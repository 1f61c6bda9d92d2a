// Passes everything on to another sink until the nth call, which fails.
#pragma once

#include <atomic>

#include "converter/core/error.h"
#include "images/image_sink.h"

namespace rehost {

class FaultySink : public ImageSink {
 public:
  FaultySink(ImageSink& below, int failing_call) : below_(below), calls_left_(failing_call) {}

  SinkTraits traits() const override { return below_.traits(); }
  EncodedPiece encode(uint64_t offset, std::span<const std::byte> data) const override {
    return below_.encode(offset, data);
  }
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override {
    count();
    below_.write(offset, data, encoded);
  }
  void zero(uint64_t offset, uint64_t length) override {
    count();
    below_.zero(offset, length);
  }
  void finish() override {
    count();
    below_.finish();
  }

 private:
  void count() {
    if (calls_left_.fetch_sub(1) == 1) {
      throw Error(ErrorKind::environment, "cannot write: no space left on device");
    }
  }

  ImageSink& below_;
  std::atomic<int> calls_left_;
};

}  // namespace rehost
