#include "images/volume_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "converter/core/error.h"
#include "images/formats.h"
#include "images/image_headers.h"
#include "images/nbd.h"
#include "images/posix_file.h"
#include "images/raw.h"

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
  void read_back(uint64_t offset, std::span<std::byte> into) override {
    ::posix_fadvise(file_.get(), static_cast<off_t>(offset), static_cast<off_t>(into.size()),
                    POSIX_FADV_DONTNEED);
    read(offset, into);
  }
  void reserve(uint64_t offset, uint64_t length) override {
    struct stat status = {};
    if (::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      return;
    }
    if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(length)) != 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EIO)) {
      const int error_number = errno;
      throw_io_error(fmt::format("make room for {} bytes at offset {} of", length, offset), name_,
                     error_number);
    }  // anything else: this file system cannot promise room
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
      : directory_(std::filesystem::absolute(path).parent_path()),
        // Our own SourceLock says that nobody else may write, which would turn this qemu-nbd away.
        server_(path, qemu_format, {.writable = true, .locking = false, .connections = 1}) {}

  uint64_t size() const override { return server_.size(); }
  const std::string& name() const override { return server_.name(); }
  void read(uint64_t offset, std::span<std::byte> into) override { server_.read(offset, into); }
  // What the image does not hold yet makes it larger, by whole clusters.
  void reserve(uint64_t offset, uint64_t length) override {
    constexpr uint64_t kCluster = 64 * kKibibyte;
    for (const Extent& extent : server_.data_map(offset, length)) {
      growth_ += extent.zero ? (extent.length + kCluster - 1) / kCluster * kCluster : 0;
    }
    if (growth_ > 0) {
      require_free_space(directory_, growth_);
    }
  }
  void write(uint64_t offset, std::span<const std::byte> from) override {
    server_.write(offset, from);
  }
  void sync() override { server_.flush(); }

 private:
  std::filesystem::path directory_;
  uint64_t growth_ = 0;
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
  forget_cached(volume.path);  // see read_back
  return std::make_unique<NbdVolumeWriter>(volume.path, format->qemu_name);
}

void require_writable(const Volume& volume) {
  open_file(volume.path, O_RDWR);
  if (volume.format == "vmdk" && is_written_once(RawSource(volume.path))) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is a streamOptimized VMDK, which cannot be changed in place: "
                            "convert it with --output, or make another image of it with "
                            "qemu-img convert",
                            volume.path));
  }
  // A kill in the middle of a write leaves VHDX with a log to be replayed and VHD without its
  // footer: qemu opens neither for reading, and the journal could not be carried out.
  if (volume.format == "vhd" || volume.format == "vhdx") {
    throw Error(ErrorKind::usage,
                fmt::format("{} is a {}, which a conversion in place could leave unreadable if it "
                            "were killed: convert it with --output, or make a raw or qcow2 image "
                            "of it with qemu-img convert",
                            volume.path, volume.format == "vhd" ? "VHD" : "VHDX"));
  }
}

}  // namespace rehost
