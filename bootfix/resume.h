// The swap space that initramfs-tools looks into for a hibernated system, in
// /etc/initramfs-tools/conf.d/resume.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bootfix/device_names.h"
#include "converter/core/edit.h"
#include "converter/core/fix.h"

namespace rehost {

struct ResumeRewrite {
  std::string text;
  std::vector<Warning> warnings;
};

// RESUME=/dev/sda2 becomes RESUME=UUID=...; RESUME=none where the swap space is not on the disks
// given: an initramfs waits half a minute for it at every start.
ResumeRewrite stabilise_resume(std::string_view text, const GuestPath& file, const NameMap& names);

// The files in which RESUME may be set, in the order in which they are read.
std::vector<GuestPath> resume_files(const GuestView& guest);

extern const Fix kResumeFix;

}  // namespace rehost
