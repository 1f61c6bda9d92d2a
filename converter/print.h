// Results as text for people, on stdout.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/check.h"
#include "converter/options.h"
#include "converter/report.h"

namespace rehost {

std::string_view command_name(Command command);
std::string inspection_text(const Inspection& inspection);
std::string check_text(const std::vector<CheckAnswer>& answers);  // one line a question
std::string plan_text(const Report& report);                      // headings and unified diffs
std::string table_text(const std::string& table);                 // rehost list TABLE

}  // namespace rehost
