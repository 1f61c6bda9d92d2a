// Finding entries of the guest by pattern, and the edits that take them away.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// The entries that a pattern names, with * ? and [..] in any component. Directories on the way are
// followed through links, so that each entry is given once and by its real place: on CentOS 7
// /etc/rc3.d and /etc/rc.d/rc3.d are one. The last component is the entry itself, a link not
// followed.
std::vector<GuestPath> matching_entries(const GuestView& guest, std::string_view pattern);

// Takes away the entry at `path`: a file, a link (never what it leads to) or a directory with
// everything below it. Anything else, and a directory too large to be an agent's, stays, with a
// warning.
void plan_entry_removal(FixResult& result, const GuestView& guest, std::string_view fix,
                        const GuestPath& path, std::string_view reason);

// The same for all entries that the patterns name, each once; what lies in a directory that goes is
// not named again.
void plan_removals(FixResult& result, const GuestView& guest, std::string_view fix,
                   std::span<const std::string> patterns, std::string_view reason);

}  // namespace rehost
