// fstab(5): file systems by UUID instead of by device name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/device_names.h"
#include "bootfix/text_edits.h"
#include "converter/core/edit.h"
#include "converter/core/fix.h"

namespace rehost {

// One entry, with the places of its fields in the text. A line with fewer than two fields is none.
struct FstabEntry {
  int line = 0;  // counted from 1
  Field device_field;
  std::optional<Field> options_field;
  size_t end = 0;  // behind the last field that it has
  size_t fields = 0;
  std::string device;  // escapes (\040 is a space) taken away
  std::string mount_point;
  std::string type;
  std::vector<std::string> options;

  bool has_option(std::string_view option) const;
  // Does booting wait for it, and stop when it does not come?
  bool required() const { return !has_option("noauto") && !has_option("nofail"); }
};

std::vector<FstabEntry> parse_fstab(std::string_view text);

struct FstabRewrite {
  std::string text;
  std::vector<Warning> warnings;
};

// Rewrites the device column, and adds `nofail` where a disk will be missing: the guest then boots
// without it. All other options, comments and spacing belong to the owner of the guest, and come
// back byte for byte.
FstabRewrite stabilise_fstab(std::string_view text, const Inspection& inspection);

// What an fstab says about the disks: every device name in it with its type, and that "/" is the
// root.
std::vector<NamedUse> uses_in_fstab(const std::vector<FstabEntry>& entries,
                                    const Inspection& inspection);

extern const Fix kFstabFix;

}  // namespace rehost
