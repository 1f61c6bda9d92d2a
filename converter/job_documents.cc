#include "converter/job_documents.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "converter/core/error.h"
#include "converter/html_report.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& path, const std::string& reason) {
  throw Error(ErrorKind::environment, fmt::format("cannot write {}: {}", path.string(), reason));
}

void write_renamed(const fs::path& path, const std::string& text) {
  constexpr unsigned kMode = 0644;
  const fs::path partial = path.string() + ".partial";
  std::error_code error;
  try {
    // A link by that name, or what a killed run left, is not written through.
    fs::remove(partial, error);
    const FileDescriptor file = open_file(partial, O_WRONLY | O_CREAT | O_EXCL, kMode);
    write_fully(file.get(), partial.string(), 0, std::as_bytes(std::span(text)));
  } catch (const Error& failed) {
    fs::remove(partial, error);
    refuse(path, failed.what());
  }
  fs::rename(partial, path, error);
  if (error) {
    const std::string reason = error.message();
    fs::remove(partial, error);
    refuse(path, reason);
  }
}

void remove_stale(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) {
    throw Error(ErrorKind::environment,
                fmt::format("cannot remove {}, which an earlier run has left: {}", path.string(),
                            error.message()));
  }
}

}  // namespace

fs::path beside_report(const fs::path& report, const std::string& name) {
  constexpr std::string_view kReport = "report.json";
  const std::string file = report.filename().string();
  const std::string prefix = file.ends_with(kReport) ? file.substr(0, file.size() - kReport.size())
                                                     : report.stem().string() + ".";
  return report.parent_path() / (prefix + name);
}

DocumentPaths document_paths(const fs::path& report) {
  return {beside_report(report, "report.html"), beside_report(report, "register-image.json"),
          beside_report(report, "run-instances.json")};
}

void write_job_documents(JobFacts job, const Report& report, const fs::path& report_path) {
  job.file_prefix = beside_report(report_path, "").filename().string();
  const DocumentPaths paths = document_paths(report_path);
  const bool converted =
      report.exit_code == 0 && report.inspection.has_value() && !report.outputs.empty();
  if (converted) {
    write_renamed(paths.register_image, register_image_json(job, report));
  } else {
    remove_stale(paths.register_image);
  }
  if (converted && job.launch.blueprint) {
    write_renamed(paths.run_instances, run_instances_json(job, report));
  } else {
    remove_stale(paths.run_instances);
  }
  write_renamed(paths.html, report_html(job, report));
}

}  // namespace rehost
