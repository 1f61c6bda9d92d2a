// The modules that a machine on EC2 needs, and where each kernel of a guest has them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"
#include "converter/core/inspection.h"
#include "drivers/initramfs.h"
#include "drivers/module_index.h"
#include "drivers/nitro_reach.h"

namespace rehost {

enum class ModuleNeed {
  initramfs,  // needed to reach the root file system
  root,       // needed, and may be loaded from the root file system
  optional,   // taken along where the kernel has it
};

struct RequiredModule {
  std::string_view name;
  ModuleNeed need;
  bool for_future_kernels;         // named in the configuration of the guest's initramfs tool
  std::string_view config_symbol;  // in /boot/config-RELEASE, for kernels without modules.builtin
  std::string_view what;           // "the disks of a Nitro instance"
};

std::span<const RequiredModule> required_modules();

enum class DriverPlace {
  built_in,
  in_initramfs,  // the module, all that it needs, and an index that knows it
  in_root,       // loadable once the root file system is mounted
  missing,
  cannot_tell,  // not in what we can read of the initramfs, and there is more in it
};
std::string_view to_string(DriverPlace place);  // "built in", "in the initramfs"

struct DriverState {
  std::string module;
  ModuleNeed need = ModuleNeed::optional;
  DriverPlace place = DriverPlace::missing;
  bool in_root = false;        // loadable from the root file system, whatever `place` says
  NitroReach reach = {};       // of the module that is loaded first
  NitroReach root_reach = {};  // of the one in the root file system
  // The root file system has a module for newer instances than the one that is loaded first.
  bool outdated() const {
    return place == DriverPlace::in_initramfs && in_root &&
           root_reach.newest_generation > reach.newest_generation;
  }
  friend bool operator==(const DriverState&, const DriverState&) = default;
};

// One row for each required module. Reads the kernel's initramfs.
std::vector<DriverState> driver_states(const GuestView& guest, const Inspection& inspection,
                                       const KernelImage& kernel);

// The required modules that the kernel cannot have, whatever is done to its initramfs.
std::vector<std::string> lacking_drivers(const GuestView& guest, const KernelImage& kernel);

// The same for readers who go on to use what was read.
struct KernelDrivers {
  ModuleIndex index;
  std::optional<Initramfs> initramfs;  // nullopt: none, or too large to be read
  bool unified = false;  // it lies inside of a unified kernel image, which is not ours to change
  std::optional<std::string> unreadable;  // why not everything in it is known
  std::vector<DriverState> states;
};
KernelDrivers read_kernel_drivers(const GuestView& guest, const KernelImage& kernel);
// Without its initramfs: what the root file system has, or the kernel built in.
KernelDrivers read_root_drivers(const GuestView& guest, const KernelImage& kernel);

// The directory of a kernel's modules inside an initramfs, links followed:
// "usr/lib/modules/6.1.0-10-amd64". nullopt when it has none.
std::optional<std::string> initramfs_modules_directory(const Initramfs& initramfs,
                                                       std::string_view release);

// Does what runs in it find modules for devices by itself? Otherwise adding a module does not get
// it loaded, and only the guest's own tool can build an initramfs that does.
bool loads_modules_by_alias(const Initramfs& initramfs);

}  // namespace rehost
