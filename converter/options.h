// The command line, as values. `rehost --help` and docs/rehost.1 say the same; a test compares
// them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "converter/core/target.h"
#include "converter/launch_checks.h"

namespace rehost {

enum class Command {
  inspect,
  check,
  plan,
  convert,
  commit,
  rollback,
  drivers,
  manifest,
  verify,
  apply_delta,
  run,
  list,
  help,
  version
};
enum class DriversAction { list, verify, add };

// Of the command run, which takes the rest from a job (converter/job.h).
struct RunOptions {
  std::string job;        // a file or "-"
  std::string job_root;   // empty: its paths may lead anywhere
  bool validate = false;  // look at the document and at nothing else
  std::string jobs;       // a directory of jobs
  int parallel = 0;       // of those; 0: as many as there is memory for
};

struct Options {
  Command command = Command::help;
  std::string help_for;  // a command's name, or empty
  std::string list;      // "fixes", "left-behind", "distros", "errors", "formats"
  DriversAction drivers_action = DriversAction::list;
  std::vector<std::string> modules;         // files for `drivers add`
  std::vector<std::string> driver_bundles;  // directories, in the order given
  std::vector<std::string> sources;         // in the machine's own disk order
  std::string source_format = "auto";
  std::vector<std::string> source_formats = {};  // one for each source; or none: source_format
  bool allow_backing = false;                    // images may name files beneath them
  // What the sources must hold, one for each, empty for those that nobody vouches for; or none.
  std::vector<std::string> source_manifests;
  // An earlier run of the same job in place may have written its result already: a source that is
  // what its result's manifest says is as good as one that is what its own says.
  bool accept_converted = false;
  bool json = false;
  std::string output;                     // a directory
  std::vector<std::string> output_disks;  // or disks to be overwritten, one for each source
  std::string format = "raw";             // of the copies in `output`; "delta" too
  bool write_manifest = true;
  bool verify = false;   // read the result back
  std::string manifest;  // of the commands manifest and verify: a file
  std::string delta;     // of apply-delta: a file
  bool in_place = false;
  bool overwrite = false;
  bool strict = false;  // warnings make the run fail with `verification`
  std::string work_dir;
  std::string appliance;                      // a directory or "stock"
  std::vector<std::string> appliance_places;  // where one may be; no option, run.cc knows
  std::string report;                         // a file; empty: the command's default
  std::string manifest_prefix = "rehost-";    // of manifests beside the report
  std::string events;                         // a file, "fd:N", or "-" for stdout
  std::string log_file;                       // empty: stderr
  std::string log_format = "text";
  std::string log_level = "warning";
  bool quiet = false;
  Target target;
  std::optional<LaunchRequest> launch;  // of a job: what the result is to be launched as
  RunOptions run;
};

// Throws Error(usage) with a sentence that names the option.
Options parse_options(const std::vector<std::string>& arguments);

// For one command, or for all of them when the name is empty. Throws Error(usage) for an unknown
// command.
std::string help_text(const std::string& command);

// Long names of all options, for the test that compares them with the manual.
std::vector<std::string> option_names();

}  // namespace rehost
