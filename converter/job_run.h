// rehost run --job: the worker of an orchestrator. docs/job.md is its contract.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "converter/options.h"

namespace rehost {

// Does one job and returns the exit status. Throws Error only for what stands before the job: the
// command line, its events and its logs.
int run_job(const Options& options);

// Where the report goes: --report, or <stem of the job file>.report.json beside it; for a job from
// stdin <id>.report.json in the working directory. Empty: nowhere, since there is no id.
std::filesystem::path job_report_path(const Options& options, const std::string& id);

}  // namespace rehost
