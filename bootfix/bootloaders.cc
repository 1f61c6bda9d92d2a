#include "bootfix/bootloaders.h"

#include "bootfix/grub2.h"
#include "bootfix/grub_legacy.h"
#include "bootfix/systemd_boot.h"

namespace rehost {
namespace {

constexpr Bootloader kBootloaders[] = {
    {"systemd-boot", read_systemd_boot},
    {"grub2-bls", read_grub2_bls},
    {"grub2", read_grub2},
    {"grub-legacy", read_grub_legacy},
};

}  // namespace

std::span<const Bootloader> bootloaders() {
  return kBootloaders;
}

std::optional<BootConfig> read_boot_config(const GuestView& guest, Firmware firmware) {
  for (const Bootloader& bootloader : bootloaders()) {
    if (std::optional<BootConfig> config = bootloader.read(guest, firmware)) {
      config->loader = bootloader.name;
      return config;
    }
  }
  return std::nullopt;
}

std::optional<GuestPath> file_of_boot_path(const GuestView& guest, std::string_view path) {
  if (path.starts_with('(')) {  // "($root)/boot/vmlinuz", "(hd0,msdos1)/vmlinuz"
    const size_t close = path.find(')');
    path = close == std::string_view::npos ? "" : path.substr(close + 1);
  }
  if (!path.starts_with('/')) {
    return std::nullopt;
  }
  const auto file_at = [&](const GuestPath& candidate) -> std::optional<GuestPath> {
    const std::optional<GuestPath> real = resolve(guest, candidate);
    return real && is_file(guest, *real) ? real : std::nullopt;
  };
  const GuestPath boot("/boot");
  // As it stands; with /boot in front, when that is a file system of its own; below a btrfs
  // subvolume.
  if (auto file = file_at(GuestPath(path))) {
    return file;
  }
  for (int stripped = 0; stripped < 8; ++stripped) {
    if (auto file = file_at(boot / path)) {
      return file;
    }
    const size_t next = path.find('/', 1);
    if (next == std::string_view::npos) {
      return std::nullopt;
    }
    path = path.substr(next);
    if (auto file = file_at(GuestPath(path))) {
      return file;
    }
  }
  return std::nullopt;
}

}  // namespace rehost
