#include "converter/job_results.h"

namespace rehost {

namespace fs = std::filesystem;

fs::path beside_report(const fs::path& report, const std::string& name) {
  constexpr std::string_view kReport = "report.json";
  const std::string file = report.filename().string();
  const std::string prefix = file.ends_with(kReport) ? file.substr(0, file.size() - kReport.size())
                                                     : report.stem().string() + ".";
  return report.parent_path() / (prefix + name);
}

void write_job_results(const Job& /*job*/, const Report& /*report*/, const fs::path& /*path*/) {
  // HOOK: report.html, register-image.json, run-instances.json, each at beside_report(path, name).
}

}  // namespace rehost
