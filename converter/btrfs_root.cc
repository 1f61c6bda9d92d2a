#include "converter/btrfs_root.h"

#include <algorithm>
#include <charconv>

#include "bootfix/bootloaders.h"
#include "bootfix/fstab.h"
#include "bootfix/kernel_arguments.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

std::optional<uint64_t> subvolume_id(std::string_view text) {
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return id == 0 ? kTopLevelSubvolume : id;  // btrfs(5): 0 is another word for the top level
}

// "/@rootfs/" and "@rootfs" are the same subvolume.
std::string without_slashes(std::string_view path) {
  while (path.starts_with('/')) {
    path.remove_prefix(1);
  }
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return std::string(path);
}

std::optional<SubvolumeName> named_by_boot_menu(const GuestView& tree, Firmware firmware) {
  const std::optional<BootConfig> menu = read_boot_config(tree, firmware);
  if (!menu || !menu->default_entry) {
    return std::nullopt;
  }
  const KernelArguments arguments =
      KernelArguments::parse(menu->entries.at(*menu->default_entry).arguments);
  return subvolume_in(split_at_commas(arguments.last_value("rootflags").value_or("")));
}

std::optional<SubvolumeName> named_by_fstab(const GuestView& tree) {
  const std::string text = tree.read(GuestPath("/etc/fstab")).value_or("");
  for (const FstabEntry& entry : parse_fstab(text)) {
    if (entry.mount_point == "/") {
      return subvolume_in(entry.options);
    }
  }
  return std::nullopt;
}

}  // namespace

bool SubvolumeName::means(const Subvolume& subvolume) const {
  return (!id || *id == subvolume.id) && (!path || *path == subvolume.path);
}

std::optional<SubvolumeName> subvolume_in(const std::vector<std::string>& mount_options) {
  SubvolumeName name;
  for (const std::string& option : mount_options) {
    const std::string_view text = option;
    if (text.starts_with("subvol=")) {
      name.path = without_slashes(text.substr(7));
    } else if (text.starts_with("subvolid=")) {
      name.id = subvolume_id(text.substr(9));
    }
  }
  if (!name.id && !name.path) {
    return std::nullopt;
  }
  return name;
}

std::optional<SubvolumeName> root_named_in(const GuestView& tree, Firmware firmware) {
  std::optional<SubvolumeName> name = named_by_boot_menu(tree, firmware);
  return name ? name : named_by_fstab(tree);
}

std::vector<Subvolume> roots_among(const std::vector<RootCandidate>& candidates,
                                   uint64_t default_id) {
  std::vector<Subvolume> all;
  std::vector<Subvolume> named;
  std::vector<Subvolume> by_default;
  for (const RootCandidate& candidate : candidates) {
    const bool is_default = candidate.subvolume.id == default_id;
    all.push_back(candidate.subvolume);
    if (is_default) {
      by_default.push_back(candidate.subvolume);
    }
    if (candidate.named ? candidate.named->means(candidate.subvolume) : is_default) {
      named.push_back(candidate.subvolume);
    }
  }
  if (!named.empty()) {
    return named;
  }
  return by_default.empty() ? all : by_default;
}

DeviceName subvolume_device(const DeviceName& device, const Subvolume& subvolume) {
  // For the top level this ends in "//", and is mounted with subvol=/.
  return DeviceName("btrfsvol:" + device.str() + "/" +
                    (subvolume.path.empty() ? "/" : subvolume.path));
}

std::optional<DeviceName> mounted_subvolume(const DeviceName& device, const BtrfsLayout& layout,
                                            const std::vector<std::string>& mount_options) {
  const std::optional<SubvolumeName> name = subvolume_in(mount_options);
  if (!name) {
    return device;
  }
  if (name->means(Subvolume{})) {
    return subvolume_device(device, Subvolume{});
  }
  for (const Subvolume& subvolume : layout.subvolumes) {
    if (name->means(subvolume)) {
      return subvolume_device(device, subvolume);
    }
  }
  return std::nullopt;
}

}  // namespace rehost
