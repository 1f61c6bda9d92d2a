// A kernel module file: what its .modinfo says about it. The bytes come from a guest and are
// checked throughout.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

inline constexpr uint64_t kMaxModuleBytes =
    256u << 20;  // unpacked; an out-of-tree GPU driver with symbols is 100 MiB

struct KernelModule {
  std::string name;      // "nvme_core"; empty when the file does not say (kernels before 4.9)
  std::string vermagic;  // "6.1.0-10-amd64 SMP preempt mod_unload modversions "
  std::string version;
  std::string license;
  std::vector<std::string> depends;   // direct ones only, as spelled: "nvme-core"
  std::vector<std::string> softdeps;  // "pre: crc32c post: foo"
  std::vector<std::string> aliases;
  std::map<std::string, std::string> parameter_types;  // "io_timeout" -> "uint"
  std::vector<std::string> exported_symbols;
  std::string architecture;  // of the ELF header: "x86_64"
  bool is_signed = false;    // a signature is appended; whose, only the kernel can tell
};

// What uname -m says on a machine of this ELF e_machine (elf.h): "x86_64", "aarch64", "i386", or
// "elf-machine-N" for any other.
std::string elf_architecture(uint16_t machine);

// The name as the kernel has it, from a path or a name: "kernel/drivers/nvme/host/nvme-core.ko.xz"
// -> "nvme_core".
std::string module_name(std::string_view path);
// Is this the name of a module file: .ko, or .ko with .gz, .xz or .zst behind it?
bool is_module_file(std::string_view path);

// The ELF file, unpacked if it was .gz, .xz or .zst. Throws Error(guest_damaged).
std::string unpack_module(std::string_view file);
// Throws Error(guest_damaged) when the bytes are no ELF object or a length in it is wrong.
KernelModule parse_kernel_module(std::string_view file);

}  // namespace rehost
