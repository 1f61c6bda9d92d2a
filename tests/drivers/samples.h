// Small things that the driver tests are built from: module files, archives, a guest with one
// kernel, host commands.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/cpio.h"
#include "drivers/module_index.h"
#include "drivers/required_modules.h"
#include "tests/support/memory_guest.h"

namespace rehost {

inline constexpr std::string_view kRelease = "6.1.0-10-amd64";

struct ElfShape {
  bool wide = true;
  bool big_endian = false;
};

// An ELF object with a .modinfo of these fields, and with the symbols that it exports.
inline std::string make_module(const std::vector<std::string>& fields,
                               const std::vector<std::string>& exports = {}, ElfShape shape = {}) {
  std::string out;
  const auto number = [&](uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      const size_t byte = shape.big_endian ? size - 1 - i : i;
      out.push_back(static_cast<char>(value >> (8 * byte) & 0xff));
    }
  };
  const size_t word = shape.wide ? 8 : 4;
  const std::string names("\0.modinfo\0.symtab\0.strtab\0.shstrtab\0", 36);
  std::string modinfo;
  for (const std::string& field : fields) {
    modinfo += field;
    modinfo.push_back('\0');
  }
  std::string strings(1, '\0');
  std::vector<size_t> symbols;
  for (const std::string& name : exports) {
    symbols.push_back(strings.size());
    strings += "__ksymtab_" + name;
    strings.push_back('\0');
  }
  const size_t header = shape.wide ? 64 : 52;
  const size_t symbol_size = shape.wide ? 24 : 16;
  const size_t modinfo_at = header;
  const size_t symtab_at = modinfo_at + modinfo.size();
  const size_t strtab_at = symtab_at + symbols.size() * symbol_size;
  const size_t names_at = strtab_at + strings.size();
  const size_t table_at = names_at + names.size();
  out =
      "\x7f"
      "ELF";
  out += shape.wide ? '\2' : '\1';
  out += shape.big_endian ? '\2' : '\1';
  out += '\1';
  out.resize(16);
  number(1, 2);
  number(62, 2);
  number(1, 4);
  number(0, word);
  number(0, word);
  number(table_at, word);
  number(0, 4);
  number(header, 2);
  number(0, 2);
  number(0, 2);
  number(shape.wide ? 64 : 40, 2);
  number(5, 2);
  number(4, 2);
  out += modinfo;
  for (const size_t symbol : symbols) {
    number(symbol, 4);
    out.resize(out.size() + symbol_size - 4);
  }
  out += strings;
  out += names;
  const auto section = [&](uint64_t name, uint64_t type, size_t at, size_t size) {
    number(name, 4);
    number(type, 4);
    number(0, word);
    number(0, word);
    number(at, word);
    number(size, word);
    number(0, 4);
    number(0, 4);
    number(0, word);
    number(0, word);
  };
  section(0, 0, 0, 0);
  section(1, 1, modinfo_at, modinfo.size());
  section(10, 2, symtab_at, symbols.size() * symbol_size);
  section(18, 3, strtab_at, strings.size());
  section(26, 3, names_at, names.size());
  return out;
}

inline ArchiveEntry file_entry(std::string path, std::string content) {
  return {.path = std::move(path), .mode = kRegularFile | 0644, .content = std::move(content)};
}
inline ArchiveEntry directory_entry(std::string path) {
  return {.path = std::move(path), .mode = kDirectory | 0755, .content = ""};
}
inline ArchiveEntry link_entry(std::string path, std::string target) {
  return {.path = std::move(path), .mode = kSymlink | 0777, .content = std::move(target)};
}

// What initramfs-tools makes on a merged-usr system, without any driver in it.
inline std::vector<ArchiveEntry> debian_initramfs(std::string_view release = kRelease) {
  const std::string modules = "usr/lib/modules/" + std::string(release);
  ModuleIndex index;
  index.add({.name = "ext4", .path = "kernel/fs/ext4/ext4.ko", .aliases = {"fs-ext4"}});
  std::vector<ArchiveEntry> entries{
      directory_entry("."),
      directory_entry("conf"),
      file_entry("conf/modules", "# none\n"),
      file_entry("init", "#!/bin/sh\n"),
      link_entry("lib", "usr/lib"),
      directory_entry("usr"),
      directory_entry("usr/lib"),
      directory_entry("usr/lib/modules"),
      directory_entry(modules),
      directory_entry(modules + "/kernel"),
      directory_entry(modules + "/kernel/fs"),
      directory_entry(modules + "/kernel/fs/ext4"),
      file_entry(modules + "/kernel/fs/ext4/ext4.ko", make_module({"name=ext4", "alias=fs-ext4"}))};
  for (IndexFile& file : index_files(index)) {
    entries.push_back(file_entry(modules + "/" + file.name, std::move(file.content)));
  }
  return entries;
}

// What the modules of these guests' kernels say that they were built for.
inline std::string vermagic_of(std::string_view release) {
  return std::string(release) + " SMP preempt mod_unload modversions ";
}

inline void add_modules(MemoryGuest& guest, const std::string& release) {
  const std::string modules = "/usr/lib/modules/" + release + "/";
  const auto add = [&](const std::string& path, const std::string& text) {
    guest.add_file(modules + path, text);
  };
  add("kernel/fs/ext4/ext4.ko",
      make_module({"name=ext4", "alias=fs-ext4", "depends=", "vermagic=" + vermagic_of(release)}));
  add("kernel/drivers/nvme/host/nvme-core.ko",
      make_module({"name=nvme_core", "parmtype=io_timeout:uint", "depends=t10-pi"},
                  {"nvme_init_ctrl"}));
  add("kernel/drivers/nvme/host/nvme.ko",
      make_module({"name=nvme", "alias=pci:v*d*sv*sd*bc01sc08i02*", "depends=nvme-core"}));
  add("kernel/block/t10-pi.ko", make_module({"name=t10_pi", "depends=", "softdep=pre: crct10dif"}));
  add("kernel/crypto/crct10dif_generic.ko",
      make_module({"name=crct10dif_generic", "alias=crct10dif"}));
  add("kernel/drivers/net/ethernet/amazon/ena/ena.ko",
      make_module({"name=ena", "alias=pci:v00001D0Fd0000EC20sv*sd*bc*sc*i*", "depends="}));
  add("modules.dep",
      "kernel/fs/ext4/ext4.ko:\n"
      "kernel/crypto/crct10dif_generic.ko:\n"
      "kernel/block/t10-pi.ko:\n"
      "kernel/drivers/nvme/host/nvme-core.ko: kernel/block/t10-pi.ko\n"
      "kernel/drivers/nvme/host/nvme.ko: kernel/drivers/nvme/host/nvme-core.ko "
      "kernel/block/t10-pi.ko\n"
      "kernel/drivers/net/ethernet/amazon/ena/ena.ko:\n");
  add("modules.alias",
      "# Aliases extracted from modules themselves.\n"
      "alias fs-ext4 ext4\n"
      "alias crct10dif crct10dif_generic\n"
      "alias pci:v*d*sv*sd*bc01sc08i02* nvme\n"
      "alias pci:v00001D0Fd0000EC20sv*sd*bc*sc*i* ena\n");
  add("modules.symbols",
      "# Aliases for symbols, used by symbol_request().\nalias symbol:nvme_init_ctrl nvme_core\n");
  add("modules.softdep",
      "# Soft dependencies extracted from modules themselves.\nsoftdep t10_pi pre: crct10dif\n");
  add("modules.builtin", "kernel/drivers/scsi/scsi_mod.ko\n");
}

inline void add_kernel(MemoryGuest& guest, const std::string& release, std::string initramfs) {
  add_modules(guest, release);
  guest.add_file("/boot/vmlinuz-" + release, "MZ");
  guest.add_file("/boot/initrd.img-" + release, std::move(initramfs));
}

// A Debian with one kernel, whose initramfs has no nvme.
inline MemoryGuest debian_guest(std::string initramfs) {
  MemoryGuest guest;
  guest.add_symlink("/lib", "usr/lib");
  guest.add_file("/usr/sbin/mkinitramfs", "#!/bin/sh\n", 0755);
  guest.add_file("/usr/sbin/update-initramfs", "#!/bin/sh\n", 0755);
  guest.add_file("/etc/initramfs-tools/modules", "# List of modules\n#\n# raid1\n");
  add_kernel(guest, std::string(kRelease), std::move(initramfs));
  return guest;
}

inline std::string read_host_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A directory of the host that is gone when the test is over.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "rehost-drivers-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, std::string_view content) const {
    std::string path = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
    return path;
  }

 private:
  std::string path_;
};

inline bool has_tool(const std::string& name) {
  return std::system(
             ("PATH=$PATH:/usr/sbin:/sbin command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

struct ToolResult {
  int status = -1;
  std::string output;  // stdout alone
};

inline ToolResult run_tool(const std::string& command) {
  ToolResult result;
  FILE* pipe = popen(("PATH=$PATH:/usr/sbin:/sbin; " + command).c_str(), "r");
  std::array<char, 65536> part{};
  size_t count = 0;
  while ((count = fread(part.data(), 1, part.size(), pipe)) > 0) {
    result.output.append(part.data(), count);
  }
  result.status = pclose(pipe);
  return result;
}

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines;
}

}  // namespace rehost
