// The files that a run leaves beside its report.json: report.html for people, register-image.json
// and run-instances.json for whoever launches the machine.
#pragma once

#include <filesystem>
#include <string>

#include "converter/ec2_documents.h"
#include "converter/report.h"

namespace rehost {

// web01.report.json and "report.html" make web01.report.html; report.json makes report.html.
std::filesystem::path beside_report(const std::filesystem::path& report, const std::string& name);

// report.html, register-image.json and run-instances.json.
struct DocumentPaths {
  std::filesystem::path html;
  std::filesystem::path register_image;
  std::filesystem::path run_instances;
};
DocumentPaths document_paths(const std::filesystem::path& report);

// Each is written under a partial name and renamed. The two for EC2 belong to a conversion that is
// done; after any other run they are removed, so that those of an earlier one do not speak for it.
// Throws Error(environment).
void write_job_documents(JobFacts job, const Report& report,
                         const std::filesystem::path& report_path);

}  // namespace rehost
