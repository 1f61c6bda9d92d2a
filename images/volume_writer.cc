#include "images/volume_writer.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "converter/core/error.h"
#include "images/formats.h"
#include "images/nbd.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

class RawVolumeWriter : public VolumeWriter {
 public:
  explicit RawVolumeWriter(const std::string& path)
      : name_(path), file_(open_file(path, O_RDWR)), size_(file_size_of(file_.get(), path)) {}

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  void read(uint64_t offset, std::span<std::byte> into) override {
    read_fully(file_.get(), name_, offset, into);
  }
  void write(uint64_t offset, std::span<const std::byte> from) override {
    write_fully(file_.get(), name_, offset, from);
  }
  void sync() override { sync_file(file_.get(), name_); }

 private:
  std::string name_;
  FileDescriptor file_;
  uint64_t size_;
};

class NbdVolumeWriter : public VolumeWriter {
 public:
  NbdVolumeWriter(const std::string& path, std::string_view qemu_format)
      // Our own SourceLock says that nobody else may write, which would turn this qemu-nbd away.
      : server_(path, qemu_format, {.writable = true, .locking = false, .connections = 1}) {}

  uint64_t size() const override { return server_.size(); }
  const std::string& name() const override { return server_.name(); }
  void read(uint64_t offset, std::span<std::byte> into) override { server_.read(offset, into); }
  void write(uint64_t offset, std::span<const std::byte> from) override {
    server_.write(offset, from);
  }
  void sync() override { server_.flush(); }

 private:
  NbdServer server_;
};

}  // namespace

std::unique_ptr<VolumeWriter> open_volume_writer(const Volume& volume) {
  const ImageFormat* format = find_image_format(volume.format);
  if (format == nullptr) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot write {}: unknown format \"{}\"", volume.path, volume.format));
  }
  if (format->name == "raw") {
    return std::make_unique<RawVolumeWriter>(volume.path);
  }
  return std::make_unique<NbdVolumeWriter>(volume.path, format->qemu_name);
}

}  // namespace rehost
