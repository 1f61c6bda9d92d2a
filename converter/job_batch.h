// rehost run --jobs: every job of a directory, each in a process of its own, as many at a time as
// there is memory for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "converter/options.h"

namespace rehost {

// Prints one JSON object a job to stdout as each ends. The exit status is 0 when all of them are
// done, 9 after a signal, and else that of the first in the order of their names that is not.
int run_jobs(const Options& options);

// The files DIR/*.json in the order of their names, without those that jobs leave there.
std::vector<std::filesystem::path> jobs_in(const std::filesystem::path& directory);

// How many at a time: what was asked for (0: one for each processor), and never more than there are
// or than there is memory for. Throws Error(environment) when that is none, or less than was asked
// for.
int jobs_at_a_time(int asked, size_t jobs, unsigned processors, uint64_t available);

}  // namespace rehost
