#include "bootfix/efi.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/text_file.h"
#include "converter/core/distro.h"

namespace rehost {
namespace {

// The largest loader we know, a GRUB with every module in it, has some 5 MiB.
constexpr uint64_t kMaxLoaderBytes = 16u << 20;
constexpr std::string_view kEspMounts[] = {"/boot/efi", "/efi", "/boot"};

// A program that the firmware can start and, for a first stage, the second, which it loads from its
// own directory: one of the names must be there, all are taken. {} stands for x64 or aa64.
struct LoaderKind {
  std::string_view program;
  std::string_view companions[2];
};
constexpr LoaderKind kLoaderKinds[] = {
    {"shim{}.efi", {"grub{}.efi"}},
    // SUSE's shim wants grub.efi and has another, unsigned GRUB beside it; that of an early CentOS
    // 7 wants grubx64.efi.
    {"shim.efi", {"grub.efi", "grub{}.efi"}},
    {"grub{}.efi", {}},
    {"grub.efi", {}},
    {"systemd-boot{}.efi", {}},
};

std::string_view suffix_of(std::string_view architecture) {
  return architecture == "aarch64" ? "aa64" : "x64";
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<GuestPath> find_in(const GuestView& guest, const GuestPath& directory,
                                 std::string_view name, FileType type) {
  for (const DirectoryEntry& entry : guest.list(directory)) {
    if (entry.stat.type == type && equal_ignoring_case(entry.name, name)) {
      return directory / entry.name;
    }
  }
  return std::nullopt;
}

std::optional<GuestPath> file_in(const GuestView& guest, const GuestPath& directory,
                                 std::string_view name) {
  return find_in(guest, directory, name, FileType::regular);
}

// As it is spelled there, or as it will be.
GuestPath place_in(const GuestView& guest, const GuestPath& directory, std::string_view name,
                   FileType type = FileType::regular) {
  return find_in(guest, directory, name, type).value_or(directory / name);
}

uint32_t little_endian(std::string_view bytes, size_t offset, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  }
  return value;
}

// PE/COFF: "MZ", the place of the header at 0x3c, and there "PE\0\0" and the machine. A 32-bit
// grub.efi has the same name as a 64-bit one, and a file that fsck has cut short still has its
// name.
bool is_program_for(const GuestView& guest, const GuestPath& path, std::string_view architecture) {
  constexpr size_t kHeadBytes = 4096;
  constexpr size_t kHeaderPlace = 0x3c;
  constexpr uint32_t kMachineX64 = 0x8664;
  constexpr uint32_t kMachineAa64 = 0xaa64;
  const std::optional<FileStat> stat = guest.stat(path);
  const std::string head = guest.read_range(path, 0, kHeadBytes).value_or("");
  if (!stat || stat->size > kMaxLoaderBytes || !head.starts_with("MZ") ||
      head.size() < kHeaderPlace + 4) {
    return false;
  }
  const size_t header = little_endian(head, kHeaderPlace, 4);
  constexpr std::string_view kSignature("PE\0\0", 4);
  if (header > head.size() - 6 || std::string_view(head).substr(header, 4) != kSignature) {
    return false;
  }
  return little_endian(head, header + 4, 2) ==
         (architecture == "aarch64" ? kMachineAa64 : kMachineX64);
}

std::optional<InstalledLoader> loader_in(const GuestView& guest, const GuestPath& directory,
                                         std::string_view architecture) {
  const auto program = [&](std::string_view pattern) -> std::optional<GuestPath> {
    if (pattern.empty()) {
      return std::nullopt;
    }
    const auto found =
        file_in(guest, directory, fmt::format(fmt::runtime(pattern), suffix_of(architecture)));
    return found && is_program_for(guest, *found, architecture) ? found : std::nullopt;
  };
  const std::optional<GuestPath> grub_cfg = file_in(guest, directory, "grub.cfg");
  // GRUB legacy for EFI (EL 6) looks for a menu named after itself; EC2 starts EL 6 by BIOS only.
  if (!grub_cfg && file_in(guest, directory, "grub.conf")) {
    return std::nullopt;
  }
  for (const LoaderKind& kind : kLoaderKinds) {
    const std::optional<GuestPath> first = program(kind.program);
    if (!first) {
      continue;
    }
    InstalledLoader loader{
        .directory = directory, .program = *first, .companions = {}, .grub_cfg = grub_cfg};
    for (const std::string_view name : kind.companions) {
      if (const std::optional<GuestPath> companion = program(name)) {
        loader.companions.push_back(*companion);
      }
    }
    if (kind.companions[0].empty() || !loader.companions.empty()) {
      return loader;
    }
  }
  return std::nullopt;
}

struct Choice {
  std::optional<InstalledLoader> loader;
  std::optional<Warning> warning;
};

Choice choose_loader(const GuestView& guest, const Inspection& inspection, const GuestPath& esp) {
  const std::vector<InstalledLoader> loaders =
      installed_loaders(guest, esp, inspection.architecture);
  const std::string_view vendor = inspection.distro == nullptr ? "" : inspection.distro->efi_vendor;
  for (const InstalledLoader& loader : loaders) {
    if (equal_ignoring_case(loader.directory.name(), vendor)) {
      return {loader, std::nullopt};
    }
  }
  if (loaders.size() == 1) {
    return {loaders.front(), std::nullopt};
  }
  const std::string missing =
      fmt::format("EFI/BOOT/{} is missing", fallback_loader_name(inspection.architecture));
  if (loaders.empty()) {
    return {std::nullopt,
            Warning{"efi-no-loader", esp.str(),
                    missing + ", and no directory below EFI has a boot loader to put there: a new "
                              "instance finds nothing to start"}};
  }
  std::vector<std::string_view> names;
  names.reserve(loaders.size());
  for (const InstalledLoader& loader : loaders) {
    names.push_back(loader.directory.name());
  }
  return {std::nullopt,
          Warning{"efi-several-loaders", esp.str(),
                  fmt::format("{}, and it cannot be told which boot loader belongs there: that of "
                              "{}; copy one of them",
                              missing, fmt::join(names, ", that of "))}};
}

void plan_content(FixResult& result, const GuestView& guest, const GuestPath& path,
                  std::string content, std::string_view reason) {
  const std::optional<std::string> old =
      is_file(guest, path) ? guest.read(path, kMaxLoaderBytes) : std::nullopt;
  if (old == content) {
    return;
  }
  result.edits.push_back(
      Edit{.fix = std::string(kEfiFallbackFix.name),
           .reason = std::string(reason),
           .action = WriteFile{.path = path,
                               .content = std::move(content),
                               .expects = old ? std::optional(hash_content(*old)) : std::nullopt}});
}

// shim in EFI/BOOT hands over to a fallback program beside it, which makes boot entries of the
// BOOTX64.CSV files and starts the machine again. We never put one there: without it shim starts
// GRUB, at once and the same way each time. One that is there already and finds no CSV would lead
// nowhere.
bool goes_astray(const GuestView& guest, const InstalledLoader& loader, const GuestPath& boot,
                 std::string_view suffix) {
  const bool fallback =
      file_in(guest, boot, fmt::format("fb{}.efi", suffix)) || file_in(guest, boot, "fallback.efi");
  return fallback && !file_in(guest, loader.directory, fmt::format("BOOT{}.CSV", suffix)) &&
         !file_in(guest, loader.directory, "BOOT.CSV");
}

void plan_copies(FixResult& result, const GuestView& guest, const GuestPath& esp,
                 const InstalledLoader& loader, std::string_view architecture) {
  const GuestPath efi = place_in(guest, esp, "EFI", FileType::directory);
  const GuestPath boot = place_in(guest, efi, "BOOT", FileType::directory);
  GuestPath started = loader.program;
  if (!loader.companions.empty() && goes_astray(guest, loader, boot, suffix_of(architecture))) {
    started = loader.companions.front();
  }
  const auto content_of = [&](const GuestPath& path) {
    return guest.read(path, kMaxLoaderBytes).value_or("");
  };
  for (const GuestPath& companion : loader.companions) {
    plan_content(
        result, guest, place_in(guest, boot, companion.name()), content_of(companion),
        fmt::format("{} starts it, and looks for it in its own directory", loader.program.name()));
  }
  if (loader.grub_cfg && !file_in(guest, boot, "grub.cfg")) {
    plan_content(result, guest, boot / "grub.cfg", hand_over_to(loader.directory, esp),
                 "some GRUBs look for their configuration in their own directory only");
  }
  // Last: its absence is what says that there is work left.
  const std::string_view name = fallback_loader_name(architecture);
  plan_content(result, guest, boot / name, content_of(started),
               fmt::format("a new instance has no boot entries, and starts EFI/BOOT/{}", name));
}

FixResult plan_efi_fallback(const GuestView& guest, const Inspection& inspection, const Target&) {
  FixResult result;
  if (inspection.firmware != Firmware::uefi) {
    return result;
  }
  const std::optional<GuestPath> esp = efi_system_partition(inspection);
  if (!esp) {
    result.warnings.push_back(
        {"efi-no-loader", "EFI system partition",
         "/etc/fstab mounts none at /boot/efi, /efi or /boot: it is left as it is, and must have "
         "its boot loader in EFI/BOOT"});
    return result;
  }
  if (find_fallback_loader(guest, *esp, inspection.architecture)) {
    return result;
  }
  const Choice choice = choose_loader(guest, inspection, *esp);
  if (choice.warning) {
    result.warnings.push_back(*choice.warning);
  }
  if (choice.loader) {
    plan_copies(result, guest, *esp, *choice.loader, inspection.architecture);
  }
  return result;
}

}  // namespace

constinit const Fix kEfiFallbackFix = {
    .name = "efi-fallback",
    .heading = "Give the firmware a boot loader that it finds by itself",
    .description =
        "On a UEFI guest without EFI/BOOT/BOOTX64.EFI (BOOTAA64.EFI), copies the distribution's "
        "own boot loader there, because boot entries in NVRAM do not travel. One that is there "
        "already stays.",
    .plan = plan_efi_fallback,
};

std::optional<GuestPath> efi_system_partition(const Inspection& inspection) {
  for (const std::string_view where : kEspMounts) {
    for (const MountedFilesystem& mounted : inspection.mounts) {
      const Filesystem* filesystem = find_filesystem(inspection, mounted.device);
      if (mounted.where == GuestPath(where) && filesystem != nullptr &&
          filesystem->type == "vfat") {
        return mounted.where;
      }
    }
  }
  return std::nullopt;
}

std::string_view fallback_loader_name(std::string_view architecture) {
  return architecture == "aarch64" ? "BOOTAA64.EFI" : "BOOTX64.EFI";
}

std::optional<GuestPath> find_fallback_loader(const GuestView& guest, const GuestPath& esp,
                                              std::string_view architecture) {
  const GuestPath efi = place_in(guest, esp, "EFI", FileType::directory);
  const GuestPath boot = place_in(guest, efi, "BOOT", FileType::directory);
  return file_in(guest, boot, fallback_loader_name(architecture));
}

std::vector<InstalledLoader> installed_loaders(const GuestView& guest, const GuestPath& esp,
                                               std::string_view architecture) {
  std::vector<InstalledLoader> loaders;
  const GuestPath efi = place_in(guest, esp, "EFI", FileType::directory);
  for (const DirectoryEntry& vendor : guest.list(efi)) {
    if (vendor.stat.type != FileType::directory || equal_ignoring_case(vendor.name, "BOOT")) {
      continue;
    }
    if (std::optional<InstalledLoader> loader = loader_in(guest, efi / vendor.name, architecture)) {
      loaders.push_back(std::move(*loader));
    }
  }
  return loaders;
}

// Not a copy: the full menu of CentOS 7 changes with every kernel, and finds its grubenv by
// $prefix. $root is the file system that GRUB was loaded from.
std::string hand_over_to(const GuestPath& directory, const GuestPath& esp) {
  const std::string below_esp = directory.str().substr(esp.str().size());
  return fmt::format(
      "# GRUB started from EFI/BOOT goes on where this system keeps its configuration.\n"
      "set prefix=($root)'{}'\n"
      "configfile \"$prefix/grub.cfg\"\n",
      below_esp);
}

}  // namespace rehost
