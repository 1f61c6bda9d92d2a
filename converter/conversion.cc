#include "converter/conversion.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "converter/core/error.h"
#include "converter/diff.h"
#include "converter/fixes.h"
#include "converter/guestfs_guest.h"
#include "converter/inspect.h"
#include "converter/plan.h"
#include "converter/planned_guest.h"
#include "converter/print.h"
#include "images/commit.h"
#include "images/copier.h"
#include "images/formats.h"
#include "images/overlay.h"
#include "images/probe.h"
#include "images/source_lock.h"
#include "images/work_directory.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

// Says when a phase begins and ends, and for how long it went, to the events and the report.
class Phase {
 public:
  Phase(std::string name, EventSink& events, Report& report, const std::stop_token& stop)
      : name_(std::move(name)), events_(events), report_(report), begin_(Clock::now()) {
    if (stop.stop_requested()) {
      throw Error(ErrorKind::cancelled, "stopped by a signal before the phase " + name_);
    }
    events_.on(PhaseStarted{name_});
  }
  ~Phase() {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    report_.phases.emplace_back(name_, seconds);
    events_.on(PhaseFinished{name_, seconds});
  }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  std::string name_;
  EventSink& events_;
  Report& report_;
  Clock::time_point begin_;
};

// Warnings go to whoever listens and, at once, into the report.
class ReportingEvents : public EventSink {
 public:
  ReportingEvents(EventSink& next, Report& report) : next_(next), report_(report) {}
  void on(const Event& event) override {
    if (const auto* raised = std::get_if<WarningRaised>(&event)) {
      report_.warnings.push_back(raised->warning);
    }
    next_.on(event);
  }

 private:
  EventSink& next_;
  Report& report_;
};

// The given disks beneath their overlays, and the appliance that has them open.
struct OpenDisks {
  explicit OpenDisks(const fs::path& work_parent) : work(work_parent) {}
  WorkDirectory work;
  std::vector<Volume> volumes;
  std::vector<SourceLock> locks;
  std::vector<Overlay> overlays;
  std::unique_ptr<GuestfsGuest> guest;
};

fs::path work_parent(const Options& options) {
  if (!options.work_dir.empty()) {
    return options.work_dir;
  }
  const char* tmpdir = std::getenv("TMPDIR");  // NOLINT: read once, before any thread writes it
  return tmpdir != nullptr && *tmpdir != '\0' ? tmpdir : "/var/tmp";
}

std::vector<fs::path> output_paths(const Options& options) {
  std::vector<fs::path> paths;
  std::set<fs::path> seen;
  for (const std::string& source : options.sources) {
    const fs::path path = fs::path(options.output) / (fs::path(source).stem().string() + ".raw");
    if (!seen.insert(path).second) {
      throw Error(ErrorKind::usage,
                  fmt::format("two sources would be written to {}: give them different names",
                              path.string()));
    }
    paths.push_back(path);
  }
  return paths;
}

// By trying: access(2) says yes to root for places where nobody can write.
void require_writable(const std::string& directory) {
  const int fd = open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    return;
  }
  const int error = errno;
  std::string name = directory + "/.rehost-XXXXXX";
  const int probe = error == EOPNOTSUPP || error == EISDIR ? mkstemp(name.data()) : -1;
  if (probe < 0) {
    throw Error(ErrorKind::environment,
                fmt::format("--output {}: cannot write there: {}", directory, errno_text(error)));
  }
  close(probe);
  unlink(name.c_str());
}

// Everything about the output that can be known before the work begins.
void check_output(const Options& options) {
  if (!fs::is_directory(options.output)) {
    throw Error(
        ErrorKind::usage,
        fmt::format("--output {}: there is no such directory: make it first", options.output));
  }
  require_writable(options.output);
  for (const fs::path& path : output_paths(options)) {
    if (!fs::exists(path)) {
      continue;
    }
    for (const std::string& source : options.sources) {
      std::error_code ignored;
      if (fs::equivalent(path, source, ignored)) {
        throw Error(
            ErrorKind::usage,
            fmt::format("{} is a source: --output must name another directory", path.string()));
      }
    }
    if (!options.overwrite) {
      throw Error(ErrorKind::usage,
                  fmt::format("{} exists: remove it, name another directory, or give --overwrite",
                              path.string()));
    }
  }
}

void lock_disks(OpenDisks& disks, const Options& options) {
  ProbeOptions probe;
  probe.format = options.source_format;
  disks.volumes = probe_volumes(options.sources, probe);
  SourceUse use = SourceUse::look;
  if (options.command == Command::convert) {
    use = options.in_place ? SourceUse::convert_in_place : SourceUse::convert;
  } else if (options.command == Command::commit || options.command == Command::rollback) {
    use = SourceUse::convert_in_place;
  }
  for (const Volume& volume : disks.volumes) {
    disks.locks.emplace_back(volume, use);
  }
}

void open_disks(OpenDisks& disks, const Options& options) {
  uint64_t needed = 0;
  for (const Volume& volume : disks.volumes) {
    const std::unique_ptr<ImageSource> source = open_volume(volume);
    check_partitions_inside(*source);
    needed += options.output.empty() ? 0 : data_bytes(*source);
  }
  if (needed > 0) {
    require_free_space(options.output, needed);
  }
  for (const Volume& volume : disks.volumes) {
    disks.overlays.emplace_back(volume, disks.work.path());
  }
}

void launch(OpenDisks& disks, const Options& options, EventSink& events) {
  std::vector<Drive> drives;
  for (const Overlay& overlay : disks.overlays) {
    drives.push_back({overlay.path(), "qcow2"});
  }
  ApplianceOptions appliance;
  appliance.work_directory = disks.work.path();
  appliance.verbose = options.log_level == "debug" || options.log_level == "trace";
  disks.guest = std::make_unique<GuestfsGuest>(drives, appliance, events);
}

ConversionPlan plan_and_report(const GuestView& guest, const Inspection& inspection,
                               const Options& options, EventSink& events, Report& report) {
  ConversionPlan plan = make_plan(guest, inspection, options.target, all_fixes());
  PlannedGuest before(guest);
  for (const Edit& edit : plan.edits) {
    report.edits.push_back({edit.fix, edit.reason, summary(edit), describe_change(before, edit)});
    before.pretend(edit);
  }
  for (const Warning& warning : plan.warnings) {
    events.on(WarningRaised{warning});
  }
  return plan;
}

void require_bootable(const std::vector<CheckAnswer>& answers) {
  std::string why;
  for (const CheckAnswer& answer : answers) {
    if (answer.required && answer.verdict == Verdict::no) {
      why += (why.empty() ? "" : "; ") + answer.question + ": " + answer.detail;
    }
  }
  if (!why.empty()) {
    throw Error(ErrorKind::verification, "this would not boot on Nitro: " + why);
  }
}

// --strict: a warning about the guest stops the run before anything is written. That the worker has
// no KVM is none.
void require_no_warnings(const Options& options, const Report& report) {
  if (!options.strict) {
    return;
  }
  for (const Warning& warning : report.warnings) {
    if (warning.code != kKvmUnavailable) {
      throw Error(ErrorKind::verification,
                  fmt::format("--strict allows no warnings, and there is one: {}: {}",
                              warning.subject, warning.sentence));
    }
  }
}

OnProgress progress_of(const std::string& phase, EventSink& events) {
  return [phase, &events](uint64_t done, uint64_t total) {
    events.on(Progress{phase, done, total});
  };
}

uint64_t changed_bytes(const ImageSource& merged) {
  uint64_t bytes = 0;
  for (const Extent& extent : merged.extents(0, merged.size())) {
    bytes += extent.changed ? extent.length : 0;
  }
  return bytes;
}

// Copies every disk under a partial name first; the final names appear when all of them are
// complete.
void write_copies(const OpenDisks& disks, const Options& options, EventSink& events,
                  const std::stop_token& stop, Report& report) {
  const std::vector<fs::path> paths = output_paths(options);
  for (size_t i = 0; i < disks.overlays.size(); ++i) {
    const std::unique_ptr<ImageSource> merged = disks.overlays[i].merged();
    SinkRequest request;
    request.path = paths[i];
    request.size = merged->size();
    request.existing = options.overwrite ? Existing::replace : Existing::refuse;
    const std::unique_ptr<ImageSink> sink = open_sink("raw", request);
    CopyOptions copy;
    copy.on_progress = progress_of("image", events);
    copy.stop = stop;
    const CopyResult result = copy_image(*merged, *sink, copy);
    report.outputs.push_back(
        {paths[i].string(), merged->size(), result.data_bytes, changed_bytes(*merged)});
  }
}

// A commit that was killed has left its journal. It is about these very volumes, or it is not ours
// to touch.
fs::path left_behind_journal(const std::vector<Volume>& volumes) {
  const fs::path journal = default_journal_path(volumes.front());
  if (!fs::exists(journal)) {
    return {};
  }
  const std::vector<Volume> theirs = volumes_of_journal(journal);
  const bool same = std::equal(volumes.begin(), volumes.end(), theirs.begin(), theirs.end(),
                               [](const Volume& a, const Volume& b) {
                                 std::error_code ignored;
                                 return fs::equivalent(a.path, b.path, ignored);
                               });
  if (!same) {
    throw Error(ErrorKind::plan_conflict,
                fmt::format("{} belongs to a conversion of other disks: give all the disks of that "
                            "machine, in their order",
                            journal.string()));
  }
  return journal;
}

void recover(const std::vector<Volume>& volumes, const fs::path& journal, Command command,
             EventSink& events, const std::stop_token& stop, Report& report) {
  const Phase phase("image", events, report, stop);
  CommitOptions commit;
  commit.journal = journal;
  commit.on_progress = progress_of("image", events);
  const CommitResult result =
      command == Command::rollback ? roll_back_commit(commit) : finish_commit(commit);
  report.outputs.push_back(
      {volumes.front().path, volumes.front().size, result.bytes_written, result.bytes_written});
}

void write_in_place(const OpenDisks& disks, EventSink& events, const std::stop_token& stop,
                    Report& report) {
  std::vector<const Overlay*> overlays;
  for (const Overlay& overlay : disks.overlays) {
    overlays.push_back(&overlay);
    report.outputs.push_back(
        {overlay.volume().path, overlay.volume().size, 0, changed_bytes(*overlay.merged())});
  }
  CommitOptions commit;
  commit.journal = default_journal_path(disks.volumes.front());
  commit.on_progress = progress_of("image", events);
  commit.stop = stop;
  const CommitResult result = commit_in_place(overlays, commit);
  report.outputs.front().bytes_written = result.bytes_written;
}

void convert(OpenDisks& disks, const ConversionPlan& plan, const Options& options,
             EventSink& events, const std::stop_token& stop, Report& report) {
  GuestfsGuest& guest = *disks.guest;
  const Inspection& inspection = *report.inspection;
  {
    const Phase phase("apply", events, report, stop);
    for (const MountedFilesystem& mounted : inspection.mounts) {
      guest.remount_writable(mounted.where);
    }
    apply_plan(guest, plan, stop, [&](const Edit& edit) {
      events.on(EditApplied{edit.fix, summary(edit)});
    });
  }
  {
    const Phase phase("check", events, report, stop);
    report.check_after = check_guest(guest, inspect_again(guest, inspection), options.target);
  }
  require_bootable(report.check_after);
  require_no_warnings(options, report);
  {
    const Phase phase("close", events, report, stop);
    guest.close();
    disks.guest.reset();
  }
  const Phase phase("image", events, report, stop);
  if (options.in_place) {
    write_in_place(disks, events, stop, report);
  } else {
    write_copies(disks, options, events, stop, report);
  }
}

void run_phases(const Options& options, EventSink& events, const std::stop_token& stop,
                Report& report) {
  if (!options.output.empty()) {
    check_output(options);
  }
  OpenDisks disks(work_parent(options));
  lock_disks(disks, options);
  const bool recovery = options.command == Command::commit || options.command == Command::rollback;
  const fs::path journal =
      options.in_place || recovery ? left_behind_journal(disks.volumes) : fs::path();
  if (recovery && journal.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("there is nothing to {}: no conversion of {} was interrupted",
                            command_name(options.command), disks.volumes.front().path));
  }
  if (!journal.empty()) {
    recover(disks.volumes, journal, options.command, events, stop, report);
  }
  if (recovery) {
    return;
  }
  {
    const Phase phase("open", events, report, stop);
    open_disks(disks, options);
  }
  {
    const Phase phase("launch", events, report, stop);
    launch(disks, options, events);
  }
  {
    const Phase phase("inspect", events, report, stop);
    InspectResult result = inspect_guest(*disks.guest, disks.volumes);
    report.inspection = std::move(result.inspection);
    for (const Warning& warning : result.warnings) {
      events.on(WarningRaised{warning});
    }
  }
  if (options.command == Command::inspect) {
    return;
  }
  {
    const Phase phase("check", events, report, stop);
    report.check_before = check_guest(*disks.guest, *report.inspection, options.target);
  }
  if (options.command == Command::check) {
    return;
  }
  ConversionPlan plan;
  {
    const Phase phase("plan", events, report, stop);
    plan = plan_and_report(*disks.guest, *report.inspection, options, events, report);
  }
  if (options.command == Command::convert) {
    convert(disks, plan, options, events, stop, report);
  }
}

}  // namespace

void run_conversion(const Options& options, EventSink& events, const std::stop_token& stop,
                    Report& report) {
  ReportingEvents reporting(events, report);
  try {
    run_phases(options, reporting, stop, report);
  } catch (const Error& error) {
    // A signal takes the appliance away under whatever call is running: that call's error is not
    // the reason.
    if (stop.stop_requested() && error.kind() != ErrorKind::cancelled) {
      throw Error(ErrorKind::cancelled, "stopped by a signal");
    }
    throw;
  }
  if (options.command == Command::check) {
    require_bootable(report.check_before);
  }
  if (options.command != Command::convert) {
    require_no_warnings(options, report);
  }
}

}  // namespace rehost
