// Write access to a volume in its own format: the one place from which a source is ever changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "converter/core/inspection.h"

namespace rehost {

// Room on the host's disk that was taken for an image to grow into. Gives back what the image did
// not need; to be destroyed when nobody writes to the image any more.
class TakenRoom {
 public:
  virtual ~TakenRoom() = default;
};

class VolumeWriter {
 public:
  virtual ~VolumeWriter() = default;
  virtual uint64_t size() const = 0;
  virtual void read(uint64_t offset, std::span<std::byte> into) = 0;
  // What the disk has, where the kernel can tell: after a write or sync that failed, memory may
  // hold, and call clean, bytes that never reached it.
  virtual void read_back(uint64_t offset, std::span<std::byte> into) { read(offset, into); }
  // Makes room for a write there and changes no byte: a sparse image takes more of the host's disk
  // when it is written. Throws Error(environment) when there is none. Copy-on-write file systems
  // promise nothing.
  // Ranges come in ascending order.
  virtual void reserve(uint64_t offset, uint64_t length) = 0;
  // What was reserved outlives the writer if the caller keeps this; null: it does so anyway.
  virtual std::unique_ptr<TakenRoom> keep_room() { return nullptr; }
  virtual void write(uint64_t offset, std::span<const std::byte> from) = 0;
  // What was written is on the disk afterwards.
  virtual void sync() = 0;
  virtual const std::string& name() const = 0;
};

// The caller holds the SourceLock for convert_in_place.
std::unique_ptr<VolumeWriter> open_volume_writer(const Volume& volume);

// To be asked before the work begins. Throws Error: usage when images of this kind are written once
// and never changed (a streamOptimized VMDK: qemu opens it, and fails at the first write) or do not
// survive a kill (VHD, VHDX), usage or environment when the file cannot be opened for writing.
void require_writable(const Volume& volume);

}  // namespace rehost
