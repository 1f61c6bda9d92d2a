// report.html: what a person reads first. One file that needs nothing else, no script, no network;
// what comes from the guest stays text, whatever it contains.
#pragma once

#include <string>

#include "converter/ec2_documents.h"
#include "converter/report.h"

namespace rehost {

// For a run that failed, too: then of what was found out by then.
std::string report_html(const JobFacts& job, const Report& report);

}  // namespace rehost
