// Which kernels a guest has, and which file in /boot belongs to which.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"
#include "converter/core/inspection.h"

namespace rehost {

// Newest first. Directories that hold no kernel's modules, kdump and rescue images and backups are
// passed over. `is_default` stays false: that is the boot loader's to say.
std::vector<KernelImage> find_kernels(const GuestView& guest);

// What an entry of the boot loader starts, all of it files of the guest, links resolved.
struct BootedImage {
  GuestPath vmlinuz;
  std::vector<GuestPath> initramfs;  // in order; microcode may be among them
  std::string version;               // what the entry says of its kernel; may be empty
  bool is_default = false;
};

// Tells each kernel which files the boot loader really takes for it: copies on the ESP that
// kernel-install(8) made, files of any name that somebody put there, unified kernel images. Which
// kernel a file is comes from its path, from what the entry says, or from the file itself. Rescue
// and kdump images are nobody's.
void attach_booted_images(const GuestView& guest, std::vector<KernelImage>& kernels,
                          std::span<const BootedImage> images);

// The version in the header of an x86 kernel (Documentation/arch/x86/boot.rst, kernel_version):
// "6.1.0-10-amd64". nullopt: not such a file.
std::optional<std::string> bzimage_release(const GuestView& guest, const GuestPath& path);

// False for modules that a removed kernel has left behind.
bool can_be_started(const KernelImage& kernel);

// "nvme_core.io_timeout=4294967295" for ("nvme_core", "uint"); a parameter of type byte takes no
// more than 255, and AWS's own tool writes 254.
std::string io_timeout_argument(std::string_view module, std::string_view parameter_type);
// For a kernel whose module cannot be asked.
std::string io_timeout_argument(std::string_view release);

// Natural order: runs of digits compare as numbers, so 6.1.0-9 is older than 6.1.0-10, and a letter
// is older than a number (rpm). Negative: `a` is older.
int compare_releases(std::string_view a, std::string_view b);

}  // namespace rehost
