// A fix is one row of a table: what it is called and how it plans.
#pragma once

#include <string_view>
#include <vector>

#include "converter/core/edit.h"
#include "converter/core/guest.h"
#include "converter/core/inspection.h"
#include "converter/core/target.h"

namespace rehost {

struct FixResult {
  std::vector<Edit> edits;
  std::vector<Warning> warnings;
};

// `plan` reads the guest as the fixes before it have left it, and answers with nothing when there
// is nothing to do: planning after applying is empty. It never depends on what an earlier run has
// done, only on what it finds.
struct Fix {
  std::string_view name;         // "fstab": for reports and `rehost list fixes`
  std::string_view heading;      // "Name file systems by UUID in /etc/fstab", no full stop
  std::string_view description;  // one or two sentences for the manual
  FixResult (*plan)(const GuestView&, const Inspection&, const Target&);
};

}  // namespace rehost
