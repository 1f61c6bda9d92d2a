// The files that a job leaves beside its report for whoever goes on with its result.
#pragma once

#include <filesystem>
#include <string>

#include "converter/job.h"
#include "converter/job_documents.h"
#include "converter/report.h"

namespace rehost {

// After every run of a job, whatever its outcome; the report is as complete as it will be. Throws
// Error(environment) where a file cannot be written.
void write_job_results(const Job& job, const Report& report, const std::filesystem::path& path);

}  // namespace rehost
