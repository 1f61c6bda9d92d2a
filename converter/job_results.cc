#include "converter/job_results.h"

namespace rehost {

namespace fs = std::filesystem;

void write_job_results(const Job& job, const Report& report, const fs::path& path) {
  write_job_documents(
      {.id = job.id, .mode = job.mode, .launch = job.conversion.launch.value_or(LaunchRequest{})},
      report, path);
}

}  // namespace rehost
