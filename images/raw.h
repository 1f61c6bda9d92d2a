// Raw disks: files read and written directly, holes by SEEK_DATA and SEEK_HOLE, and block devices.
#pragma once

#include <memory>
#include <string>

#include "images/image_sink.h"
#include "images/image_source.h"
#include "images/source_lock.h"

namespace rehost {

class RawSource : public ImageSource {
 public:
  explicit RawSource(const std::string& path);

  uint64_t size() const override { return size_; }
  void read(uint64_t offset, std::span<std::byte> into) const override;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override;
  const std::string& name() const override { return name_; }

 private:
  // Throws Error(image_io) when the file has become smaller: its end is no hole.
  void require_whole() const;

  std::string name_;
  FileDescriptor file_;
  uint64_t size_ = 0;
  bool has_holes_ = true;  // a block device cannot say where its holes are
};

// A sparse file, new: starts as zeros.
class RawFileSink : public ImageSink {
 public:
  explicit RawFileSink(const SinkRequest& request);

  SinkTraits traits() const override;
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override;
  void zero(uint64_t offset, uint64_t length) override;
  void finish() override;

 private:
  PartialFile file_;
};

// A block device, or a file that is there already: every byte of it is defined afterwards. Held as
// a source that is converted in place is: what is mounted, attached, or in use by a qemu or another
// rehost is refused (Error(environment)). It has no partial name: what a failed copy leaves on it
// is undefined.
class ExistingDiskSink : public ImageSink {
 public:
  explicit ExistingDiskSink(const SinkRequest& request);

  SinkTraits traits() const override;
  void write(uint64_t offset, std::span<const std::byte> data,
             const EncodedPiece& encoded) override;
  void zero(uint64_t offset, uint64_t length) override;
  void finish() override;

 private:
  std::string name_;
  SourceLock lock_;
  FileDescriptor file_;
  uint64_t size_;       // of the disk that is written
  uint64_t file_size_;  // what lies behind the disk, old partition tables say, becomes zeros
};

std::unique_ptr<ImageSink> open_raw_sink(const SinkRequest& request);

// Makes a range read as zeros by the cheapest way the file system or the device has.
void zero_range(int fd, const std::string& name, uint64_t offset, uint64_t length);

}  // namespace rehost
