// What the operator has to know about the software RAIDs of a machine.
#pragma once

#include <string>
#include <vector>

#include "converter/core/edit.h"
#include "converter/core/inspection.h"

namespace rehost {

// "md-member-missing": an array was put together without all of its members. It starts so on EC2
// too, degraded.
std::vector<Warning> degraded_arrays(const Inspection& inspection);

// Members of arrays that could not be put together, too few of them being there: one text for each
// array, "host:0 (/dev/sda2 of disk0)". A raid0 needs all of its members, a raid1 any.
std::vector<std::string> incomplete_arrays(const Inspection& inspection);

}  // namespace rehost
