#include "bootfix/device_caches.h"

#include "bootfix/text_file.h"

namespace rehost {
namespace {

constexpr std::string_view kFiles[] = {
    "/etc/blkid.tab",
    "/etc/blkid.tab.old",
    "/etc/blkid/blkid.tab",
    "/etc/blkid/blkid.tab.old",
    "/etc/lvm/.cache",
    "/etc/lvm/cache/.cache",
    // EL 9 uses the devices in this list and no others, by the serial numbers of the old disks.
    "/etc/lvm/devices/system.devices",
};

FixResult plan_device_caches(const GuestView& guest, const Inspection&, const Target&) {
  FixResult result;
  for (const std::string_view name : kFiles) {
    const GuestPath path(name);
    const std::optional<FileStat> stat = guest.stat(path);
    if (!stat || stat->type != FileType::regular) {
      continue;  // a link into /run is gone at every start
    }
    if (const std::optional<TextFile> file = read_text_file(guest, path)) {
      plan_removal(result, kDeviceCachesFix.name, *file,
                   "it describes the disks of the old machine");
    }
  }
  return result;
}

}  // namespace

constinit const Fix kDeviceCachesFix = {
    .name = "device-caches",
    .heading = "Forget the disks of the old machine",
    .description =
        "Removes the device caches of blkid and LVM, among them /etc/lvm/devices/system.devices, "
        "which "
        "hides all disks that it does not list. They are made anew when they are needed.",
    .plan = plan_device_caches,
};

std::span<const std::string_view> device_cache_files() {
  return kFiles;
}

}  // namespace rehost
