// Settings of LVM and mdadm that an initramfs holds as copies: a filter that hides NVMe disks keeps
// the root from being found however right the file in the root is by now.
#pragma once

#include <map>
#include <string>

#include "converter/core/guest.h"
#include "drivers/initramfs.h"

namespace rehost {

// What the copies ought to be, by path in the image; those that are as they ought to be are left
// out. Only the lines about devices are taken over from the guest: dracut has reasons for what else
// it changes in its copies. A devices file of LVM that the guest no longer has is switched off,
// since nothing can be removed from an image by adding to it.
std::map<std::string, std::string> stale_copies(const GuestView& guest, const Initramfs& initramfs);

}  // namespace rehost
