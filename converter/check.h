// Would this guest boot on Nitro as it is? Asked of the guest itself, with the parsers of the fixes
// but none of their decisions, before and after a conversion.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"
#include "converter/core/inspection.h"
#include "converter/core/target.h"

namespace rehost {

enum class Verdict { yes, no, cannot_tell };
std::string_view to_string(Verdict verdict);

struct CheckAnswer {
  std::string question;  // stable name for programs: "nvme-in-initramfs"
  std::string sentence;  // the question for people: "Can the default kernel's initramfs reach an
                         // NVMe disk?"
  Verdict verdict = Verdict::cannot_tell;
  bool required =
      true;  // a required question answered `no` means: would not boot, or would not be reachable
  std::string detail;  // what was found: "initrd.img-6.1.0-10-amd64 has no nvme"
};

// All questions, always in the same order.
std::vector<CheckAnswer> check_guest(const GuestView& guest, const Inspection& inspection,
                                     const Target& target);

// No required question was answered `no`.
bool would_boot(const std::vector<CheckAnswer>& answers);

}  // namespace rehost
