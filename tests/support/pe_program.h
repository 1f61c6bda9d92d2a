// A PE program for x86-64 with these sections, as a linker would lay it out: enough for readers of
// unified kernel images and boot loaders.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rehost::testing {

using PeContents = std::vector<std::pair<std::string, std::string>>;  // name, content

inline std::string make_pe_program(const PeContents& sections) {
  std::string out = "MZ";
  const auto number = [&](uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
    }
  };
  out.resize(0x3c);
  number(0x40, 4);
  out += std::string("PE\0\0", 4);
  number(0x8664, 2);
  number(sections.size(), 2);
  out.resize(out.size() + 12);
  number(16, 2);  // a short optional header
  number(0, 2);
  out.resize(out.size() + 16);
  size_t place = out.size() + 40 * sections.size();
  for (const auto& [name, content] : sections) {
    std::string field = name;
    field.resize(8);
    out += field;
    number(content.size(), 4);
    number(0, 4);
    number((content.size() + 15) / 16 * 16, 4);
    number(place, 4);
    out.resize(out.size() + 16);
    place += (content.size() + 15) / 16 * 16;
  }
  for (const auto& [name, content] : sections) {
    out += content;
    out.resize(out.size() + (16 - content.size() % 16) % 16);
  }
  return out;
}

// What `ukify` makes.
inline std::string make_unified_kernel(const std::string& initrd, const std::string& uname,
                                       const std::string& cmdline, const std::string& os_release) {
  return make_pe_program({{".osrel", os_release},
                          {".cmdline", cmdline},
                          {".uname", uname},
                          {".linux", "kernel"},
                          {".initrd", initrd}});
}

// EFI/systemd/systemd-bootx64.efi
inline std::string make_systemd_boot() {
  return make_pe_program({{".sdmagic", "#### LoaderInfo: systemd-boot 252.39-1~deb12u1 ####"}});
}

}  // namespace rehost::testing
