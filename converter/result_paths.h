// Where a conversion leaves its results: images, manifests and the report.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "converter/options.h"

namespace rehost {

struct ResultPaths {
  std::filesystem::path image;     // in place, the source itself
  std::filesystem::path manifest;  // empty: none is wanted
};

// One for each source: DIR/web01.vmdk and DIR/web01.manifest for --output DIR; the disk itself and
// rehost-web01.manifest beside the report for --output-disk and --in-place. Throws Error(usage)
// when two results would have the same name.
std::vector<ResultPaths> result_paths(const Options& options);

// --report, or the command's default; empty: nowhere (inspect, check and plan print theirs).
std::filesystem::path report_path(const Options& options);

// Everything about the results that can be known before the work begins. Throws Error(usage) for
// what the operator can mend (a directory that is not there, files that exist) and
// Error(environment) where nothing can be written.
void check_results(const Options& options);

}  // namespace rehost
