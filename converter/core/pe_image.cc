#include "converter/core/pe_image.h"

#include <algorithm>

namespace rehost {
namespace {

// Linkers put the headers into the first page; those of a UKI with many sections need some more.
constexpr uint64_t kMaxHeaderBytes = 16u << 10;
constexpr size_t kMaxSections = 96;  // the limit of the Windows loader, and more than any UKI has

constexpr size_t kHeaderPlace = 0x3c;
constexpr size_t kFileHeaderBytes = 24;  // with the signature in front
constexpr size_t kSectionBytes = 40;

uint64_t number_at(std::string_view bytes, size_t offset, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count && offset + i < bytes.size(); ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  }
  return value;
}

}  // namespace

std::vector<PeSection> read_pe_sections(const GuestView& guest, const GuestPath& path) {
  std::vector<PeSection> sections;
  const std::string bytes = guest.read_range(path, 0, kMaxHeaderBytes).value_or("");
  const std::string_view head(bytes);
  const uint64_t place = number_at(head, kHeaderPlace, 4);
  if (!head.starts_with("MZ") || place + kFileHeaderBytes > head.size() ||
      head.substr(place, 4) != std::string_view("PE\0\0", 4)) {
    return sections;
  }
  const size_t count = std::min<size_t>(number_at(head, place + 6, 2), kMaxSections);
  const size_t table = place + kFileHeaderBytes + number_at(head, place + 20, 2);
  for (size_t i = 0; i < count && table + (i + 1) * kSectionBytes <= head.size(); ++i) {
    const size_t at = table + i * kSectionBytes;
    const std::string_view name = head.substr(at, 8);
    PeSection section;
    section.name = name.substr(0, name.find('\0'));
    // The raw size is rounded up to the file's alignment, the virtual one is what the linker was
    // given.
    const uint64_t virtual_size = number_at(head, at + 8, 4);
    const uint64_t raw_size = number_at(head, at + 16, 4);
    section.size = virtual_size == 0 ? raw_size : std::min(virtual_size, raw_size);
    section.offset = number_at(head, at + 20, 4);
    sections.push_back(std::move(section));
  }
  return sections;
}

std::optional<std::string> read_pe_section(const GuestView& guest, const GuestPath& path,
                                           std::string_view name, uint64_t max_bytes) {
  for (const PeSection& section : read_pe_sections(guest, path)) {
    if (section.name == name) {
      return section.size > max_bytes ? std::nullopt
                                      : guest.read_range(path, section.offset, section.size);
    }
  }
  return std::nullopt;
}

bool is_unified_kernel(const GuestView& guest, const GuestPath& path) {
  const std::vector<PeSection> sections = read_pe_sections(guest, path);
  const auto has = [&](std::string_view name) {
    return std::any_of(sections.begin(), sections.end(),
                       [&](const PeSection& section) { return section.name == name; });
  };
  return has(".linux") && has(".initrd");
}

}  // namespace rehost
