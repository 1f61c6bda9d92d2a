// PE/COFF programs, which UEFI firmware starts: their sections, read piece by piece from the guest.
// A unified kernel image (a type #2 entry of the Boot Loader Specification) is such a program with
// the kernel, its initramfs and its command line in sections: .linux, .initrd, .cmdline, .osrel,
// .uname.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"

namespace rehost {

struct PeSection {
  std::string name;
  uint64_t offset = 0;  // in the file
  uint64_t size = 0;    // bytes that are really there
};

// Empty: no PE program, or one whose headers make no sense.
std::vector<PeSection> read_pe_sections(const GuestView& guest, const GuestPath& path);

// The content of a section. nullopt: there is none, or it is larger than max_bytes.
std::optional<std::string> read_pe_section(const GuestView& guest, const GuestPath& path,
                                           std::string_view name, uint64_t max_bytes);

// Has it an initramfs inside? A question about the file's sections, not about its name.
bool is_unified_kernel(const GuestView& guest, const GuestPath& path);

}  // namespace rehost
