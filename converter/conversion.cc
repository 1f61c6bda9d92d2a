#include "converter/conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "converter/bundle_directory.h"
#include "converter/copies.h"
#include "converter/core/error.h"
#include "converter/diff.h"
#include "converter/fixes.h"
#include "converter/guestfs_guest.h"
#include "converter/in_place.h"
#include "converter/inspect.h"
#include "converter/integrity.h"
#include "converter/launch_tries.h"
#include "converter/plan.h"
#include "converter/planned_guest.h"
#include "converter/print.h"
#include "converter/result_paths.h"
#include "converter/worker_needs.h"
#include "images/overlay.h"
#include "images/posix_file.h"
#include "images/probe.h"
#include "images/source_lock.h"
#include "images/volume_writer.h"
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
  Results results;
  std::unique_ptr<GuestfsGuest> guest;
};

fs::path work_parent(const Options& options) {
  if (!options.work_dir.empty()) {
    return options.work_dir;
  }
  const char* tmpdir = std::getenv("TMPDIR");  // NOLINT: read once, before any thread writes it
  return tmpdir != nullptr && *tmpdir != '\0' ? tmpdir : "/var/tmp";
}

void lock_disks(OpenDisks& disks, const Options& options) {
  ProbeOptions probe;
  probe.format = options.source_format;
  probe.allow_backing = options.allow_backing;
  disks.volumes = probe_volumes(options.sources, probe, options.source_formats);
  SourceUse use = SourceUse::look;
  if (options.command == Command::convert) {
    use = options.in_place ? SourceUse::convert_in_place : SourceUse::convert;
  } else if (options.command == Command::commit || options.command == Command::rollback) {
    use = SourceUse::convert_in_place;
  }
  for (const Volume& volume : disks.volumes) {
    disks.locks.emplace_back(volume, use);
    if (options.command == Command::convert && options.in_place) {
      require_writable(volume);
    }
  }
}

void open_disks(OpenDisks& disks, const Options& options) {
  uint64_t needed = 0;
  for (const Volume& volume : disks.volumes) {
    const std::unique_ptr<ImageSource> source = open_volume(volume);
    check_partitions_inside(*source);
    // A delta is of the size of what changes.
    const bool whole = !options.output.empty() && options.format != "delta";
    needed += whole ? data_bytes(*source) : 0;
  }
  // The overlays: a conversion changes some megabytes, an initramfs of every kernel at most. A full
  // disk here would stop the appliance, not end it.
  constexpr uint64_t kOverlayRoom = 512u << 20;
  require_free_space(disks.work.path(), kOverlayRoom);
  if (needed > 0) {
    require_free_space(options.output, needed);
  }
  for (const Volume& volume : disks.volumes) {
    disks.overlays.emplace_back(volume, disks.work.path());
  }
  if (options.command == Command::convert) {
    disks.results = open_results(disks.volumes, options);
  }
}

void launch(OpenDisks& disks, const Options& options, EventSink& events,
            const std::stop_token& stop) {
  require_memory(kConversionMemory, available_memory());
  std::vector<Drive> drives;
  for (const Overlay& overlay : disks.overlays) {
    drives.push_back({overlay.path(), "qcow2"});
  }
  ApplianceOptions appliance;
  appliance.work_directory = disks.work.path();
  appliance.search = {options.appliance, options.appliance_places};
  appliance.verbose = options.log_level == "debug" || options.log_level == "trace";
  disks.guest = std::make_unique<GuestfsGuest>(drives, appliance, events, stop);
}

// The target with the modules that the operator's bundles have for this guest's kernels.
Target with_bundles(const Options& options, const Inspection& inspection) {
  std::vector<std::string> releases;
  for (const KernelImage& kernel : inspection.kernels) {
    releases.push_back(kernel.release);
  }
  Target target = options.target;
  target.bundled_modules = load_bundled_modules(options.driver_bundles, releases);
  return target;
}

ConversionPlan plan_and_report(const GuestView& guest, const Inspection& inspection,
                               const Target& target, EventSink& events, Report& report) {
  ConversionPlan plan = make_plan(guest, inspection, target, all_fixes());
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

bool is_about_the_worker(std::string_view code) {
  return code == kKvmUnavailable || code == kApplianceMismatch || code == kApplianceBroken;
}

// --strict: a warning about the guest stops the run before anything is written. That the worker has
// no KVM is none.
void require_no_warnings(const Options& options, const Report& report) {
  if (!options.strict) {
    return;
  }
  for (const Warning& warning : report.warnings) {
    if (!is_about_the_worker(warning.code)) {
      throw Error(ErrorKind::verification,
                  fmt::format("--strict allows no warnings, and there is one: {}: {}",
                              warning.subject, warning.sentence));
    }
  }
}

// Changes need room in the guest's own file systems. Asked before anything is written, where the
// answer is still cheap.
void require_guest_space(GuestfsGuest& guest, const Inspection& inspection,
                         const ConversionPlan& plan) {
  constexpr uint64_t kMargin = 1u << 20;
  std::map<GuestPath, uint64_t> needed;
  for (const Edit& edit : plan.edits) {
    const std::optional<GuestPath> path = edited_path(edit);
    GuestPath where("/");
    for (const MountedFilesystem& mounted : inspection.mounts) {
      where = path && path->is_within(mounted.where) ? mounted.where : where;
    }
    if (const auto* addition = std::get_if<AddToInitramfs>(&edit.action)) {
      for (const ArchiveEntry& entry : addition->entries) {
        needed[where] += entry.content.size();
      }
    } else if (const auto* file = std::get_if<WriteFile>(&edit.action)) {
      needed[where] += file->content.size();
    }
  }
  for (const auto& [where, bytes] : needed) {
    const uint64_t available = guest.free_bytes(where);
    if (available < bytes + kMargin) {
      throw Error(
          ErrorKind::unsupported_guest,
          fmt::format(
              "{} has {} free and the changes need up to {}: make room on the source machine",
              where.str(), human_bytes(available), human_bytes(bytes + kMargin)));
    }
  }
}

// "Cannot tell" is an answer, and a warning: the operator has to know what nobody has looked at.
void warn_of_doubts(const std::vector<CheckAnswer>& answers, EventSink& events) {
  for (const CheckAnswer& answer : answers) {
    if (answer.required && answer.verdict == Verdict::cannot_tell) {
      events.on(WarningRaised{{"cannot-tell-" + answer.question, answer.question, answer.detail}});
    }
  }
}

void apply(OpenDisks& disks, const ConversionPlan& plan, EventSink& events,
           const std::stop_token& stop, const Inspection& inspection) {
  if (plan.edits.empty()) {
    return;  // mounted for writing, a file system changes by itself
  }
  require_guest_space(*disks.guest, inspection, plan);
  for (const MountedFilesystem& mounted : inspection.mounts) {
    disks.guest->remount_writable(mounted.where);
  }
  apply_plan(*disks.guest, plan, stop, [&](const Edit& edit) {
    events.on(EditApplied{edit.fix, summary(edit)});
  });
}

void require_unchanged(const std::vector<Overlay>& overlays) {
  for (const Overlay& overlay : overlays) {
    overlay.require_unchanged();
  }
}

std::vector<fs::path> manifest_paths(const Options& options) {
  std::vector<fs::path> paths;
  for (const ResultPaths& result : result_paths(options)) {
    paths.push_back(result.manifest);
  }
  return paths;
}

// Images and manifests, which get their names together at the end. Not so in place: there is
// nothing more to wait for.
std::vector<BlockManifest> write_images(const std::vector<Overlay>& overlays,
                                        std::vector<BlockManifest> manifests, Results& results,
                                        const Options& options, EventSink& events,
                                        const std::stop_token& stop,
                                        std::vector<OutputVolume>& outputs) {
  require_unchanged(overlays);
  if (options.format == "delta") {
    write_deltas(overlays, options, results, events, stop, outputs);
  } else if (!options.in_place) {
    manifests = write_copies(overlays, options, results, events, stop, outputs);
    require_unchanged(overlays);
  }
  if (options.write_manifest) {
    write_manifests(manifests, options, *results.names);
  }
  if (options.in_place) {
    write_in_place(overlays, manifest_paths(options), *results.names, events, stop, outputs);
  }
  return manifests;
}

void write_results(OpenDisks& disks, const Options& options, EventSink& events,
                   const std::stop_token& stop, Report& report) {
  std::vector<BlockManifest> manifests;
  if (options.write_manifest && (options.in_place || options.format == "delta")) {
    const Phase phase("manifest", events, report, stop);
    manifests = hash_results(disks.overlays, events, stop);
  }
  std::vector<OutputVolume> outputs;
  {
    const Phase phase("image", events, report, stop);
    manifests = write_images(disks.overlays, std::move(manifests), disks.results, options, events,
                             stop, outputs);
  }
  disks.results.copies.clear();  // a disk that was written over is locked no more, to be read back
  if (options.output.empty()) {
    report.outputs = outputs;  // these disks are what they are, whatever comes
  }
  if (options.verify) {
    const Phase phase("verify", events, report, {});
    verify_results(disks.overlays, manifests, options, events, stop);
  }
  disks.results.names->publish();
  if (options.write_manifest) {
    mention_manifests(manifests, options, outputs);
  }
  report.outputs = std::move(outputs);
}

void convert(OpenDisks& disks, const ConversionPlan& plan, const Options& options,
             EventSink& events, const std::stop_token& stop, Report& report) {
  {
    const Phase phase("apply", events, report, stop);
    apply(disks, plan, events, stop, *report.inspection);
  }
  {
    const Phase phase("check", events, report, stop);
    const Inspection now = inspect_again(*disks.guest, *report.inspection);
    report.check_after = check_guest(*disks.guest, now, options.target);
    warn_of_doubts(report.check_after, events);
    if (options.launch) {
      require_launchable(*options.launch, {*disks.guest, now, report.check_after}, events);
    }
  }
  require_bootable(report.check_after);
  require_no_warnings(options, report);
  {
    const Phase phase("close", events, report, stop);
    disks.guest->close();
    disks.guest.reset();
  }
  write_results(disks, options, events, stop, report);
}

// A commit that was killed has left disks that are neither old nor new. commit and rollback are for
// them, convert
// --in-place finishes them first, and nothing else may look at them. True: that was all there was
// to do.
bool deal_with_interrupted(const OpenDisks& disks, const Options& options, EventSink& events,
                           const std::stop_token& stop, Report& report) {
  const bool recovery = options.command == Command::commit || options.command == Command::rollback;
  const fs::path journal = left_behind_journal(disks.volumes);
  if (journal.empty()) {
    if (recovery) {
      throw Error(ErrorKind::usage,
                  fmt::format("there is nothing to {}: no conversion of {} was interrupted",
                              command_name(options.command), disks.volumes.front().path));
    }
    return false;
  }
  if (!recovery && !options.in_place) {
    throw Error(ErrorKind::plan_conflict,
                fmt::format("a conversion in place of {} was interrupted: finish it with rehost "
                            "commit or undo it with rehost rollback (its journal is {})",
                            disks.volumes.front().path, journal.string()));
  }
  const Phase phase("recover", events, report, stop);
  recover(disks.volumes, journal,
          options.command == Command::rollback ? Recovery::undo : Recovery::finish,
          report_path(options), events, stop, report);
  if (!recovery) {
    report.outputs.clear();
  }
  return recovery;
}

bool has_recovered(const Report& report) {
  return std::any_of(report.phases.begin(), report.phases.end(),
                     [](const auto& phase) { return phase.first == "recover"; });
}

void look_at_disks(OpenDisks& disks, const Options& options, EventSink& events,
                   const std::stop_token& stop, Report& report) {
  {
    const Phase phase("launch", events, report, stop);
    launch(disks, options, events, stop);
    if (options.command == Command::convert) {
      const ApplianceVersions versions = appliance_versions();
      report.libguestfs = versions.libguestfs;
      report.qemu = versions.qemu;
    }
  }
  {
    const Phase phase("inspect", events, report, stop);
    InspectResult result = inspect_guest(*disks.guest, disks.volumes);
    report.inspection = std::move(result.inspection);
    for (const Warning& warning : result.warnings) {
      events.on(WarningRaised{warning});
    }
  }
}

void run_phases(const Options& options, EventSink& events, const std::stop_token& stop,
                Report& report, const WhenLocked& when_locked) {
  if (options.command == Command::convert) {
    check_results(options);
  }
  for (const std::string& bundle : options.driver_bundles) {
    read_bundle_manifest(bundle);  // what is wrong with it need not wait for the appliance
  }
  OpenDisks disks(work_parent(options));
  lock_disks(disks, options);
  const bool has_targets = !options.output_disks.empty();  // they are locked as they are opened
  if (!has_targets) {
    when_locked();
  }
  if (deal_with_interrupted(disks, options, events, stop, report)) {
    return;
  }
  if (!options.source_manifests.empty()) {
    const Phase phase("verify-source", events, report, stop);
    Options expected = options;
    // Those that have just been finished are what the conversion makes of what their manifests say.
    expected.accept_converted = options.accept_converted || has_recovered(report);
    verify_sources(disks.volumes, expected, events, stop);
  }
  {
    const Phase phase("open", events, report, stop);
    open_disks(disks, options);
  }
  if (has_targets) {
    when_locked();
  }
  look_at_disks(disks, options, events, stop, report);
  if (options.command == Command::inspect) {
    return;
  }
  {
    const Phase phase("check", events, report, stop);
    report.check_before = check_guest(*disks.guest, *report.inspection, options.target);
  }
  if (options.command == Command::check) {
    warn_of_doubts(report.check_before, events);
    return;
  }
  ConversionPlan plan;
  {
    const Phase phase("plan", events, report, stop);
    plan = plan_and_report(*disks.guest, *report.inspection,
                           with_bundles(options, *report.inspection), events, report);
  }
  if (options.launch) {
    require_launchable(*options.launch,
                       {*disks.guest, *report.inspection, report.check_before, &plan}, events);
  }
  if (options.command == Command::convert) {
    convert(disks, plan, options, events, stop, report);
  }
}

// The last phase writes the result: an error there is that phase's own, whatever signal came in the
// meantime.
bool was_writing(const Report& report) {
  return !report.phases.empty() &&
         (report.phases.back().first == "image" || report.phases.back().first == "recover");
}

}  // namespace

void run_conversion(const Options& options, EventSink& events, const std::stop_token& stop,
                    Report& report, const WhenLocked& when_locked) {
  ReportingEvents reporting(events, report);
  try {
    run_phases(options, reporting, stop, report, when_locked);
  } catch (const Error& error) {
    // A signal takes the appliance away under whatever call is running: that call's error is not
    // the reason.
    if (stop.stop_requested() && error.kind() != ErrorKind::cancelled && !was_writing(report)) {
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
