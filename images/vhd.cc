#include "images/vhd.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "converter/core/error.h"
#include "images/block_manifest.h"
#include "images/byte_order.h"

namespace rehost {
namespace {

constexpr uint64_t kSector = 512;
constexpr uint64_t kVhdBlock = 2 * kMebibyte;
constexpr uint64_t kDynamicHeader = 1024;
constexpr uint64_t kLargestDisk = 2040 * kGibibyte;
constexpr uint32_t kNoBlock = 0xffffffff;
constexpr uint32_t kFixed = 2;
constexpr uint32_t kDynamic = 3;

void put_text(std::span<std::byte> bytes, size_t offset, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    bytes[offset + i] = static_cast<std::byte>(text[i]);
  }
}

void set_checksum(std::span<std::byte> bytes, size_t offset) {
  uint32_t sum = 0;
  for (const std::byte byte : bytes) {
    sum += std::to_integer<uint32_t>(byte);
  }
  set_be(bytes, offset, ~sum, 4);
}

// The appendix of the specification: the geometry that a BIOS of 1998 would see.
uint32_t geometry(uint64_t sectors) {
  sectors = std::min<uint64_t>(sectors, uint64_t{65535} * 16 * 255);
  uint64_t per_track = 255;
  uint64_t heads = 16;
  uint64_t cylinders_times_heads = sectors / per_track;
  if (sectors < uint64_t{65535} * 16 * 63) {
    per_track = 17;
    cylinders_times_heads = sectors / per_track;
    heads = std::max<uint64_t>((cylinders_times_heads + 1023) / 1024, 4);
    if (cylinders_times_heads >= heads * 1024 || heads > 16) {
      per_track = 31;
      heads = 16;
      cylinders_times_heads = sectors / per_track;
    }
    if (cylinders_times_heads >= heads * 1024) {
      per_track = 63;
      heads = 16;
      cylinders_times_heads = sectors / per_track;
    }
  }
  return static_cast<uint32_t>(cylinders_times_heads / heads << 16 | heads << 8 | per_track);
}

std::vector<std::byte> footer(uint64_t size, uint32_t type, const std::string& name) {
  std::vector<std::byte> bytes(kSector);
  put_text(bytes, 0, "conectix");
  set_be(bytes, 8, 2, 4);  // features: a reserved bit that is always set
  set_be(bytes, 12, 0x00010000, 4);
  set_be(bytes, 16, type == kFixed ? ~uint64_t{0} : kSector, 8);
  // A creator from whom qemu takes the size in bytes; of others it takes the geometry, and loses
  // the end of the disk.
  put_text(bytes, 28, "qem2");
  set_be(bytes, 32, 0x00050003, 4);
  put_text(bytes, 36, "Wi2k");
  set_be(bytes, 40, size, 8);
  set_be(bytes, 48, size, 8);
  set_be(bytes, 56, geometry(size / kSector), 4);
  set_be(bytes, 60, type, 4);
  // An identity that is the same for the same output: the image can be compared with another run's.
  const BlockHash id = hash_block(std::as_bytes(std::span(name)));
  set_be(bytes, 68, id.high, 8);
  set_be(bytes, 76, id.low, 8);
  set_checksum(bytes, 64);
  return bytes;
}

void require_size(const SinkRequest& request) {
  if (request.size > kLargestDisk) {
    throw Error(ErrorKind::usage,
                fmt::format("a VHD holds at most 2040 GiB, and the disk has {}; choose raw or vmdk",
                            human_bytes(request.size)));
  }
}

}  // namespace

FixedVhdSink::FixedVhdSink(const SinkRequest& request) : size_(request.size), file_(request) {
  require_size(request);
  if (::ftruncate(file_.fd(), static_cast<off_t>(size_)) != 0) {
    const int error_number = errno;
    throw_io_error(fmt::format("give {} to", human_bytes(size_)), file_.name(), error_number);
  }
}

SinkTraits FixedVhdSink::traits() const {
  return {.random_access = true, .starts_as_zeros = true, .grain = 32 * kKibibyte};
}

void FixedVhdSink::write(uint64_t offset, std::span<const std::byte> data,
                         const EncodedPiece& /*encoded*/) {
  write_fully(file_.fd(), file_.name(), offset, data);
}

void FixedVhdSink::zero(uint64_t /*offset*/, uint64_t /*length*/) {}

void FixedVhdSink::finish() {
  write_fully(file_.fd(), file_.name(), size_, footer(size_, kFixed, file_.name()));
  file_.finish();
}

DynamicVhdSink::DynamicVhdSink(const SinkRequest& request)
    : size_(request.size),
      table_((request.size + kVhdBlock - 1) / kVhdBlock, kNoBlock),
      file_(request) {
  require_size(request);
  end_ = kSector + kDynamicHeader + (table_.size() * 4 + kSector - 1) / kSector * kSector;
}

SinkTraits DynamicVhdSink::traits() const {
  return {.random_access = true, .starts_as_zeros = true, .grain = 64 * kKibibyte};
}

void DynamicVhdSink::write(uint64_t offset, std::span<const std::byte> data,
                           const EncodedPiece& /*encoded*/) {
  // A piece never crosses the border of a block: it lies within one block of 512 KiB.
  const uint64_t block = offset / kVhdBlock;
  uint64_t start = 0;
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    if (table_[block] == kNoBlock) {
      is_new = true;
      table_[block] = static_cast<uint32_t>(end_ / kSector);
      end_ += kSector + kVhdBlock;
    }
    start = uint64_t{table_[block]} * kSector;
  }
  if (is_new) {
    // All sectors are there: what nobody writes is a hole of this file, and zero.
    const std::vector<std::byte> bitmap(kSector, std::byte{0xff});
    write_fully(file_.fd(), file_.name(), start, bitmap);
  }
  write_fully(file_.fd(), file_.name(), start + kSector + offset % kVhdBlock, data);
}

void DynamicVhdSink::zero(uint64_t /*offset*/, uint64_t /*length*/) {}

void DynamicVhdSink::finish() {
  const std::vector<std::byte> trailer = footer(size_, kDynamic, file_.name());
  std::vector<std::byte> header(kDynamicHeader);
  put_text(header, 0, "cxsparse");
  set_be(header, 8, ~uint64_t{0}, 8);
  set_be(header, 16, kSector + kDynamicHeader, 8);
  set_be(header, 24, 0x00010000, 4);
  set_be(header, 28, table_.size(), 4);
  set_be(header, 32, kVhdBlock, 4);
  set_checksum(header, 36);
  std::vector<std::byte> table((table_.size() * 4 + kSector - 1) / kSector * kSector,
                               std::byte{0xff});
  for (size_t i = 0; i < table_.size(); ++i) {
    set_be(table, i * 4, table_[i], 4);
  }
  write_fully(file_.fd(), file_.name(), 0, trailer);
  write_fully(file_.fd(), file_.name(), kSector, header);
  write_fully(file_.fd(), file_.name(), kSector + kDynamicHeader, table);
  write_fully(file_.fd(), file_.name(), end_, trailer);
  file_.finish();
}

std::unique_ptr<ImageSink> open_vhd_sink(const SinkRequest& request) {
  return std::make_unique<DynamicVhdSink>(request);
}

std::unique_ptr<ImageSink> open_fixed_vhd_sink(const SinkRequest& request) {
  return std::make_unique<FixedVhdSink>(request);
}

}  // namespace rehost
