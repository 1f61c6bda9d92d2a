// Progress of a phase that goes through several disks, as one row of bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "converter/core/event.h"
#include "images/copier.h"

namespace rehost {

class TotalProgress {
 public:
  TotalProgress(std::string phase, uint64_t total, EventSink& events)
      : phase_(std::move(phase)), total_(total), events_(events) {}

  // For the next disk, of so many bytes; this object must outlive the use of it.
  OnProgress next_disk(uint64_t bytes) {
    const uint64_t before = before_;
    before_ += bytes;
    return [this, before](uint64_t done, uint64_t) {
      events_.on(Progress{phase_, before + done, total_});
    };
  }

 private:
  std::string phase_;
  uint64_t total_;
  EventSink& events_;
  uint64_t before_ = 0;
};

}  // namespace rehost
