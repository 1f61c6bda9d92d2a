// What the operator has to know about the software RAIDs of a machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/edit.h"
#include "converter/core/inspection.h"

namespace rehost {

// For a shell in the appliance. udev there puts arrays together, and waits for members that will
// not come: mdadm starts an array that can do without them, and no other. Members that differ, as
// in every copy of a machine that was running, are left to the guest's own kernel: a resync here
// would write a whole disk into the overlay.
inline constexpr std::string_view kStartArrays =
    "for directory in /sys/block/md*/md; do"
    "  array=${directory#/sys/block/}; array=/dev/${array%/md};"
    "  if [ \"$(cat $directory/array_state)\" = inactive ]; then mdadm --run $array 2>&1; fi;"
    "  echo frozen >$directory/sync_action;"
    "done; udevadm settle";

// "md-member-missing": an array was put together without all of its members. It starts so on EC2
// too, degraded.
std::vector<Warning> degraded_arrays(const Inspection& inspection);

// Members of arrays that could not be put together, too few of them being there: one text for each
// array, "host:0 (/dev/sda2 of disk0)". A raid0 needs all of its members, a raid1 any.
std::vector<std::string> incomplete_arrays(const Inspection& inspection);

}  // namespace rehost
