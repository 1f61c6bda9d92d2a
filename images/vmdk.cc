#include "images/vmdk.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "converter/core/error.h"
#include "images/byte_order.h"
#include "images/deflate.h"
#include "images/image_source.h"

namespace rehost {
namespace {

constexpr uint64_t kSector = 512;
constexpr uint64_t kGrain = 64 * kKibibyte;
constexpr uint64_t kGrainSectors = kGrain / kSector;
constexpr uint64_t kTableEntries = 512;
constexpr uint64_t kDescriptorSectors = 20;
constexpr uint64_t kOverheadSectors = 128;  // header and descriptor, up to the first grain
constexpr uint64_t kDirectoryAtEnd = ~uint64_t{0};
constexpr size_t kGrainHeader = 12;  // u64 sector, u32 bytes
constexpr uint32_t kTableMarker = 1;
constexpr uint32_t kDirectoryMarker = 2;
constexpr uint32_t kFooterMarker = 3;

uint64_t round_up(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Random bytes do not get smaller, and the format has no way to store them as they are: zlib wraps
// them.
void append_stored(std::vector<std::byte>& out, std::span<const std::byte> data) {
  const size_t start = out.size();
  uLongf bytes = compressBound(data.size());
  out.resize(start + bytes);
  compress2(reinterpret_cast<Bytef*>(out.data() + start), &bytes,
            reinterpret_cast<const Bytef*>(data.data()), data.size(), Z_NO_COMPRESSION);
  out.resize(start + bytes);
}

std::string descriptor(uint64_t sectors, const std::string& file_name) {
  // The geometry is for BIOSes that nobody has; the numbers are what VMware writes.
  const uint64_t cylinders = std::min<uint64_t>(sectors / (255 * 63), 65535);
  return fmt::format(
      "# Disk DescriptorFile\n"
      "version=1\n"
      "CID=fffffffe\n"
      "parentCID=ffffffff\n"
      "createType=\"streamOptimized\"\n"
      "\n"
      "# Extent description\n"
      "RW {} SPARSE \"{}\"\n"
      "\n"
      "# The Disk Data Base\n"
      "#DDB\n"
      "\n"
      "ddb.virtualHWVersion = \"4\"\n"
      "ddb.geometry.cylinders = \"{}\"\n"
      "ddb.geometry.heads = \"255\"\n"
      "ddb.geometry.sectors = \"63\"\n"
      "ddb.adapterType = \"lsilogic\"\n",
      sectors, file_name, cylinders);
}

// Only what is safe between quotes.
std::string plain_name(const std::filesystem::path& path) {
  std::string name = path.filename().native();
  for (char& c : name) {
    if (c < ' ' || c > '~' || c == '"') {
      c = '_';
    }
  }
  return name.size() > 200 ? "disk.vmdk" : name;
}

}  // namespace

StreamVmdkSink::StreamVmdkSink(const SinkRequest& request)
    : sectors_(request.size / kSector),
      name_(plain_name(request.path)),
      directory_(round_up(request.size, kGrain * kTableEntries) / (kGrain * kTableEntries)),
      table_(kTableEntries),
      file_(request) {
  std::vector<std::byte> start = header(kDirectoryAtEnd);
  const std::string text = descriptor(sectors_, name_);
  start.resize(kOverheadSectors * kSector);
  std::transform(text.begin(), text.end(), start.begin() + kSector,
                 [](char c) { return static_cast<std::byte>(c); });
  append(start);
}

SinkTraits StreamVmdkSink::traits() const {
  return {.random_access = false, .starts_as_zeros = true, .grain = kGrain};
}

EncodedPiece StreamVmdkSink::encode(uint64_t offset, std::span<const std::byte> data) const {
  EncodedPiece piece;
  piece.bytes.reserve(data.size());
  std::vector<std::byte> last;
  for (size_t at = 0; at < data.size(); at += kGrain) {
    std::span<const std::byte> grain = data.subspan(at, std::min<size_t>(kGrain, data.size() - at));
    if (is_zero(grain)) {
      piece.sizes.push_back(0);
      continue;
    }
    if (grain.size() < kGrain) {
      last.assign(grain.begin(), grain.end());
      last.resize(kGrain);
      grain = last;
    }
    const size_t start = piece.bytes.size();
    piece.bytes.resize(start + kGrainHeader);
    if (append_deflated(piece.bytes, grain, DeflateWrapping::zlib) == 0) {
      append_stored(piece.bytes, grain);
    }
    const size_t bytes = piece.bytes.size() - start - kGrainHeader;
    set_le(piece.bytes, start, (offset + at) / kSector, 8);
    set_le(piece.bytes, start + 8, bytes, 4);
    piece.bytes.resize(start + round_up(kGrainHeader + bytes, kSector));
    piece.sizes.push_back(static_cast<uint32_t>(piece.bytes.size() - start));
  }
  return piece;
}

void StreamVmdkSink::write(uint64_t offset, std::span<const std::byte> /*data*/,
                           const EncodedPiece& encoded) {
  // A block never crosses the border of a grain table: those are 32 MiB.
  const uint64_t number = offset / (kGrain * kTableEntries);
  if (number != table_number_) {
    flush_table();
    table_number_ = number;
  }
  uint64_t sector = position_ / kSector;
  if (sector + encoded.bytes.size() / kSector + kTableEntries >
      std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorKind::usage,
                fmt::format("{} would be larger than the 2 TiB a VMDK can be", file_.name()));
  }
  uint64_t entry = offset / kGrain % kTableEntries;
  for (const uint32_t bytes : encoded.sizes) {
    table_[entry++] = bytes == 0 ? 0 : static_cast<uint32_t>(sector);
    sector += bytes / kSector;
  }
  append(encoded.bytes);
}

void StreamVmdkSink::zero(uint64_t /*offset*/, uint64_t /*length*/) {}

void StreamVmdkSink::finish() {
  flush_table();
  const uint64_t table_bytes = round_up(directory_.size() * 4, kSector);
  append_marker(table_bytes / kSector, kDirectoryMarker);
  const uint64_t directory_sector = position_ / kSector;
  std::vector<std::byte> directory;
  for (const uint32_t sector : directory_) {
    put_le(directory, sector, 4);
  }
  directory.resize(table_bytes);
  append(directory);
  append_marker(1, kFooterMarker);
  append(header(directory_sector));
  append_marker(0, 0);  // end of the stream
  file_.finish();
}

void StreamVmdkSink::append(std::span<const std::byte> bytes) {
  write_fully(file_.fd(), file_.name(), position_, bytes);
  position_ += bytes.size();
}

void StreamVmdkSink::append_marker(uint64_t sectors, uint32_t type) {
  std::vector<std::byte> marker(kSector);
  set_le(marker, 0, sectors, 8);
  set_le(marker, 12, type, 4);
  append(marker);
}

void StreamVmdkSink::flush_table() {
  if (std::all_of(table_.begin(), table_.end(), [](uint32_t sector) { return sector == 0; })) {
    return;
  }
  append_marker(kTableEntries * 4 / kSector, kTableMarker);
  directory_[table_number_] = static_cast<uint32_t>(position_ / kSector);
  std::vector<std::byte> bytes;
  for (const uint32_t sector : table_) {
    put_le(bytes, sector, 4);
  }
  append(bytes);
  std::fill(table_.begin(), table_.end(), 0);
}

std::vector<std::byte> StreamVmdkSink::header(uint64_t directory_sector) const {
  constexpr uint64_t kFlags = 0x30001;  // newline test, compressed grains, markers
  constexpr uint64_t kDeflate = 1;
  std::vector<std::byte> bytes(kSector);
  set_le(bytes, 0, 0x564d444b, 4);  // "KDMV"
  set_le(bytes, 4, 3, 4);
  set_le(bytes, 8, kFlags, 4);
  set_le(bytes, 12, sectors_, 8);
  set_le(bytes, 20, kGrainSectors, 8);
  set_le(bytes, 28, 1, 8);
  set_le(bytes, 36, kDescriptorSectors, 8);
  set_le(bytes, 44, kTableEntries, 4);
  set_le(bytes, 56, directory_sector, 8);
  set_le(bytes, 64, kOverheadSectors, 8);
  set_le(bytes, 73, 0x0a0d200a, 4);  // tells a transfer in text mode
  set_le(bytes, 77, kDeflate, 2);
  return bytes;
}

std::unique_ptr<ImageSink> open_vmdk_sink(const SinkRequest& request) {
  return std::make_unique<StreamVmdkSink>(request);
}

}  // namespace rehost
