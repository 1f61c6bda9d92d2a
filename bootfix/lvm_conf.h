// lvm.conf(5): filters that accept the old disks by name and reject all others, and so hide the
// volume group from a machine whose disks are NVMe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/text_edits.h"
#include "converter/core/fix.h"

namespace rehost {

// One setting: devices/filter or devices/global_filter.
struct LvmFilter {
  std::string name;  // "filter", "global_filter"
  int line = 0;      // of the name, counted from 1
  Field value;       // in the text: the list with its brackets, or a single string with its quotes
  Field first;       // the first pattern of it, with its quotes
  bool is_list = false;
  std::vector<std::string> patterns;  // "a|/dev/sda.*|", "r|.*|"
};

// Comments and anything that is not understood are passed over.
std::vector<LvmFilter> parse_lvm_filters(std::string_view text);

// What a filter makes of the names that disks and partitions have on EC2. cannot_tell: of some of
// them only, or a pattern is more than this program reads.
enum class NvmeView { seen, hidden, cannot_tell };
NvmeView view_of_nvme(const LvmFilter& filter);
// Anything but seen: the fix makes sure of it.
bool hides_nvme(const LvmFilter& filter);

// The last use_devicesfile of the text that is no comment.
std::optional<bool> devices_file_switch(std::string_view text);

// Is a physical volume among the disks? Without one, filters decide nothing.
bool uses_lvm(const Inspection& inspection);

// lvm.conf and lvmlocal.conf, those that are there.
std::vector<GuestPath> lvm_conf_files(const GuestView& guest);

// Puts "a|^/dev/nvme|" in front of a filter that would hide NVMe disks, on machines with LVM.
extern const Fix kLvmConfFix;

}  // namespace rehost
