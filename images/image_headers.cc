#include "images/image_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "converter/core/error.h"
#include "images/byte_order.h"

namespace rehost {
namespace {

constexpr uint64_t kSector = 512;
// Tables are read in whole; no honest image has larger ones.
constexpr uint64_t kLargestTable = 64 * kMebibyte;
constexpr std::string_view kVhdCookie = "conectix";

// Up to `length` bytes; fewer at the end of the file.
std::vector<std::byte> read_up_to(const ImageSource& file, uint64_t offset, uint64_t length) {
  if (offset >= file.size()) {
    return {};
  }
  std::vector<std::byte> bytes(std::min(length, file.size() - offset));
  file.read(offset, bytes);
  return bytes;
}

bool has_text(std::span<const std::byte> bytes, size_t offset, std::string_view text) {
  if (offset > bytes.size() || bytes.size() - offset < text.size()) {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (bytes[offset + i] != static_cast<std::byte>(text[i])) {
      return false;
    }
  }
  return true;
}

// Text out of a header, safe to print.
std::string printable(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    const auto c = static_cast<char>(byte);
    text.push_back(c >= ' ' && c <= '~' ? c : '?');
  }
  return text;
}

[[noreturn]] void throw_truncated(const ImageSource& file, std::string_view format) {
  throw Error(ErrorKind::image_io,
              fmt::format("{} is cut short: the {} image names data beyond its end at {} bytes; "
                          "copy it again from where it came",
                          file.name(), format, file.size()));
}

[[noreturn]] void throw_malformed(const ImageSource& file, std::string_view format,
                                  std::string_view what) {
  throw Error(ErrorKind::image_io,
              fmt::format("{} is not a valid {} image: {}", file.name(), format, what));
}

[[noreturn]] void throw_layer(const ImageSource& file, std::string_view what,
                              std::string_view other) {
  throw Error(ErrorKind::usage,
              fmt::format("{} does not hold a whole disk: it names the {} \"{}\"; make one image "
                          "of it with qemu-img convert, or give --allow-backing if you vouch for "
                          "what it names",
                          file.name(), what, other));
}

// The unit at `offset` must begin inside the file. The last one may be shorter than a unit.
void require_inside(const ImageSource& file, std::string_view format, uint64_t offset) {
  if (offset >= file.size()) {
    throw_truncated(file, format);
  }
}

// Each table takes room of its own in an honest file. A hostile one points a million times at the
// same.
class TableBudget {
 public:
  TableBudget(const ImageSource& file, std::string_view format, uint64_t table_bytes)
      : file_(file), format_(format), left_(file.size() / table_bytes + 2) {}
  void take() {
    if (left_-- == 0) {
      throw_malformed(file_, format_, "its tables overlap");
    }
  }

 private:
  const ImageSource& file_;
  std::string_view format_;
  uint64_t left_;
};

void check_qcow2_tables(const ImageSource& file, std::span<const std::byte> header) {
  constexpr uint64_t kOffsetMask = 0x00fffffffffffe00;
  constexpr uint64_t kCompressed = uint64_t{1} << 62;
  constexpr uint64_t kExtendedL2 = 16;
  const uint32_t cluster_bits = be32(header, 20);
  const uint64_t cluster = uint64_t{1} << cluster_bits;
  const bool version3 = be32(header, 4) >= 3;
  const uint64_t entry_bytes = version3 && (be64(header, 72) & kExtendedL2) != 0 ? 16 : 8;
  const uint64_t l1_bytes = uint64_t{be32(header, 36)} * 8;
  const uint64_t l1_offset = be64(header, 40);
  const uint64_t disk_size = be64(header, 24);
  if (l1_bytes > kLargestTable) {
    throw_malformed(file, "qcow2", "its table is too large");
  }
  if (l1_bytes > 0 && (l1_offset > file.size() || file.size() - l1_offset < l1_bytes)) {
    throw_truncated(file, "qcow2");
  }
  const uint64_t covered_by_l2 = cluster / entry_bytes * cluster;
  if (disk_size > 0 && l1_bytes / 8 < (disk_size - 1) / covered_by_l2 + 1) {
    throw_malformed(file, "qcow2", "its table does not cover the disk");
  }
  TableBudget budget(file, "qcow2", cluster);
  const std::vector<std::byte> l1 = read_up_to(file, l1_offset, l1_bytes);
  for (uint64_t i = 0; i < l1_bytes / 8; ++i) {
    const uint64_t l2_offset = be64(l1, i * 8) & kOffsetMask;
    if (l2_offset == 0) {
      continue;
    }
    budget.take();
    require_inside(file, "qcow2", l2_offset);
    const std::vector<std::byte> l2 = read_up_to(file, l2_offset, cluster);
    for (uint64_t at = 0; at < l2.size(); at += entry_bytes) {
      const uint64_t entry = be64(l2, at);
      if (entry == 0) {
        continue;
      }
      const uint64_t compressed_mask = (uint64_t{1} << (62 - (cluster_bits - 8))) - 1;
      const uint64_t data =
          (entry & kCompressed) != 0 ? entry & compressed_mask : entry & kOffsetMask;
      if (data != 0) {
        require_inside(file, "qcow2", data);
      }
    }
  }
}

void check_qcow2(const ImageSource& file, bool allow_backing) {
  constexpr uint64_t kCorrupt = 2;
  constexpr uint64_t kExternalData = 4;
  const std::vector<std::byte> header = read_up_to(file, 0, 4096);
  const uint32_t version = be32(header, 4);
  if (header.size() < (version >= 3 ? 104U : 72U)) {
    throw_truncated(file, "qcow2");
  }
  if (version < 2 || version > 3) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is qcow version {}, which rehost does not read; convert it with "
                            "qemu-img convert -O qcow2",
                            file.name(), version));
  }
  const uint32_t cluster_bits = be32(header, 20);
  if (cluster_bits < 9 || cluster_bits > 21) {
    throw_malformed(file, "qcow2", fmt::format("cluster size 2^{}", cluster_bits));
  }
  const uint64_t backing_offset = be64(header, 8);
  if (backing_offset != 0 && !allow_backing) {
    const uint64_t length = std::min<uint64_t>(be32(header, 16), 1023);
    throw_layer(file, "backing file", printable(read_up_to(file, backing_offset, length)));
  }
  const uint64_t features = version >= 3 ? be64(header, 72) : 0;
  if ((features & kExternalData) != 0 && !allow_backing) {
    throw_layer(file, "external data file", "in its header");
  }
  if ((features & kCorrupt) != 0) {
    throw_malformed(file, "qcow2", "it is marked corrupt; repair it with qemu-img check -r all");
  }
  if (be32(header, 32) != 0) {
    throw Error(ErrorKind::usage, fmt::format("{} is encrypted; decrypt it first", file.name()));
  }
  if ((features & kExternalData) == 0) {
    check_qcow2_tables(file, header);
  }
}

// ASCII letters as small ones.
std::string folded(std::string_view text) {
  std::string small(text);
  std::transform(small.begin(), small.end(), small.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return small;
}

// The value of KEY in a VMDK descriptor, without quotes.
std::string descriptor_value(std::string_view descriptor, std::string_view key) {
  size_t at = 0;
  while (at < descriptor.size()) {
    const size_t end = std::min(descriptor.find('\n', at), descriptor.size());
    std::string_view line = descriptor.substr(at, end - at);
    at = end + 1;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos ||
        line.substr(0, line.find_last_not_of(" \t", equals - 1) + 1) != key) {
      continue;
    }
    line.remove_prefix(equals + 1);
    std::string value;
    for (const char c : line) {
      if (c != '"' && c != '\r' && c != ' ' && c != '\0') {
        value.push_back(c);
      }
    }
    return value;
  }
  return {};
}

// qemu (block/vmdk.c, vmdk_parent_open) asks neither what the descriptor begins with nor for lines:
// wherever the word stands, what follows the two bytes after it, up to a quotation mark, is opened.
// So the word may stand nowhere, in whatever case, but in front of a plainly empty value.
void check_vmdk_descriptor(const ImageSource& file, uint64_t offset, uint64_t length) {
  constexpr std::string_view kParent = "parentfilenamehint";
  constexpr std::string_view kNone = "=\"\"";
  constexpr size_t kLongestName = 1023;
  const std::vector<std::byte> bytes = read_up_to(file, offset, length);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string small = folded(text);
  for (size_t at = small.find(kParent); at != std::string::npos; at = small.find(kParent, at + 1)) {
    const size_t after = at + kParent.size();
    if (text.substr(after, kNone.size()) == kNone) {
      continue;
    }
    const std::string_view value = text.substr(std::min(after + 2, text.size()));
    const size_t end = std::min(value.find_first_of("\"\r\n"), kLongestName);
    throw_layer(file, "parent disk", printable(std::as_bytes(std::span(value.substr(0, end)))));
  }
  const std::string parent_cid = descriptor_value(small, "parentcid");
  if (!parent_cid.empty() && parent_cid != "ffffffff") {
    const std::string cid = parent_cid.substr(0, kLongestName);
    throw_layer(file, "parent disk", "CID " + printable(std::as_bytes(std::span(cid))));
  }
}

// Two places: qemu looks in the sectors after the header, whatever the header says of them.
void check_vmdk_descriptors(const ImageSource& file, std::span<const std::byte> header) {
  constexpr uint64_t kQemuSectors = 20;
  constexpr uint64_t kMostSectors = kMebibyte / kSector;
  check_vmdk_descriptor(file, kSector, kQemuSectors * kSector);
  const uint64_t sector = std::min(le64(header, 28), file.size() / kSector);
  if (sector > 0) {  // 0: the header names none
    const uint64_t sectors = std::clamp(le64(header, 36), kQemuSectors, kMostSectors);
    check_vmdk_descriptor(file, sector * kSector, sectors * kSector);
  }
}

void check_vmdk_tables(const ImageSource& file, std::span<const std::byte> header,
                       uint64_t directory_sector) {
  const uint64_t capacity = le64(header, 12);
  const uint64_t grain = le64(header, 20);
  const uint64_t entries = le32(header, 44);
  if (grain == 0 || grain > 128 * kKibibyte || entries == 0 || entries > 512) {
    throw_malformed(file, "vmdk", "its grain sizes make no sense");
  }
  const uint64_t tables = capacity / (grain * entries) + (capacity % (grain * entries) != 0);
  if (tables * 4 > kLargestTable || directory_sector > file.size() / kSector) {
    throw_truncated(file, "vmdk");
  }
  const std::vector<std::byte> directory = read_up_to(file, directory_sector * kSector, tables * 4);
  if (directory.size() < tables * 4) {
    throw_truncated(file, "vmdk");
  }
  TableBudget budget(file, "vmdk", entries * 4);
  for (uint64_t i = 0; i < tables; ++i) {
    const uint64_t table_sector = le32(directory, i * 4);
    if (table_sector == 0) {
      continue;
    }
    budget.take();
    require_inside(file, "vmdk", table_sector * kSector);
    const std::vector<std::byte> table = read_up_to(file, table_sector * kSector, entries * 4);
    for (uint64_t at = 0; at < table.size(); at += 4) {
      const uint64_t sector = le32(table, at);
      if (sector > 1) {  // 0: not there; 1: zeros
        require_inside(file, "vmdk", sector * kSector);
      }
    }
  }
}

void check_vmdk(const ImageSource& file, bool allow_backing) {
  constexpr uint64_t kDirectoryAtEnd = ~uint64_t{0};
  std::vector<std::byte> header = read_up_to(file, 0, kSector);
  if (!has_text(header, 0, "KDMV")) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is only the description of a VMDK whose data lies in other files; "
                            "give the -flat.vmdk file with --source-format raw, or make one image "
                            "with qemu-img convert",
                            file.name()));
  }
  if (header.size() < kSector) {
    throw_truncated(file, "vmdk");
  }
  if (le64(header, 12) == 0) {
    throw_layer(file, "extents", "in its description");
  }
  if (!allow_backing) {
    check_vmdk_descriptors(file, header);
  }
  uint64_t directory_sector = le64(header, 56);
  if (directory_sector == kDirectoryAtEnd) {
    // streamOptimized: the last three sectors are a footer marker, the real header and the end of
    // the stream.
    header = file.size() < 3 * kSector ? std::vector<std::byte>()
                                       : read_up_to(file, file.size() - 2 * kSector, kSector);
    if (!has_text(header, 0, "KDMV")) {
      throw_truncated(file, "vmdk");
    }
    directory_sector = le64(header, 56);
  }
  check_vmdk_tables(file, header, directory_sector);
}

std::vector<std::byte> vhd_footer_at_end(const ImageSource& file) {
  return file.size() < kSector ? std::vector<std::byte>()
                               : read_up_to(file, file.size() - kSector, kSector);
}

bool is_vhd_footer(std::span<const std::byte> footer) {
  constexpr size_t kChecksumOffset = 64;
  if (footer.size() < kSector || !has_text(footer, 0, kVhdCookie)) {
    return false;
  }
  uint32_t sum = 0;
  for (size_t i = 0; i < kSector; ++i) {
    if (i < kChecksumOffset || i >= kChecksumOffset + 4) {
      sum += std::to_integer<uint32_t>(footer[i]);
    }
  }
  return ~sum == be32(footer, kChecksumOffset);
}

void check_vhd(const ImageSource& file, bool allow_backing) {
  constexpr uint32_t kFixed = 2;
  constexpr uint32_t kDynamic = 3;
  const std::vector<std::byte> footer = vhd_footer_at_end(file);
  if (!is_vhd_footer(footer)) {
    throw Error(ErrorKind::image_io,
                fmt::format("{} is cut short or not a VHD: its last 512 bytes are no VHD footer; "
                            "copy it again from where it came",
                            file.name()));
  }
  const uint32_t type = be32(footer, 60);
  if (type == kFixed) {
    if (be64(footer, 48) > file.size() - kSector) {
      throw_truncated(file, "vhd");
    }
    return;
  }
  if (type != kDynamic) {
    if (!allow_backing) {
      throw_layer(file, "parent disk", "of a differencing VHD");
    }
    return;
  }
  const std::vector<std::byte> header = read_up_to(file, be64(footer, 16), 1024);
  if (!has_text(header, 0, "cxsparse")) {
    throw_malformed(file, "vhd", "its dynamic disk header is missing");
  }
  const uint64_t table_bytes = uint64_t{be32(header, 28)} * 4;
  if (table_bytes > kLargestTable) {
    throw_malformed(file, "vhd", "its table is too large");
  }
  const std::vector<std::byte> table = read_up_to(file, be64(header, 16), table_bytes);
  if (table.size() < table_bytes) {
    throw_truncated(file, "vhd");
  }
  for (uint64_t at = 0; at < table_bytes; at += 4) {
    if (be32(table, at) != 0xffffffff) {
      require_inside(file, "vhd", uint64_t{be32(table, at)} * kSector);
    }
  }
}

// A region or a metadata item of a VHDX, found by the first eight bytes of its GUID.
struct VhdxEntry {
  uint64_t offset = 0;
  uint64_t length = 0;
};

VhdxEntry find_vhdx_region(const ImageSource& file, uint64_t guid_start) {
  constexpr uint64_t kRegionTable = 192 * kKibibyte;
  const std::vector<std::byte> table = read_up_to(file, kRegionTable, 64 * kKibibyte);
  if (!has_text(table, 0, "regi")) {
    throw_truncated(file, "vhdx");
  }
  const uint64_t count = std::min<uint64_t>(le32(table, 8), 2047);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t entry = 16 + i * 32;
    if (le64(table, entry) == guid_start) {
      return {le64(table, entry + 16), le32(table, entry + 24)};
    }
  }
  throw_malformed(file, "vhdx", "a region is missing");
}

uint64_t vhdx_block_bytes(const ImageSource& file) {
  constexpr uint64_t kMetadataRegion = 0x4b9a47908b7ca206;
  constexpr uint64_t kFileParameters = 0x4d43fa36caa16737;
  const VhdxEntry region = find_vhdx_region(file, kMetadataRegion);
  const std::vector<std::byte> metadata =
      read_up_to(file, region.offset, std::min<uint64_t>(region.length, kMebibyte));
  const uint64_t count = std::min<uint64_t>(little_endian(metadata, 10, 2), 2047);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t entry = 32 + i * 32;
    if (le64(metadata, entry) == kFileParameters) {
      return le32(metadata, le32(metadata, entry + 16));
    }
  }
  throw_malformed(file, "vhdx", "its block size is missing");
}

void check_vhdx(const ImageSource& file) {
  constexpr uint64_t kBlockTableRegion = 0x4200f6232dc27766;
  constexpr uint64_t kMegabyteMask = ~uint64_t{0xfffff};
  const uint64_t block_bytes = vhdx_block_bytes(file);
  const VhdxEntry region = find_vhdx_region(file, kBlockTableRegion);
  const std::vector<std::byte> table =
      read_up_to(file, region.offset, std::min(region.length, kLargestTable));
  for (uint64_t at = 0; at < table.size(); at += 8) {
    const uint64_t block = le64(table, at);
    if ((block & 7) >= 6) {  // fully or partially present, and then the file has room for all of it
      require_inside(file, "vhdx",
                     (block & kMegabyteMask) + std::max<uint64_t>(block_bytes, 1) - 1);
    }
  }
}

void check_vdi(const ImageSource& file) {
  constexpr uint32_t kDynamic = 1;
  constexpr uint32_t kStatic = 2;
  const std::vector<std::byte> header = read_up_to(file, 0, kSector);
  if (header.size() < kSector) {
    throw_truncated(file, "vdi");
  }
  const uint32_t type = le32(header, 0x4c);
  if (type != kDynamic && type != kStatic) {
    throw_layer(file, "parent disk", fmt::format("of VDI image type {}", type));
  }
  const uint64_t data_end =
      uint64_t{le32(header, 0x158)} + uint64_t{le32(header, 0x184)} * le32(header, 0x178);
  if (data_end > file.size()) {
    throw_truncated(file, "vdi");
  }
}

struct Magic {
  size_t offset;
  std::string_view bytes;
  std::string_view format;  // empty: refuse, with the sentence below
  std::string_view refusal;
};

using namespace std::string_view_literals;
constexpr Magic kMagics[] = {
    {0, "QFI\xfb"sv, "qcow2", ""},
    {0, "KDMV"sv, "vmdk", ""},
    {0, "# Disk DescriptorFile"sv, "vmdk", ""},
    {0, "conectix"sv, "vhd", ""},
    {0, "vhdxfile"sv, "vhdx", ""},
    {0x40, "\x7f\x10\xda\xbe"sv, "vdi", ""},
    {0, "COWD"sv, "", "an old VMDK (COWD); convert it with qemu-img convert"},
    {0, "QED\0"sv, "", "a QED image; convert it with qemu-img convert"},
    {0, "WithoutFreeSpace"sv, "", "a Parallels image; convert it with qemu-img convert"},
    {0, "WithouFreSpacExt"sv, "", "a Parallels image; convert it with qemu-img convert"},
    {0, "\x1f\x8b\x08"sv, "", "compressed with gzip; decompress it first"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "", "compressed with xz; decompress it first"},
    {0, "\x28\xb5\x2f\xfd"sv, "", "compressed with zstd; decompress it first"},
    {0, "BZh"sv, "", "compressed with bzip2; decompress it first"},
    {0, "PK\x03\x04"sv, "", "a zip archive; unpack it first"},
    {257, "ustar"sv, "", "a tar archive (an OVA?); unpack it first and give the disks inside"},
};

}  // namespace

std::string_view format_by_magic(const ImageSource& file) {
  const std::vector<std::byte> start = read_up_to(file, 0, 4096);
  for (const Magic& magic : kMagics) {
    if (!has_text(start, magic.offset, magic.bytes)) {
      continue;
    }
    if (magic.format.empty()) {
      throw Error(ErrorKind::usage,
                  fmt::format("{} is not a disk image that rehost reads: it is {}. If it is a raw "
                              "disk all the same, say --source-format raw",
                              file.name(), magic.refusal));
    }
    return magic.format;
  }
  return "raw";
}

bool ends_with_fixed_vhd_footer(const ImageSource& file) {
  return is_vhd_footer(vhd_footer_at_end(file));
}

void check_image_file(std::string_view format, const ImageSource& file, bool allow_backing) {
  if (format == "qcow2") {
    check_qcow2(file, allow_backing);
  } else if (format == "vmdk") {
    check_vmdk(file, allow_backing);
  } else if (format == "vhd") {
    check_vhd(file, allow_backing);
  } else if (format == "vhdx") {
    check_vhdx(file);
  } else if (format == "vdi") {
    check_vdi(file);
  } else if (file.size() % kSector != 0) {
    throw Error(ErrorKind::image_io,
                fmt::format("{} is not a whole disk: its {} bytes are not a multiple of 512; if it "
                            "was copied, copy it again",
                            file.name(), file.size()));
  }
}

bool is_written_once(const ImageSource& vmdk) {
  constexpr uint32_t kCompressedGrains = 1u << 16;  // VMware Virtual Disk Format 5.0, "flags"
  const std::vector<std::byte> header = read_up_to(vmdk, 0, kSector);
  return header.size() == kSector && has_text(header, 0, "KDMV") &&
         (le32(header, 8) & kCompressedGrains) != 0;
}

uint64_t size_in_header(std::string_view format, const ImageSource& file) {
  if (format != "vhd") {
    return 0;
  }
  return be64(vhd_footer_at_end(file), 48);
}

}  // namespace rehost
