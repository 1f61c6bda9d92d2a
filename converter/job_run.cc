#include "converter/job_run.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "converter/conversion.h"
#include "converter/core/error.h"
#include "converter/earlier_run.h"
#include "converter/job.h"
#include "converter/job_lock.h"
#include "converter/job_results.h"
#include "converter/result_paths.h"
#include "converter/session.h"
#include "converter/signals.h"
#include "converter/time_limits.h"
#include "converter/worker_needs.h"
#include "images/image_sink.h"
#include "images/same_disk.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

// The document as far as it could be read, and why no further.
struct LoadedJob {
  std::optional<Job> job;
  std::string complaint;  // empty: it is in order
  bool was_read = false;
};

LoadedJob load_job(const Options& options) {
  LoadedJob loaded;
  const std::string& name = options.run.job;
  try {
    const std::string text = read_job_file(name);
    loaded.was_read = true;
    loaded.job = parse_job(text);
    const fs::path directory = name == "-" ? fs::current_path() : fs::absolute(name).parent_path();
    resolve_paths(*loaded.job, directory, options.run.job_root);
  } catch (const Error& error) {
    loaded.complaint = fmt::format("job {}: {}", name == "-" ? "from stdin" : name, error.what());
  }
  return loaded;
}

// A typo must not cost a replica: these files are opened for writing before any volume is looked
// at.
void refuse_volumes_as_outputs(const Job& job, const Options& options) {
  for (const std::string& source : job.conversion.sources) {
    for (const std::string& output :
         {options.report, options.events, options.log_file, options.run.job}) {
      if (!output.empty() && same_disk(source, output)) {
        throw Error(ErrorKind::usage,
                    fmt::format("{} is a volume of the job: it cannot be a report, "
                                "events, a log or the job itself",
                                output));
      }
    }
  }
}

std::string action_of(const Options& conversion) {
  if (conversion.in_place) {
    return "in-place";
  }
  return conversion.format == "delta" ? "delta" : "image";
}

ReportedJob reported(const Job& job) {
  ReportedJob row{job.id, job.mode, job.digest, action_of(job.conversion), job.labels, {}};
  for (const std::string& source : job.conversion.sources) {
    row.sources.push_back({source, stamp_of(source)});
  }
  return row;
}

// One job under way.
class Worker {
 public:
  Worker(const Options& given, LoadedJob loaded)
      : given_(given), loaded_(std::move(loaded)), listeners_(given) {
    report_.command = "run";
    if (loaded_.was_read || !given.report.empty()) {  // a mistyped name leaves nothing beside it
      report_path_ = job_report_path(given, loaded_.job ? loaded_.job->id : "");
    }
  }

  int run() {
    introduce();
    conclude(report_, [this] { work(); });
    leave_results();
    lock_.reset();
    complain(report_, given_);
    listeners_.on(finished(report_, last_sentence()));
    return report_.exit_code;
  }

 private:
  // The job's own conversion, with what the command line says about this worker.
  Options conversion() const {
    Options options = loaded_.job->conversion;
    options.report = report_path_.string();
    const std::string prefix = beside_report(report_path_, "").filename().string();
    options.manifest_prefix = prefix.empty() ? "rehost-" : prefix;
    options.work_dir = given_.work_dir;
    options.appliance = given_.appliance;
    options.appliance_places = given_.appliance_places;
    options.log_level = given_.log_level;
    options.quiet = given_.quiet;
    return options;
  }

  void introduce() {
    if (!loaded_.job) {
      listeners_.set_subject({});
      return;
    }
    listeners_.set_subject({loaded_.job->id, loaded_.job->labels});
    report_.job = reported(*loaded_.job);
    spdlog::info("job {} ({}) begins, its report is {}", loaded_.job->id, loaded_.job->mode,
                 report_path_.string());
    listeners_.on(Started{loaded_.job->mode});
  }

  void work() {
    lock();
    if (!loaded_.complaint.empty()) {
      throw Error(ErrorKind::usage, loaded_.complaint);
    }
    Options options = conversion();
    if (take_over(options)) {
      return;
    }
    check_results(options);
    require_memory(kConversionMemory, available_memory());
    if (!stands_) {
      leave_mark();
    }
    convert(options);
  }

  void lock() {
    try {
      if (!report_path_.empty()) {
        lock_.emplace(report_path_);
      }
    } catch (const Error&) {
      if (loaded_.complaint.empty()) {
        throw;
      }  // a bad job stays one, wherever its report goes, and no retry mends it
    }
  }

  // What an earlier run of this very job has left decides how this one begins. True: it is done.
  bool take_over(Options& options) {
    const std::optional<EarlierRun> earlier = read_earlier_run(report_path_);
    if (!earlier || earlier->digest != loaded_.job->digest) {
      return false;
    }
    stands_ = earlier->outcome == "done";
    options.accept_converted = options.in_place;
    if (options.output.empty() && !options.in_place) {
      return false;  // disks are written over again
    }
    if (earlier->outcome == "done" && !options.overwrite && still_holds(*earlier, options)) {
      answered_ = true;
      return true;
    }
    if (earlier->outcome == kRunning && !options.in_place) {
      // Nobody has its lock: that worker is dead, and the names that it may have given are ours.
      options.overwrite = true;
      for (const ResultPaths& paths : result_paths(options)) {
        for (const fs::path& path : {paths.image, paths.manifest}) {
          if (!path.empty() && fs::exists(path.native() + ".partial")) {
            const PartialFile left_behind(path, Existing::replace);  // it goes with this object
          }
        }
      }
    }
    return false;
  }

  // From now on a run that is killed can be told from one that never began; and a report that
  // cannot be written is found out before the work. Where this very job was done before, that is
  // what its disks are until they are locked.
  void leave_mark() {
    if (marked_) {
      return;
    }
    const std::string outcome = std::exchange(report_.outcome, std::string(kRunning));
    write_report(report_, report_path_.string());
    report_.outcome = outcome;
    marked_ = true;
  }

  void convert(const Options& options) {
    TimeLimits limits(listeners_, loaded_.job->timeouts, [this] { signals_.stop(); });
    try {
      run_conversion(options, limits, signals_.token(), report_, [this] { leave_mark(); });
    } catch (const Error& error) {
      const std::string expired = limits.expired();
      if (error.kind() == ErrorKind::cancelled && !expired.empty() && !signals_.signalled()) {
        throw Error(ErrorKind::environment,
                    expired + ": allow more, or give the worker more processors");
      }
      throw;
    }
    for (OutputVolume& output : report_.outputs) {
      output.stamp = stamp_of(output.path);
    }
  }

  // Another worker's report is not ours to write, nor is one that has answered or still says what
  // this job's disks are; and a job that was refused must not replace the report of a run that was
  // not.
  bool may_write_report() const {
    const bool refused = !marked_ && report_.exit_code == describe(ErrorKind::usage).exit_code;
    return lock_ && !answered_ && (marked_ || !stands_) &&
           !(refused && given_.report.empty() && is_worth_keeping(report_path_));
  }

  void leave_results() {
    stopwatch_.stop();
    if (!may_write_report()) {
      return;
    }
    write_or_warn([this] {
      if (loaded_.job) {
        write_job_results(*loaded_.job, report_, report_path_);
      } else {
        write_job_documents({}, report_, report_path_);
      }
    });
    write_or_warn([this] { write_report(report_, report_path_.string()); });
  }

  template <typename Write>
  void write_or_warn(Write write) {
    try {
      write();
    } catch (const Error& error) {
      if (report_.exit_code == 0) {
        conclude(report_, error.kind(), error.what());
      } else {
        const WarningRaised raised{{"report-not-written", report_path_.string(), error.what()}};
        report_.warnings.push_back(raised.warning);
        listeners_.on(raised);
      }
    }
  }

  std::string last_sentence() const {
    if (answered_) {
      return fmt::format("this job was done before, and its results are as {} says",
                         report_path_.string());
    }
    return fmt::format("converted, {} changes, {} warnings", report_.edits.size(),
                       report_.warnings.size());
  }

  const Options& given_;
  LoadedJob loaded_;
  SignalWatch signals_;
  Listeners listeners_;
  Report report_;
  Stopwatch stopwatch_{report_};
  fs::path report_path_;
  std::optional<JobLock> lock_;
  bool stands_ = false;  // an earlier report that this job is done
  bool answered_ = false;
  bool marked_ = false;
};

}  // namespace

fs::path job_report_path(const Options& options, const std::string& id) {
  if (!options.report.empty()) {
    return options.report;
  }
  const fs::path job = options.run.job;
  if (job != "-") {
    return job.parent_path() / (job.stem().string() + ".report.json");
  }
  return id.empty() ? fs::path() : fs::path(id + ".report.json");
}

int run_job(const Options& options) {
  LoadedJob loaded = load_job(options);
  if (options.run.validate) {
    if (!loaded.complaint.empty()) {
      throw Error(ErrorKind::usage, loaded.complaint);
    }
    if (!options.quiet) {
      std::fputs("rehost: the job is valid\n", stderr);
    }
    return 0;
  }
  if (loaded.job) {
    refuse_volumes_as_outputs(*loaded.job, options);
  }
  return Worker(options, std::move(loaded)).run();
}

}  // namespace rehost
