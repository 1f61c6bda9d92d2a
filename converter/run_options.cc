#include "converter/run_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "converter/core/error.h"

namespace rehost {
namespace {

namespace po = boost::program_options;

// What of the other options goes with run: the rest is in the job.
constexpr std::string_view kWithRun[] = {
    "job",      "job-root",  "validate", "jobs",      "parallel", "report",     "events",
    "work-dir", "appliance", "quiet",    "log-level", "log-file", "log-format", "word"};

void check_run(const RunOptions& run, const Options& options, const po::variables_map& values) {
  if (run.job.empty() == run.jobs.empty()) {
    throw Error(ErrorKind::usage, "run needs one of --job FILE|- and --jobs DIR");
  }
  if (!run.jobs.empty() && (run.validate || !options.report.empty() || !options.events.empty() ||
                            !options.log_file.empty())) {
    throw Error(ErrorKind::usage,
                "--validate, --report, --events and --log-file belong to --job: every job of "
                "--jobs has files of its own beside it");
  }
  if (values.contains("parallel") && (run.jobs.empty() || run.parallel < 1)) {
    throw Error(ErrorKind::usage, "--parallel is a number from 1 on, and belongs to --jobs");
  }
}

}  // namespace

po::options_description run_options() {
  po::options_description run("Options of run");
  // clang-format off
  run.add_options()
      ("job", po::value<std::string>()->value_name("FILE|-"), "the job to do; - reads it from stdin")
      ("job-root", po::value<std::string>()->value_name("DIR"), "no path of a job may leave DIR, symbolic links resolved")
      ("validate", "say whether the job is a valid document, and do nothing")
      ("jobs", po::value<std::string>()->value_name("DIR"), "do every job DIR/*.json, each in a process of its own")
      ("parallel", po::value<int>()->value_name("N"),
       "how many of them at a time; without it, as many as there is memory for, and processors");
  // clang-format on
  return run;
}

po::options_description with_run(const po::options_description& common) {
  po::options_description some("Options");
  for (const auto& option : common.options()) {
    if (std::find(std::begin(kWithRun), std::end(kWithRun), option->long_name()) !=
        std::end(kWithRun)) {
      some.add(option);
    }
  }
  return some;
}

void take_run(Options& options, const po::variables_map& values,
              const std::vector<std::string>& words) {
  if (!words.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("run takes its disks from a job, not from the command line: '{}'",
                            words.front()));
  }
  for (const auto& [name, value] : values) {
    if (!value.defaulted() &&
        std::find(std::begin(kWithRun), std::end(kWithRun), name) == std::end(kWithRun)) {
      throw Error(ErrorKind::usage,
                  fmt::format("--{} does not go with run: the job says it", name));
    }
  }
  RunOptions& run = options.run;
  run.job = text_of(values, "job");
  run.job_root = text_of(values, "job-root");
  run.validate = values.contains("validate");
  run.jobs = text_of(values, "jobs");
  run.parallel = values.contains("parallel") ? values["parallel"].as<int>() : 0;
  options.report = text_of(values, "report");
  options.events = text_of(values, "events");
  options.work_dir = text_of(values, "work-dir");
  options.appliance = text_of(values, "appliance");
  options.quiet = values.contains("quiet");
  check_run(run, options, values);
}

void refuse_run_options(const po::variables_map& values) {
  const po::options_description run = run_options();
  for (const auto& option : run.options()) {
    if (values.contains(option->long_name())) {
      throw Error(ErrorKind::usage, fmt::format("--{} belongs to run", option->long_name()));
    }
  }
}

std::string text_of(const po::variables_map& values, const char* name) {
  return values.contains(name) ? values[name].as<std::string>() : std::string();
}

std::vector<std::string> texts_of(const po::variables_map& values, const char* name) {
  return values.contains(name) ? values[name].as<std::vector<std::string>>()
                               : std::vector<std::string>();
}

}  // namespace rehost
