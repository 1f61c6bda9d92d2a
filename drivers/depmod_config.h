// The configuration of depmod (depmod.d(5)): which of several module files with one name it puts
// into the index.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/guest.h"

namespace rehost {

class DepmodConfig {
 public:
  // Takes in one file; the order of files counts. What depmod does not know is passed over.
  void add(std::string_view text);

  // Will depmod take `path` and not `other`, whichever it finds first? Both are relative to the
  // modules directory ("updates/rehost/ena.ko"). False for a tie, where it is chance.
  bool prefers(std::string_view path, std::string_view other) const;

 private:
  // Place in the search order, higher wins; "built-in" stands for every directory without one.
  std::ptrdiff_t rank(std::string_view path) const;

  std::vector<std::string> searches_;  // directories, the first one wins
  // Paths without their ending ("weak-updates/ena/ena"), the last one wins. The kernel that a line
  // is for may be a regular expression, which a guest must not make us run: every line is taken to
  // be for this kernel, and at worst costs a line of ours that was not needed.
  std::vector<std::string> overrides_;
};

// What depmod of this guest reads: /etc/depmod.d, /usr/local/lib/depmod.d, /usr/lib/depmod.d and
// /lib/depmod.d, sorted by file name, the first directory winning where a name is in several.
DepmodConfig read_depmod_config(const GuestView& guest);

// `text` of a depmod.d file with the line "override NAME * DIRECTORY" in it; the same text when it
// has that line. It holds for every kernel, and only where such a file exists. (A release in its
// place would be read as a regular expression by newer versions and as itself by older ones.)
// `file_name` is the module's as depmod compares it: "nvme-core", not "nvme_core".
std::string with_override(std::string_view text, std::string_view file_name,
                          std::string_view directory);

}  // namespace rehost
