#include "drivers/kernel_module.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "converter/core/error.h"
#include "drivers/codec.h"

namespace rehost {
namespace {

constexpr std::array<std::string_view, 4> kEndings{".ko", ".ko.gz", ".ko.xz", ".ko.zst"};
constexpr std::string_view kExport = "__ksymtab_";
// include/linux/module_signature.h: the last bytes of a signed module.
constexpr std::string_view kSignatureEnd = "~Module signature appended~\n";
constexpr uint32_t kSectionWithoutBytes = 8;  // SHT_NOBITS
constexpr uint32_t kMaxSections = 65536;

[[noreturn]] void fail(std::string_view reason) {
  throw Error(ErrorKind::guest_damaged, "cannot read a kernel module: " + std::string(reason));
}

struct Section {
  std::string_view name;
  std::string_view bytes;
};

// Reads numbers of either byte order and sections of either word size; every offset is checked.
class Elf {
 public:
  explicit Elf(std::string_view bytes) : bytes_(bytes) {
    if (!bytes.starts_with("\x7f"
                           "ELF") ||
        bytes.size() < 52) {
      fail("it is no ELF file");
    }
    const char word = bytes[4];
    const char order = bytes[5];
    if ((word != 1 && word != 2) || (order != 1 && order != 2)) {
      fail("its ELF header is damaged");
    }
    wide_ = word == 2;
    big_endian_ = order == 2;
    read_sections();
  }

  bool wide() const { return wide_; }
  uint16_t machine() const { return static_cast<uint16_t>(number(bytes_, 18, 2)); }

  std::string_view section(std::string_view name) const {
    const auto found = std::find_if(sections_.begin(), sections_.end(),
                                    [&](const Section& section) { return section.name == name; });
    return found == sections_.end() ? std::string_view() : found->bytes;
  }

  uint64_t number(std::string_view from, uint64_t offset, size_t size) const {
    if (offset > from.size() || from.size() - offset < size) {
      fail("a number lies outside of it");
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      const size_t at = static_cast<size_t>(offset) + (big_endian_ ? i : size - 1 - i);
      value = value << 8 | static_cast<unsigned char>(from[at]);
    }
    return value;
  }

 private:
  struct SectionHeader {
    uint64_t name = 0;
    uint64_t type = 0;
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  SectionHeader header(uint64_t at) const {
    return {.name = number(bytes_, at, 4),
            .type = number(bytes_, at + 4, 4),
            .offset = number(bytes_, at + (wide_ ? 24 : 16), wide_ ? 8 : 4),
            .size = number(bytes_, at + (wide_ ? 32 : 20), wide_ ? 8 : 4)};
  }

  std::string_view bytes_of(const SectionHeader& section) const {
    if (section.type == kSectionWithoutBytes) {
      return {};
    }
    if (section.offset > bytes_.size() || section.size > bytes_.size() - section.offset) {
      fail("a section lies outside of it");
    }
    return bytes_.substr(static_cast<size_t>(section.offset), static_cast<size_t>(section.size));
  }

  void read_sections() {
    const uint64_t table = number(bytes_, wide_ ? 0x28 : 0x20, wide_ ? 8 : 4);
    const uint64_t entry_size = number(bytes_, wide_ ? 0x3A : 0x2E, 2);
    const uint64_t count = number(bytes_, wide_ ? 0x3C : 0x30, 2);
    const uint64_t names_index = number(bytes_, wide_ ? 0x3E : 0x32, 2);
    if (entry_size < (wide_ ? 64 : 40) || count > kMaxSections || names_index >= count ||
        table > bytes_.size() || count * entry_size > bytes_.size() - table) {
      fail("its section table is damaged");
    }
    const std::string_view names = bytes_of(header(table + names_index * entry_size));
    for (uint64_t i = 0; i < count; ++i) {
      const SectionHeader section = header(table + i * entry_size);
      if (section.name > names.size()) {
        fail("the name of a section lies outside of it");
      }
      const std::string_view name = names.substr(static_cast<size_t>(section.name));
      sections_.push_back({name.substr(0, name.find('\0')), bytes_of(section)});
    }
  }

  std::string_view bytes_;
  bool wide_ = false;
  bool big_endian_ = false;
  std::vector<Section> sections_;
};

void split(std::string_view text, char separator, std::vector<std::string>& out) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) {
      out.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(text.size(), end + 1));
  }
}

void take_field(KernelModule& module, std::string_view key, std::string_view value) {
  if (key == "name") {
    module.name = value;
  } else if (key == "vermagic") {
    module.vermagic = value;
  } else if (key == "version") {
    module.version = value;
  } else if (key == "license") {
    module.license = value;
  } else if (key == "depends") {
    split(value, ',', module.depends);
  } else if (key == "softdep") {
    module.softdeps.emplace_back(value);
  } else if (key == "alias") {
    module.aliases.emplace_back(value);
  } else if (key == "parmtype") {
    const size_t colon = value.find(':');
    if (colon != std::string_view::npos) {
      module.parameter_types.emplace(value.substr(0, colon), value.substr(colon + 1));
    }
  }
}

// The names behind __ksymtab_NAME in the symbol table.
std::vector<std::string> exported_symbols(const Elf& elf) {
  std::vector<std::string> symbols;
  const std::string_view table = elf.section(".symtab");
  const std::string_view names = elf.section(".strtab");
  const size_t size = elf.wide() ? 24 : 16;
  for (size_t at = 0; at + size <= table.size(); at += size) {
    const uint64_t offset = elf.number(table, at, 4);
    if (offset >= names.size()) {
      continue;
    }
    std::string_view name = names.substr(static_cast<size_t>(offset));
    if (!name.starts_with(kExport)) {
      continue;
    }
    name = name.substr(0, name.find('\0'));
    symbols.emplace_back(name.substr(kExport.size()));
  }
  std::sort(symbols.begin(), symbols.end());
  symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());
  return symbols;
}

}  // namespace

std::string elf_architecture(uint16_t machine) {
  switch (machine) {
    case 3:
      return "i386";
    case 62:
      return "x86_64";
    case 183:
      return "aarch64";
    default:
      return fmt::format("elf-machine-{}", machine);
  }
}

std::string module_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  std::string name(slash == std::string_view::npos ? path : path.substr(slash + 1));
  for (const std::string_view ending : kEndings) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      name.resize(name.size() - ending.size());
      break;
    }
  }
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

bool is_module_file(std::string_view path) {
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

std::string unpack_module(std::string_view file) {
  return decompress(detect_codec(file), file, kMaxModuleBytes).bytes;
}

KernelModule parse_kernel_module(std::string_view file) {
  const std::string bytes = unpack_module(file);
  const Elf elf(bytes);
  KernelModule module;
  std::vector<std::string> fields;
  split(elf.section(".modinfo"), '\0', fields);
  for (const std::string& field : fields) {
    const size_t equals = field.find('=');
    if (equals != std::string::npos) {
      take_field(module, std::string_view(field).substr(0, equals),
                 std::string_view(field).substr(equals + 1));
    }
  }
  module.exported_symbols = exported_symbols(elf);
  module.architecture = elf_architecture(elf.machine());
  module.is_signed = bytes.ends_with(kSignatureEnd);
  return module;
}

}  // namespace rehost
