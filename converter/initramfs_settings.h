// The settings of LVM and mdadm that an initramfs has copies of: the check asks whether they let it
// see NVMe disks, whatever the files in the root file system say.
#pragma once

#include <string>
#include <vector>

#include "converter/core/inspection.h"
#include "drivers/initramfs.h"

namespace rehost {

// "the filter in etc/lvm/lvm.conf". Of LVM on machines with LVM, of mdadm on those with arrays.
std::vector<std::string> settings_hiding_nvme(const Initramfs& initramfs,
                                              const Inspection& inspection);

}  // namespace rehost
