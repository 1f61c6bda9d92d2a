#include "converter/earlier_run.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "converter/json_reader.h"
#include "converter/result_paths.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestReport = uint64_t{64} << 20;

std::vector<SourceFile> read_files(JsonObject& object, std::string_view name) {
  std::vector<SourceFile> files;
  for (JsonObject& row : object.objects(name)) {
    SourceFile file{row.text("path"), std::nullopt};
    if (!row.is_null("file")) {
      JsonObject stamp = row.object("file");
      file.stamp = FileStamp{static_cast<uint64_t>(stamp.number("size", 0, INT64_MAX)),
                             stamp.number("modified", INT64_MIN, INT64_MAX)};
    }
    files.push_back(std::move(file));
  }
  return files;
}

// Null when there is none.
Json read_document(const fs::path& report) {
  std::error_code error;
  const uint64_t size = fs::file_size(report, error);
  if (error || size > kLargestReport) {
    return {};
  }
  std::ifstream in(report, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return Json::parse(text, nullptr, false);
}

EarlierRun read_report(const Json& document) {
  JsonObject report(document, "");
  EarlierRun run;
  run.rehost = report.text("rehost");
  run.outcome = report.text("outcome");
  JsonObject job = report.object("job");
  run.digest = job.text("digest");
  run.sources = read_files(job, "sources");
  run.outputs = read_files(report, "outputs");
  return run;
}

// A device or an NBD server's disk has no stamp: whether it has changed, nobody knows.
bool is_as_it_was(const SourceFile& file) {
  return file.stamp && stamp_of(file.path) == file.stamp;
}

}  // namespace

std::optional<EarlierRun> read_earlier_run(const fs::path& report) {
  try {
    return read_report(read_document(report));
  } catch (const Error&) {
    return std::nullopt;  // somebody else's file, or another command's
  }
}

bool is_worth_keeping(const fs::path& report) {
  std::error_code ignored;
  if (!fs::exists(report, ignored)) {
    return false;
  }
  try {
    const Json document = read_document(report);
    return JsonObject(document, "").text("outcome") != describe(ErrorKind::usage).name;
  } catch (const Error&) {
    return true;
  }
}

bool still_holds(const EarlierRun& run, const Options& options) {
  const std::vector<ResultPaths> paths = result_paths(options);
  if (run.rehost != REHOST_VERSION || run.outputs.size() != paths.size() ||
      run.sources.size() != options.sources.size()) {
    return false;
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    const SourceFile& output = run.outputs[i];
    const SourceFile& source = run.sources[i];
    std::error_code ignored;
    if (output.path != paths[i].image || !is_as_it_was(output) ||
        (!paths[i].manifest.empty() && !fs::exists(paths[i].manifest, ignored)) ||
        source.path != options.sources[i] || (!options.in_place && !is_as_it_was(source))) {
      return false;
    }
  }
  return true;
}

}  // namespace rehost
