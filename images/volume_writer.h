// Write access to a volume in its own format: the one place from which a source is ever changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "converter/core/inspection.h"

namespace rehost {

class VolumeWriter {
 public:
  virtual ~VolumeWriter() = default;
  virtual uint64_t size() const = 0;
  virtual void read(uint64_t offset, std::span<std::byte> into) = 0;
  virtual void write(uint64_t offset, std::span<const std::byte> from) = 0;
  // What was written is on the disk afterwards.
  virtual void sync() = 0;
  virtual const std::string& name() const = 0;
};

// The caller holds the SourceLock for convert_in_place.
std::unique_ptr<VolumeWriter> open_volume_writer(const Volume& volume);

}  // namespace rehost
