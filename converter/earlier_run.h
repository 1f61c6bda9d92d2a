// What the report of an earlier run says about this very job: done, cut off, or another job's.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "converter/options.h"
#include "converter/report.h"

namespace rehost {

struct EarlierRun {
  std::string rehost;  // its version
  std::string outcome;
  std::string digest;  // of its job
  std::vector<SourceFile> sources;
  std::vector<SourceFile> outputs;
};

// Absent when there is no report, or none of a job.
std::optional<EarlierRun> read_earlier_run(const std::filesystem::path& report);

// The report of a run that was more than refused, or a file that is no report at all.
bool is_worth_keeping(const std::filesystem::path& report);

// This rehost made its results, they are there as it left them, and so are the files that it made
// them from. Of a device or an NBD server's disk that cannot be known: then it never holds. In
// place the results are those files.
bool still_holds(const EarlierRun& run, const Options& options);

}  // namespace rehost
