#include "converter/job_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "converter/core/error.h"
#include "converter/job.h"
#include "converter/job_run.h"
#include "converter/json_reader.h"
#include "converter/patient_write.h"
#include "converter/printable.h"
#include "converter/signals.h"
#include "converter/worker_needs.h"
#include "images/child_process.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// What jobs leave beside themselves (converter/job_results.h).
constexpr std::string_view kLeftByJobs[] = {".report.json", ".register-image.json",
                                            ".run-instances.json"};

constexpr const char* kEvents = ".events.jsonl";
constexpr const char* kLog = ".log";

struct Ended {
  std::string outcome;
  int exit_code = 0;
};

fs::path beside(const fs::path& job, const std::string& ending) {
  return job.parent_path() / (job.stem().string() + ending);
}

std::vector<std::string> words_for(const fs::path& job, const Options& options) {
  std::vector<std::string> words = {fs::read_symlink("/proc/self/exe").string(),
                                    "run",
                                    "--quiet",
                                    "--job",
                                    job.string(),
                                    "--events",
                                    beside(job, kEvents).string(),
                                    "--log-file",
                                    beside(job, kLog).string(),
                                    "--log-level",
                                    options.log_level,
                                    "--log-format",
                                    options.log_format};
  for (const auto& [name, value] :
       {std::pair{"--work-dir", options.work_dir}, std::pair{"--appliance", options.appliance},
        std::pair{"--job-root", options.run.job_root}}) {
    if (!value.empty()) {
      words.insert(words.end(), {name, value});
    }
  }
  return words;
}

// They are opened for writing, and must not be written through to another place.
void refuse_links(const fs::path& job) {
  for (const char* ending : {kEvents, kLog}) {
    const fs::path path = beside(job, ending);
    std::error_code ignored;
    if (fs::is_symlink(fs::symlink_status(path, ignored))) {
      throw Error(
          ErrorKind::usage,
          fmt::format("{} is a symbolic link, and a job of a directory writes there: remove "
                      "it",
                      path.string()));
    }
  }
}

// By its exit status. One that was killed has none: the next worker takes its job up.
Ended outcome_of(int status) {
  if (status == 0) {
    return {"done", 0};
  }
  for (const ErrorKindRow& row : error_kinds()) {
    if (row.exit_code == status) {
      return {std::string(row.name), status};
    }
  }
  const ErrorKindRow& environment = describe(ErrorKind::environment);
  return {std::string(environment.name), environment.exit_code};
}

// Of a job that may be no JSON at all.
std::string id_of(const fs::path& job) {
  try {
    const Json document = parse_strict_json(read_job_file(job.string()));
    return JsonObject(document, "").text("id");
  } catch (const Error&) {
    return {};
  }
}

class Batch {
 public:
  Batch(std::vector<fs::path> jobs, const Options& options)
      : jobs_(std::move(jobs)),
        options_(options),
        ended_(jobs_.size()),
        running_(jobs_.size()),
        began_(jobs_.size()) {}

  int run(int at_a_time) {
    constexpr auto kLookAgain = std::chrono::milliseconds(100);
    const std::stop_token stop = signals_.token();
    bool told = false;
    size_t next = 0;
    int under_way = 0;
    while (next < jobs_.size() || under_way > 0) {
      if (stop.stop_requested()) {
        told = told || tell_all();
        for (; next < jobs_.size(); ++next) {
          end(next,
              {std::string(describe(ErrorKind::cancelled).name),
               describe(ErrorKind::cancelled).exit_code},
              "stopped by a signal before it began");
        }
      }
      for (; next < jobs_.size() && under_way < at_a_time; ++next) {
        under_way += start(next) ? 1 : 0;
      }
      under_way -= collect();
      std::this_thread::sleep_for(kLookAgain);
    }
    return exit_code(stop.stop_requested());
  }

 private:
  // One bad job never disturbs another: not even one that cannot be started.
  bool start(size_t i) {
    began_[i] = Clock::now();
    try {
      refuse_links(jobs_[i]);
      running_[i] = std::make_unique<ChildProcess>(words_for(jobs_[i], options_));
      return true;
    } catch (const Error& error) {
      const ErrorKindRow& row = describe(error.kind());
      end(i, {std::string(row.name), row.exit_code}, error.what());
      return false;
    }
  }

  bool tell_all() {
    for (const std::unique_ptr<ChildProcess>& child : running_) {
      if (child && child->running()) {
        kill(child->pid(), SIGTERM);
      }
    }
    return true;
  }

  int collect() {
    int count = 0;
    for (size_t i = 0; i < running_.size(); ++i) {
      if (running_[i] && !running_[i]->running()) {
        const int status = running_[i]->wait();
        std::string said = running_[i]->standard_error();
        if (status > 128) {
          said += fmt::format("killed by signal {}", status - 128);
        }
        running_[i].reset();
        end(i, outcome_of(status), said);
        ++count;
      }
    }
    return count;
  }

  void end(size_t i, Ended ended, std::string said) {
    while (!said.empty() && said.back() == '\n') {
      said.pop_back();
    }
    const std::string id = id_of(jobs_[i]);
    const bool began = began_[i] != Clock::time_point();
    const double seconds =
        began ? std::chrono::duration<double>(Clock::now() - began_[i]).count() : 0;
    const Json row{{"version", 1},
                   {"file", jobs_[i].string()},
                   {"job", id.empty() ? Json() : Json(id)},
                   {"outcome", ended.outcome},
                   {"exit_code", ended.exit_code},
                   {"error", ended.exit_code == 0 ? Json() : Json(said)},
                   {"report", beside(jobs_[i], ".report.json").string()},
                   {"seconds", seconds}};
    std::fputs((row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n").c_str(), stdout);
    std::fflush(stdout);
    if (!options_.quiet) {
      write_to_stderr(
          printable(fmt::format("rehost: {}: {} after {:.0f} s{}{}\n", jobs_[i].filename().string(),
                                ended.outcome, seconds, said.empty() ? "" : ": ", said)));
    }
    ended_[i] = std::move(ended);
  }

  int exit_code(bool stopped) const {
    const auto failed = std::find_if(ended_.begin(), ended_.end(),
                                     [](const Ended& one) { return one.exit_code != 0; });
    if (failed == ended_.end()) {
      return 0;
    }
    return stopped ? describe(ErrorKind::cancelled).exit_code : failed->exit_code;
  }

  const std::vector<fs::path> jobs_;
  const Options& options_;
  SignalWatch signals_;
  std::vector<Ended> ended_;
  std::vector<std::unique_ptr<ChildProcess>> running_;
  std::vector<Clock::time_point> began_;
};

}  // namespace

std::vector<fs::path> jobs_in(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> jobs;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool ours = std::any_of(std::begin(kLeftByJobs), std::end(kLeftByJobs),
                                  [&](std::string_view ending) { return name.ends_with(ending); });
    // A link is a job's, too: one that leads to no file is a job that fails, and not left out.
    std::error_code gone;
    const fs::file_status status = entry->symlink_status(gone);
    const bool file = fs::is_regular_file(status) || fs::is_symlink(status);
    if (file && name.ends_with(".json") && name.front() != '.' && !ours) {
      jobs.push_back(entry->path());
    }
  }
  if (error) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot read the jobs of {}: {}", directory.string(), error.message()));
  }
  if (jobs.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("there are no jobs in {}: it has no file *.json", directory.string()));
  }
  std::sort(jobs.begin(), jobs.end());
  return jobs;
}

int jobs_at_a_time(int asked, size_t jobs, unsigned processors, uint64_t available) {
  require_memory(kConversionMemory, available);
  const uint64_t fit = std::max<uint64_t>(1, available / kLargestConversion);
  const uint64_t wanted =
      std::min<uint64_t>(asked > 0 ? static_cast<uint64_t>(asked) : std::max(processors, 1U), jobs);
  if (asked > 0 && wanted > fit) {
    throw Error(
        ErrorKind::environment,
        fmt::format("{} conversions at a time may need {} of memory, and this worker has {} "
                    "available: there is room for {}",
                    wanted, human_bytes(wanted * kLargestConversion), human_bytes(available), fit));
  }
  return static_cast<int>(std::min(wanted, fit));
}

int run_jobs(const Options& options) {
  std::vector<fs::path> jobs = jobs_in(options.run.jobs);
  const int at_a_time = jobs_at_a_time(options.run.parallel, jobs.size(),
                                       std::thread::hardware_concurrency(), available_memory());
  return Batch(std::move(jobs), options).run(at_a_time);
}

}  // namespace rehost
