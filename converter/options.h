// The command line, as values. `rehost --help` and docs/rehost.1 say the same; a test compares
// them.
#pragma once

#include <string>
#include <vector>

#include "converter/core/target.h"

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
  list,
  help,
  version
};
enum class DriversAction { list, verify, add };

struct Options {
  Command command = Command::help;
  std::string help_for;  // a command's name, or empty
  std::string list;      // "fixes", "left-behind", "distros", "errors", "formats"
  DriversAction drivers_action = DriversAction::list;
  std::vector<std::string> modules;         // files for `drivers add`
  std::vector<std::string> driver_bundles;  // directories, in the order given
  std::vector<std::string> sources;         // in the machine's own disk order
  std::string source_format = "auto";
  bool allow_backing = false;                 // images may name files beneath them
  std::vector<std::string> source_manifests;  // what the sources must hold, one for each; or none
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
  std::string events;                         // a file or "fd:N"
  std::string log_level = "warning";
  bool quiet = false;
  Target target;
};

// Throws Error(usage) with a sentence that names the option.
Options parse_options(const std::vector<std::string>& arguments);

// For one command, or for all of them when the name is empty. Throws Error(usage) for an unknown
// command.
std::string help_text(const std::string& command);

// Long names of all options, for the test that compares them with the manual.
std::vector<std::string> option_names();

}  // namespace rehost
