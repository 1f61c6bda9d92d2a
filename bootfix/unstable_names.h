// The question that `rehost check` asks after a conversion, and of any guest: is a device name left
// that EC2 will change? It shares the parsers of the fixes and none of their decisions.
#pragma once

#include <string>
#include <vector>

#include "converter/core/guest.h"
#include "converter/core/inspection.h"

namespace rehost {

struct UnstableName {
  GuestPath file;
  int line = 0;  // counted from 1
  std::string name;
  bool required =
      true;  // false: the guest boots without it (noauto, nofail, an entry of another system)
  friend bool operator==(const UnstableName&, const UnstableName&) = default;
};

// Looks at fstab, mount and swap units, crypttab, mdadm.conf, the filters of lvm.conf, the kernel
// lines of the boot menus, /etc/default/grub and the resume device of initramfs-tools. In the order
// of these files, then of lines.
std::vector<UnstableName> find_unstable_names(const GuestView& guest, const Inspection& inspection);

}  // namespace rehost
