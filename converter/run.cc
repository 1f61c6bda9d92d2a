#include "converter/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "converter/appliance.h"
#include "converter/conversion.h"
#include "converter/core/error.h"
#include "converter/drivers_command.h"
#include "converter/image_commands.h"
#include "converter/job_batch.h"
#include "converter/job_run.h"
#include "converter/json_events.h"
#include "converter/logging.h"
#include "converter/options.h"
#include "converter/patient_write.h"
#include "converter/print.h"
#include "converter/printable.h"
#include "converter/report.h"
#include "converter/result_paths.h"
#include "converter/session.h"
#include "converter/signals.h"
#include "images/same_disk.h"

namespace rehost {
namespace {

void leave_report(Report& report, const Options& options, EventSink& events) {
  const std::string path = report_path(options).string();
  std::error_code ignored;
  const bool refused = report.exit_code == describe(ErrorKind::usage).exit_code;
  if (path.empty() ||
      (options.report.empty() && refused && std::filesystem::exists(path, ignored))) {
    return;  // a command line that was refused must not replace the report of a run that was not
  }
  try {
    write_report(report, path);
  } catch (const Error& error) {
    if (report.exit_code == 0) {
      conclude(report, error.kind(), error.what());
    } else {
      events.on(WarningRaised{{"report-not-written", path, error.what()}});
    }
  }
}

std::string last_sentence(const Report& report, const Options& options) {
  switch (options.command) {
    case Command::check:
      return "this would boot on Nitro";
    case Command::convert:
      return fmt::format("converted, {} changes, {} warnings", report.edits.size(),
                         report.warnings.size());
    case Command::commit:
      return "the interrupted conversion is complete";
    case Command::rollback:
      return "the interrupted conversion is undone";
    case Command::verify:
      return fmt::format("{} is what {} says", options.sources[0], options.manifest);
    default:
      return "done";
  }
}

void print_result(const Report& report, const Options& options) {
  std::string text = report.printed;
  if (options.command == Command::inspect && report.inspection) {
    text = options.json ? inspection_json(report) : inspection_text(*report.inspection);
  } else if (options.command == Command::check && !report.check_before.empty()) {
    text = options.json ? check_json(report) : check_text(report.check_before);
  } else if (options.command == Command::plan && report.exit_code == 0) {
    text = options.json ? plan_json(report) : plan_text(report);
  }
  // A pipe gets the bytes as they are: the diff of a file is that file's.
  std::fputs(isatty(STDOUT_FILENO) == 1 ? printable(text).c_str() : text.c_str(), stdout);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw Error(ErrorKind::environment, "cannot write the result to stdout: " + errno_text(errno));
  }
}

// One written over the other: the job would be emptied by its events, the log lost to the report.
bool is_same_file(const std::string& one, const std::string& other) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (one == "-" || other == "-" || (fs::exists(one, error) && !fs::is_regular_file(one, error))) {
    return false;  // pipes and terminals take from many
  }
  const fs::path first = fs::weakly_canonical(fs::absolute(one, error), error);
  const fs::path second = fs::weakly_canonical(fs::absolute(other, error), error);
  return (!error && first == second) || fs::equivalent(one, other, error);
}

// Before any of them is opened for writing. A job from stdin tells its report's name later.
void refuse_bad_outputs(const Options& options) {
  const bool runs = options.command == Command::run;
  std::string report;
  if (options.run.jobs.empty()) {
    report = runs ? job_report_path(options, "").string() : report_path(options).string();
  }
  require_report_place(report);
  const std::pair<const char*, const std::string&> files[] = {{"the job", options.run.job},
                                                              {"the report", report},
                                                              {"the events", options.events},
                                                              {"the log", options.log_file}};
  for (const auto& [name, file] : files) {
    for (const auto& [other_name, other] : files) {
      if (&file != &other && !file.empty() && !other.empty() && is_same_file(file, other)) {
        throw Error(ErrorKind::usage, fmt::format("{} cannot be both {} and {}: name another file "
                                                  "for one of them",
                                                  file, name, other_name));
      }
    }
  }
}

// A typo must not cost a replica: these files are opened for writing before any source is looked
// at.
void refuse_sources_as_outputs(const Options& options) {
  for (const std::string& source : options.sources) {
    for (const std::string& output :
         {options.report, options.events, options.log_file,
          options.command == Command::manifest ? options.manifest : std::string()}) {
      if (!output.empty() && same_disk(source, output)) {
        throw Error(ErrorKind::usage,
                    fmt::format("{} is a source: it cannot be written to", output));
      }
    }
  }
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT: read once, before there are threads
  return value == nullptr ? "" : value;
}

// LIBGUESTFS_PATH has chosen one: nothing is looked for.
void look_for_appliances(Options& options) {
  if (options.appliance.empty()) {
    options.appliance = from_environment("REHOST_APPLIANCE");
  }
  if (options.appliance.empty() && from_environment("LIBGUESTFS_PATH").empty()) {
    std::error_code unknown;
    options.appliance_places =
        appliance_places(std::filesystem::read_symlink("/proc/self/exe", unknown),
                         from_environment("XDG_CACHE_HOME"), from_environment("HOME"));
  }
}

int run_on_disks(const Options& options) {
  refuse_sources_as_outputs(options);
  Report report;
  report.command = command_name(options.command);
  Stopwatch stopwatch(report);
  SignalWatch signals;
  Listeners listeners(options);
  conclude(report, [&] {
    if (is_image_command(options.command)) {
      run_image_command(options, listeners, signals.token(), report);
    } else {
      run_conversion(options, listeners, signals.token(), report);
    }
  });
  stopwatch.stop();
  leave_report(report, options, listeners);
  try {
    print_result(report, options);
  } catch (const Error& error) {
    conclude(report, error.kind(), error.what());
  }
  complain(report, options);
  listeners.on(finished(report, last_sentence(report, options)));
  return report.exit_code;
}

}  // namespace

int run_rehost(const std::vector<std::string>& arguments) {
  try {
    Options options = parse_options(arguments);
    require_descriptor_for_events(options.events);
    look_for_appliances(options);
    refuse_bad_outputs(options);
    set_up_logging(options);
    switch (options.command) {
      case Command::help:
        std::fputs(help_text(options.help_for).c_str(), stdout);
        return 0;
      case Command::version:
        std::fputs("rehost " REHOST_VERSION "\n", stdout);
        return 0;
      case Command::list:
        std::fputs(table_text(options.list).c_str(), stdout);
        return 0;
      case Command::drivers:
        return run_drivers(options);
      case Command::run:
        return options.run.jobs.empty() ? run_job(options) : run_jobs(options);
      default:
        return run_on_disks(options);
    }
  } catch (const Error& error) {
    const ErrorKindRow& row = describe(error.kind());
    write_to_stderr(printable(fmt::format("rehost: {}: {}\n", row.name, error.what())));
    return row.exit_code;
  } catch (const std::exception& error) {
    write_to_stderr(
        printable(fmt::format("rehost: internal: {} (this is a bug in rehost)\n", error.what())));
    return describe(ErrorKind::internal).exit_code;
  }
}

}  // namespace rehost
