// What a kernel's initramfs lacks, as entries to add, and which way they can get in.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "converter/core/edit.h"
#include "converter/core/guest.h"
#include "drivers/required_modules.h"

namespace rehost {

struct InitramfsAddition {
  std::vector<ArchiveEntry> entries;  // placed: real paths, missing directories in front
  std::vector<std::string> modules;   // "nvme-core", in the order in which they load
};

// The modules that the kernel has and its initramfs lacks, with all that they need, as they are in
// the guest; the index files for everything that is then in the image; what makes the image's init
// load them; and a marker for people.
InitramfsAddition plan_addition(const GuestView& guest, const KernelImage& kernel,
                                const KernelDrivers& drivers);

// Settings that initramfs-tools copied into the image when it was built, and that the guest has
// changed since (or the plan will): RESUME= of a disk that EC2 names otherwise makes every boot
// wait 30 seconds. With them what copied_settings.h finds. Content by path in the image.
std::map<std::string, std::string> stale_settings(const GuestView& guest,
                                                  const Initramfs& initramfs);

// Which file says what rehost has put into an initramfs.
inline constexpr std::string_view kInitramfsMarker = "lib/rehost/initramfs";

struct StrategyChoice {
  InitramfsStrategy strategy = InitramfsStrategy::repack;
  std::string reason;  // "repacked, because all of it can be read and written"
};

// The asked strategy if it is possible, else the first of repack, append and rebuild that is.
// nullptr: an image that was too large to be read.
StrategyChoice choose_strategy(const Initramfs* initramfs, std::optional<InitramfsStrategy> asked);

}  // namespace rehost
