#include "bootfix/fixes.h"

#include <vector>

#include "bootfix/bls_options.h"
#include "bootfix/cloud_init_network.h"
#include "bootfix/crypttab.h"
#include "bootfix/default_kernel.h"
#include "bootfix/device_caches.h"
#include "bootfix/device_map.h"
#include "bootfix/efi.h"
#include "bootfix/fstab.h"
#include "bootfix/grub_cfg.h"
#include "bootfix/grub_defaults.h"
#include "bootfix/grub_install_device.h"
#include "bootfix/grub_legacy.h"
#include "bootfix/kernel_cmdline.h"
#include "bootfix/left_behind.h"
#include "bootfix/lvm_conf.h"
#include "bootfix/mdadm_conf.h"
#include "bootfix/mount_units.h"
#include "bootfix/network.h"
#include "bootfix/reachability.h"
#include "bootfix/resume.h"
#include "bootfix/serial_getty.h"
#include "bootfix/sysconfig_bootloader.h"
#include "bootfix/udev_rules.h"

namespace rehost {

std::span<const Fix> bootfix_fixes() {
  static const std::vector<Fix> kFixes = [] {
    // clang-format off
    std::vector<Fix> rows = {
        kDefaultKernelFix,  // first: settings for all kernels go by what the default one accepts
        kFstabFix,
        kMountUnitsFix,
        kCrypttabFix,
        kMdadmConfFix,
        kLvmConfFix,
        kResumeFix,
        kGrubDefaultsFix,
        kGrubCfgFix,
        kGrubLegacyFix,
        kDeviceMapFix,
        kGrubInstallDeviceFix,
        kBlsOptionsFix,
        kKernelCmdlineFix,
        kSysconfigBootloaderFix,
        kEfiFallbackFix,
    };
    // clang-format on
    for (const NetworkStack& stack : network_stacks()) {
      rows.push_back(stack.fix);
    }
    rows.insert(rows.end(), {kCloudInitNetworkFix, kReachabilityFix, kUdevRulesFix, kSerialGettyFix,
                             kDeviceCachesFix});
    rows.insert(rows.end(), left_behind_fixes().begin(), left_behind_fixes().end());
    return rows;
  }();
  return kFixes;
}

}  // namespace rehost
