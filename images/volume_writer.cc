#include "images/volume_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "converter/core/error.h"
#include "images/byte_order.h"
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

// How much an image grows when one byte is written where it has nothing yet.
uint64_t cluster_size_of(const std::string& path, std::string_view qemu_format) {
  std::vector<std::byte> header(512);
  const RawSource file(path);
  file.read(0, std::span(header).first(std::min<uint64_t>(header.size(), file.size())));
  uint64_t bytes = 64 * kKibibyte;
  if (qemu_format == "qcow2") {
    bytes = uint64_t{1} << std::min(be32(header, 20), 21U);
  } else if (qemu_format == "vdi") {
    bytes = le32(header, 0x178);
  } else if (qemu_format == "vmdk" && le32(header, 0) == 0x564D444B) {  // "KDMV"
    bytes = le64(header, 20) * 512;
  }
  return std::clamp<uint64_t>(bytes, 512, 64 * kMebibyte);
}

// Room behind the end of a file, where qemu lets an image grow.
class RoomBehind : public TakenRoom {
 public:
  explicit RoomBehind(const std::string& path) : name_(path), file_(open_file(path, O_RDWR)) {
    struct stat status = {};
    is_file_ = ::fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode);
    end_ = static_cast<uint64_t>(status.st_size);
  }
  // Cutting a file to the size it has frees what lies behind.
  ~RoomBehind() override {
    struct stat status = {};
    if (taken_ > 0 && ::fstat(file_.get(), &status) == 0) {
      [[maybe_unused]] const int kept = ::ftruncate(file_.get(), status.st_size);
    }
  }
  RoomBehind(const RoomBehind&) = delete;
  RoomBehind& operator=(const RoomBehind&) = delete;

  void take(uint64_t bytes) {
    if (!is_file_ || bytes == 0) {
      return;  // on a block device there is as much as there is
    }
    if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(end_ + taken_),
                    static_cast<off_t>(bytes)) == 0) {
      taken_ += bytes;
      return;
    }
    if (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG) {
      const int error_number = errno;
      throw_io_error(fmt::format("make room for {} more of", human_bytes(taken_ + bytes)), name_,
                     error_number);
    }
    // This file system cannot promise room: is there any at least?
    taken_ += bytes;
    require_free_space(std::filesystem::canonical(name_).parent_path(), taken_);
  }

 private:
  std::string name_;
  FileDescriptor file_;
  bool is_file_ = false;
  uint64_t end_ = 0;  // of the file when it was opened
  uint64_t taken_ = 0;
};

class NbdVolumeWriter : public VolumeWriter {
 public:
  NbdVolumeWriter(const std::string& path, std::string_view qemu_format)
      : cluster_size_(cluster_size_of(path, qemu_format)),
        room_(std::make_unique<RoomBehind>(path)),
        // Our own SourceLock says that nobody else may write, which would turn this qemu-nbd away.
        server_(path, qemu_format, {.writable = true, .locking = false, .connections = 1}) {}

  uint64_t size() const override { return server_.size(); }
  const std::string& name() const override { return server_.name(); }
  void read(uint64_t offset, std::span<std::byte> into) override { server_.read(offset, into); }

  // Any cluster that is touched may need a new one: it is not there yet, compressed, or shared with
  // a snapshot or a file beneath. So may the table that leads to it, and what counts them.
  void reserve(uint64_t offset, uint64_t length) override {
    constexpr uint64_t kCounts = 4;
    const uint64_t counts = next_cluster_ == 0 ? kCounts : 0;
    const uint64_t clusters = touched(offset, length, cluster_size_, next_cluster_);
    const uint64_t tables = touched(offset, length, cluster_size_ * cluster_size_ / 8, next_table_);
    room_->take((clusters + tables + counts) * cluster_size_);
  }
  std::unique_ptr<TakenRoom> keep_room() override { return std::move(room_); }
  void write(uint64_t offset, std::span<const std::byte> from) override {
    server_.write(offset, from);
  }
  void sync() override { server_.flush(); }

 private:
  // Units of this size that nobody has asked for before.
  static uint64_t touched(uint64_t offset, uint64_t length, uint64_t unit, uint64_t& next) {
    const uint64_t first = std::max(offset / unit, next);
    const uint64_t end = (offset + length + unit - 1) / unit;
    next = std::max(next, end);
    return end > first ? end - first : 0;
  }

  uint64_t cluster_size_;
  uint64_t next_cluster_ = 0;
  uint64_t next_table_ = 0;
  std::unique_ptr<RoomBehind> room_;
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
