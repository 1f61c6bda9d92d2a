// The settings of LVM and mdadm that an initramfs has copies of: the check asks whether they let it
// see NVMe disks, whatever the files in the root file system say.
#pragma once

#include <string>
#include <vector>

#include "bootfix/kernel_arguments.h"
#include "converter/core/guest.h"
#include "converter/core/inspection.h"
#include "drivers/initramfs.h"

namespace rehost {

// What the initramfs has to find before anything else is started: the root file system, /usr and
// whatever else is mounted in it or that it waits for.
struct InitramfsNeeds {
  bool lvm = false;
  std::vector<const MdArray*> arrays;  // of the inspection
  bool any() const { return lvm || !arrays.empty(); }
};
InitramfsNeeds initramfs_needs(const GuestView& guest, const Inspection& inspection,
                               const KernelArguments& arguments);

struct HidingSetting {
  std::string text;      // "the filter in etc/lvm/lvm.conf"
  bool needed = false;   // it hides what is needed, and not data alone
  bool certain = false;  // false: it may let NVMe disks through
};

// Of LVM on machines with LVM, of mdadm on those with arrays.
std::vector<HidingSetting> settings_hiding_nvme(const Initramfs& initramfs,
                                                const Inspection& inspection,
                                                const InitramfsNeeds& needs);

}  // namespace rehost
