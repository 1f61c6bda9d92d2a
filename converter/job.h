// A job: what an orchestrator wants done to one machine, as a JSON document. docs/job.md describes
// it, docs/schemas/job.schema.json is its schema, and a test compares that with this parser.
//
// The document is strict, and hostile until proven otherwise: every complaint is an Error(usage)
// that names its place.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/json_reader.h"
#include "converter/options.h"

namespace rehost {

struct JobTimeouts {
  std::optional<std::chrono::seconds> total;
  std::map<std::string, std::chrono::seconds, std::less<>> phases;  // each time it runs
};

struct Job {
  std::string id;
  std::string mode;    // "test" or "cutover"
  std::string digest;  // SHA-256 of the document, whatever its spaces and the order of its fields
  std::vector<std::string> volume_places;  // "volumes[0].path", for sentences about them
  size_t boot_volume = 0;
  JobTimeouts timeouts;
  std::map<std::string, std::string> labels;
  Options conversion;  // what `rehost convert` would have been told
};

// Of the document's text. Paths are as they are written there.
Job parse_job(std::string_view text);

// Makes every path of the job absolute: relative ones begin at `base`. With a `root` none may leave
// it, symbolic links resolved, and neither may what an image names: no allow_backing, no NBD.
void resolve_paths(Job& job, const std::filesystem::path& base, const std::filesystem::path& root);

// A file, or "-" for stdin; no more than kMostJsonBytes of it.
std::string read_job_file(const std::string& name);

}  // namespace rehost
