// What a run has found and done. It is filled while the run goes on, so that a failed run has a
// report too.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "converter/check.h"
#include "converter/core/edit.h"
#include "converter/core/inspection.h"

namespace rehost {

struct ReportedEdit {
  std::string fix;
  std::string reason;
  std::string summary;
  std::string diff;
};

// What is known of a file without reading it; a device or an NBD server's disk has none.
struct FileStamp {
  uint64_t size = 0;
  int64_t modified = 0;  // nanoseconds since 1970
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
std::optional<FileStamp> stamp_of(const std::string& path);

struct OutputVolume {
  std::string path;
  uint64_t size = 0;           // virtual size
  uint64_t bytes_written = 0;  // what was really written: data of a copy, changed blocks in place
  uint64_t bytes_changed = 0;  // what differs from the source, by the overlay's extents
  std::string manifest = {};   // a file; empty: none was written
  std::string manifest_root = {};  // the hash of its hashes
  std::optional<FileStamp> stamp = {};
};

struct SourceFile {
  std::string path;
  std::optional<FileStamp> stamp;
};

// What of the job goes into its report.
struct ReportedJob {
  std::string id;
  std::string mode;
  std::string digest;
  std::string action;  // "in-place", "image" or "delta"
  std::map<std::string, std::string> labels;
  std::vector<SourceFile> sources;
};

// Of a report whose run has not ended, or was killed.
inline constexpr std::string_view kRunning = "running";

struct Report {
  std::string command;
  std::string outcome = "internal";  // "done", the name of an error kind, or kRunning
  int exit_code = 1;
  bool retryable = false;
  std::string error;  // empty when done
  std::optional<Inspection> inspection;
  std::vector<ReportedEdit> edits;
  std::vector<Warning> warnings;
  std::vector<CheckAnswer> check_before;
  std::vector<CheckAnswer> check_after;
  std::vector<OutputVolume> outputs;
  std::vector<uint64_t> bad_blocks;  // of verify: those that differ from the manifest
  std::string printed;               // of manifest and verify: what belongs on stdout
  std::vector<std::pair<std::string, double>> phases;  // seconds, in order
  std::optional<ReportedJob> job;
  std::string started;  // RFC 3339; empty: unknown
  std::string finished;
  double seconds = 0;
  std::string libguestfs;  // versions; empty: unknown
  std::string qemu;
  std::optional<uint64_t> bytes_read;  // by this process and those that it has waited for
};

// The file formats of reports and --json; every document carries "version": 1.
std::string report_json(const Report& report);
std::string inspection_json(const Report& report);
std::string plan_json(const Report& report);
std::string check_json(const Report& report);
std::string verify_json(const Report& report);

// A report takes its name from whatever has it: nothing but an earlier file may. Throws
// Error(usage) for a device, a directory, a symbolic link.
void require_report_place(const std::string& path);

// Writes under a partial name and renames. Throws Error(environment), and as
// require_report_place().
void write_report(const Report& report, const std::string& path);

}  // namespace rehost
