#include "drivers/kernel_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "converter/core/pe_image.h"
#include "drivers/module_index.h"

namespace rehost {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "6.1.0-10-amd64", not "kabi-current" (kernel-abi-whitelists) and not a copy that somebody set
// aside.
bool is_release(std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot + 1 >= name.size() ||
      !is_digit(name[dot + 1]) ||
      !std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(dot), is_digit)) {
    return false;
  }
  constexpr std::array<std::string_view, 5> kSetAside{".bak", ".old", ".orig", ".save", "~"};
  return name.find(".dpkg-") == std::string_view::npos &&
         std::none_of(kSetAside.begin(), kSetAside.end(),
                      [&](std::string_view ending) { return name.ends_with(ending); });
}

// A directory with the names in it: one question to the guest in place of one for each name.
struct Listing {
  GuestPath directory;
  std::set<std::string> names;
};

Listing list_names(const GuestView& guest, const GuestPath& directory) {
  Listing listing{.directory = directory, .names = {}};
  for (DirectoryEntry& entry : guest.list(directory)) {
    listing.names.insert(std::move(entry.name));
  }
  return listing;
}

// The first of the names, with {} for the release, that is a file in the directory.
std::optional<GuestPath> find_file(const GuestView& guest, const Listing& listing,
                                   std::span<const std::string_view> patterns,
                                   std::string_view release) {
  for (const std::string_view pattern : patterns) {
    const std::string name = fmt::format(fmt::runtime(pattern), release);
    if (listing.names.contains(name) && is_file(guest, listing.directory / name)) {
      return listing.directory / name;
    }
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 4> kVmlinuz{"vmlinuz-{}", "vmlinux-{}", "Image-{}",
                                                   "kernel-{}"};
// Debian, dracut, SUSE, EL5. Exact names: kdump, rescue and set-aside images have something in
// front or behind.
constexpr std::array<std::string_view, 4> kInitramfs{"initrd.img-{}", "initramfs-{}.img",
                                                     "initrd-{}", "initrd-{}.img"};
// Below BOOT/MACHINE-ID/RELEASE, where kernel-install(8) puts them.
constexpr std::array<std::string_view, 2> kInstalledVmlinuz{"linux", "vmlinuz-{}"};
constexpr std::array<std::string_view, 4> kInstalledInitramfs{"initrd", "initrd.img-{}",
                                                              "initramfs-{}.img", "initramfs.img"};

// Directories of kernel-install: /boot/TOKEN, /boot/efi/TOKEN, /efi/TOKEN.
std::vector<Listing> token_directories(const GuestView& guest) {
  std::vector<Listing> directories;
  for (const std::string_view place : {"/boot", "/boot/efi", "/efi"}) {
    const GuestPath boot(place);
    for (const DirectoryEntry& entry : guest.list(boot)) {
      const bool other = entry.name == "grub" || entry.name == "grub2" || entry.name == "EFI" ||
                         entry.name == "loader" || entry.name == "efi" ||
                         entry.name == "lost+found";
      if (entry.stat.type == FileType::directory && !other) {
        directories.push_back(list_names(guest, boot / entry.name));
      }
    }
  }
  return directories;
}

void find_boot_files(const GuestView& guest, const Listing& boot, std::span<const Listing> tokens,
                     KernelImage& kernel) {
  kernel.vmlinuz = find_file(guest, boot, kVmlinuz, kernel.release);
  kernel.initramfs = find_file(guest, boot, kInitramfs, kernel.release);
  for (const Listing& token : tokens) {
    if (!token.names.contains(kernel.release) || (kernel.vmlinuz && kernel.initramfs)) {
      continue;
    }
    const Listing installed = list_names(guest, token.directory / kernel.release);
    if (!kernel.vmlinuz) {
      kernel.vmlinuz = find_file(guest, installed, kInstalledVmlinuz, kernel.release);
    }
    if (!kernel.initramfs) {
      kernel.initramfs = find_file(guest, installed, kInstalledInitramfs, kernel.release);
    }
  }
  if (!kernel.vmlinuz && is_file(guest, kernel.modules_directory / "vmlinuz")) {
    kernel.vmlinuz = kernel.modules_directory / "vmlinuz";
  }
}

// The type of a module's io_timeout parameter: asked of the file, or of modules.builtin.modinfo.
// "" when the file says that it has none; nullopt when there is nothing to be asked.
std::optional<std::string> io_timeout_type(const GuestView& guest, const GuestPath& directory,
                                           const ModuleIndex& index, std::string_view module) {
  constexpr std::string_view kParameter = "io_timeout";
  for (const std::string& value : index.builtin_info(module, "parmtype")) {
    if (value.starts_with(kParameter) && value.size() > kParameter.size() &&
        value[kParameter.size()] == ':') {
      return value.substr(kParameter.size() + 1);
    }
  }
  const ModuleRecord* record = index.find(module);
  if (record == nullptr) {
    return std::nullopt;
  }
  const std::optional<KernelModule> file = read_kernel_module(guest, directory / record->path);
  if (!file) {
    return std::nullopt;
  }
  const auto found = file->parameter_types.find(std::string(kParameter));
  return found == file->parameter_types.end() ? "" : found->second;
}

std::string io_timeout_of(const GuestView& guest, const KernelImage& kernel) {
  const std::array<std::string, 2> modules{"nvme_core", "nvme"};
  const ModuleIndex index =
      load_module_index(guest, kernel.modules_directory, IndexDetail::dependencies, modules);
  bool has_none = false;
  for (const std::string& module : modules) {
    const auto type = io_timeout_type(guest, kernel.modules_directory, index, module);
    if (type && !type->empty()) {
      return io_timeout_argument(module, *type);
    }
    has_none = has_none || type;
  }
  // The nvme of EL 6.5 has no such parameter, and 2.6.32 does not load a module with one that it
  // does not know.
  return has_none && !index.is_builtin("nvme_core") ? "" : io_timeout_argument(kernel.release);
}

// The number at the start of a text, and the text behind it. Digits beyond 18 do not count.
uint64_t take_number(std::string_view& text) {
  const size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  uint64_t value = 0;
  const std::string_view digits = text.substr(0, std::min<size_t>(end, 18));
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  text.remove_prefix(end);
  return value;
}

bool is_for_release(const GuestView& guest, const KernelImage& kernel, const BootedImage& image) {
  if (kernel.vmlinuz && resolve(guest, *kernel.vmlinuz) == image.vmlinuz) {
    return true;
  }
  // .../6.1.0-10-amd64/linux, .../vmlinuz-6.1.0-10-amd64
  return image.version == kernel.release || image.vmlinuz.parent().name() == kernel.release ||
         image.vmlinuz.name().ends_with("-" + kernel.release);
}

KernelImage* kernel_of(const GuestView& guest, std::vector<KernelImage>& kernels,
                       const BootedImage& image) {
  for (KernelImage& kernel : kernels) {
    if (is_for_release(guest, kernel, image)) {
      return &kernel;
    }
  }
  const std::optional<std::string> release = bzimage_release(guest, image.vmlinuz);
  const auto found = std::find_if(kernels.begin(), kernels.end(), [&](const KernelImage& kernel) {
    return kernel.release == release;
  });
  return found == kernels.end() ? nullptr : &*found;
}

bool is_microcode(const GuestPath& initramfs) {
  return initramfs.name().find("ucode") != std::string_view::npos ||
         initramfs.name().find("microcode") != std::string_view::npos;
}

void attach_initramfs(const GuestView& guest, KernelImage& kernel, const GuestPath& initramfs,
                      bool is_default) {
  const auto is_known = [&](const GuestPath& path) { return path == initramfs; };
  const std::optional<GuestPath> first =
      kernel.initramfs ? resolve(guest, *kernel.initramfs) : std::nullopt;
  if (first == initramfs) {
    return;
  }
  if (!kernel.initramfs) {
    kernel.initramfs = initramfs;
    return;
  }
  std::erase_if(kernel.other_initramfs, is_known);
  if (is_default && first) {
    kernel.other_initramfs.push_back(*first);
    kernel.initramfs = initramfs;
  } else {
    kernel.other_initramfs.push_back(initramfs);
  }
}

void attach(const GuestView& guest, KernelImage& kernel, const BootedImage& image) {
  const bool known = kernel.vmlinuz && resolve(guest, *kernel.vmlinuz) == image.vmlinuz;
  // The one among the modules is what kernel-install(8) copies; nobody starts it there.
  const bool copied = kernel.vmlinuz && kernel.vmlinuz->is_within(kernel.modules_directory);
  if (!known && (image.is_default || !kernel.vmlinuz || copied)) {
    kernel.vmlinuz = image.vmlinuz;
  }
  if (is_unified_kernel(guest, image.vmlinuz)) {
    attach_initramfs(guest, kernel, image.vmlinuz, image.is_default);
    return;
  }
  bool first = true;
  for (const GuestPath& initramfs : image.initramfs) {
    if (!is_microcode(initramfs) && !is_rescue_or_kdump(initramfs.str())) {
      attach_initramfs(guest, kernel, initramfs, image.is_default && first);
      first = false;
    }
  }
}

}  // namespace

void attach_booted_images(const GuestView& guest, std::vector<KernelImage>& kernels,
                          std::span<const BootedImage> images) {
  for (const bool is_default : {true, false}) {  // what is started by default has the first word
    for (const BootedImage& image : images) {
      if (image.is_default != is_default || is_rescue_or_kdump(image.vmlinuz.str())) {
        continue;
      }
      if (KernelImage* kernel = kernel_of(guest, kernels, image)) {
        attach(guest, *kernel, image);
      }
    }
  }
}

std::optional<std::string> bzimage_release(const GuestView& guest, const GuestPath& path) {
  constexpr size_t kMagicPlace = 0x202;    // "HdrS"
  constexpr size_t kVersionPlace = 0x20e;  // of the text, counted from 0x200
  constexpr size_t kMaxVersionBytes = 128;
  const std::string head = guest.read_range(path, 0, kVersionPlace + 2).value_or("");
  if (head.size() < kVersionPlace + 2 || head.compare(kMagicPlace, 4, "HdrS") != 0) {
    return std::nullopt;
  }
  const size_t place = 0x200u + static_cast<unsigned char>(head[kVersionPlace]) +
                       static_cast<unsigned char>(head[kVersionPlace + 1]) * 256u;
  std::string text = guest.read_range(path, place, kMaxVersionBytes).value_or("");
  text.resize(std::min(text.find_first_of(std::string_view(" \0", 2)), text.size()));
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

std::vector<KernelImage> find_kernels(const GuestView& guest) {
  const GuestPath modules("/lib/modules");
  const Listing boot = list_names(guest, GuestPath("/boot"));
  const std::vector<Listing> tokens = token_directories(guest);
  std::vector<KernelImage> kernels;
  for (const DirectoryEntry& entry : guest.list(modules)) {
    if (!is_release(entry.name) || !is_directory(guest, modules / entry.name)) {
      continue;
    }
    KernelImage kernel;
    kernel.release = entry.name;
    kernel.modules_directory = resolve(guest, modules / entry.name).value_or(modules / entry.name);
    find_boot_files(guest, boot, tokens, kernel);
    if (!kernel.vmlinuz && !is_file(guest, kernel.modules_directory / "modules.dep") &&
        !is_directory(guest, kernel.modules_directory / "kernel")) {
      continue;
    }
    kernel.io_timeout_argument = io_timeout_of(guest, kernel);
    kernels.push_back(std::move(kernel));
  }
  std::stable_sort(kernels.begin(), kernels.end(), [](const KernelImage& a, const KernelImage& b) {
    return compare_releases(a.release, b.release) > 0;
  });
  return kernels;
}

std::string io_timeout_argument(std::string_view module, std::string_view parameter_type) {
  const std::string_view value = parameter_type == "byte" ? "254" : "4294967295";
  return fmt::format("{}.io_timeout={}", module, value);
}

std::string io_timeout_argument(std::string_view release) {
  // nvme.ko gave the parameter to nvme_core.ko in 4.6; it was a byte until 4.15.
  if (compare_releases(release, "4.6") < 0) {
    return io_timeout_argument("nvme", "byte");
  }
  return io_timeout_argument("nvme_core", compare_releases(release, "4.15") < 0 ? "byte" : "uint");
}

int compare_releases(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const uint64_t left = take_number(a);
      const uint64_t right = take_number(b);
      if (left != right) {
        return left < right ? -1 : 1;
      }
    } else if (is_digit(a.front()) != is_digit(b.front()) &&
               (is_letter(a.front()) || is_letter(b.front()))) {
      return is_digit(a.front()) ? 1 : -1;  // 553.16.1.el8 came after 553.el8, as rpm has it
    } else if (a.front() != b.front()) {
      return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front()) ? -1 : 1;
    } else {
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return static_cast<int>(!a.empty()) - static_cast<int>(!b.empty());
}

bool can_be_started(const KernelImage& kernel) {
  return kernel.vmlinuz.has_value() || kernel.initramfs.has_value();
}

}  // namespace rehost
