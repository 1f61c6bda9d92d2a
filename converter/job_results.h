// The files that a job leaves beside its report for whoever goes on with its result.
#pragma once

#include <filesystem>
#include <string>

#include "converter/job.h"
#include "converter/report.h"

namespace rehost {

// web01.report.json and "report.html" make web01.report.html; report.json makes report.html.
std::filesystem::path beside_report(const std::filesystem::path& report, const std::string& name);

// After every run of a job, whatever its outcome; the report is as complete as it will be. Throws
// Error(environment) where a file cannot be written.
void write_job_results(const Job& job, const Report& report, const std::filesystem::path& path);

}  // namespace rehost
