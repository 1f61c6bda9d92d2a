#include "converter/in_place.h"

#include <fmt/format.h>

#include <algorithm>

#include "converter/core/error.h"
#include "images/commit.h"
#include "images/delta.h"
#include "images/probe.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

OnProgress progress_of(const std::string& phase, EventSink& events) {
  return [phase, &events](uint64_t done, uint64_t total) {
    events.on(Progress{phase, done, total});
  };
}

void report_written(const std::vector<Volume>& volumes, const CommitResult& result,
                    std::vector<OutputVolume>& outputs) {
  for (size_t i = 0; i < volumes.size(); ++i) {
    if (outputs.size() <= i) {
      outputs.push_back({volumes[i].path, volumes[i].size, 0, 0});
    }
    outputs[i].bytes_written = i < result.bytes_by_volume.size() ? result.bytes_by_volume[i] : 0;
  }
}

CommitOptions commit_options(const std::vector<Volume>& volumes, EventSink& events) {
  CommitOptions commit;
  commit.journal = default_journal_path(volumes.front());
  for (size_t i = 1; i < volumes.size(); ++i) {
    commit.marks.push_back(default_journal_path(volumes[i]));
  }
  commit.on_progress = progress_of("image", events);
  return commit;
}

std::string names_of(const std::vector<Volume>& volumes) {
  std::string names;
  for (const Volume& volume : volumes) {
    names += " " + volume.path;
  }
  return names;
}

}  // namespace

fs::path left_behind_journal(const std::vector<Volume>& volumes) {
  for (const Volume& volume : volumes) {
    fs::path journal = default_journal_path(volume);
    std::error_code ignored;
    if (!fs::exists(journal, ignored)) {
      continue;
    }
    journal = fs::canonical(journal);  // a mark leads to it
    const std::vector<Volume> theirs = volumes_of_journal(journal);
    const auto same_disk = [](const Volume& a, const Volume& b) {
      std::error_code error;
      return fs::equivalent(a.path, b.path, error);
    };
    if (!std::equal(volumes.begin(), volumes.end(), theirs.begin(), theirs.end(), same_disk)) {
      throw Error(
          ErrorKind::plan_conflict,
          fmt::format(
              "a conversion in place was interrupted, and {0} is one of its disks: finish it with "
              "rehost commit{1} or undo it with rehost rollback{1} (its journal is {2})",
              volume.path, names_of(theirs), journal.string()));
    }
    return journal;
  }
  return {};
}

void recover(const std::vector<Volume>& volumes, const fs::path& journal, Recovery recovery,
             EventSink& events, Report& report) {
  CommitOptions commit = commit_options(volumes, events);
  commit.journal = journal;
  const CommitResult result =
      recovery == Recovery::undo ? roll_back_commit(commit) : finish_commit(commit);
  report_written(volumes, result, report.outputs);
}

void write_in_place(const std::vector<Overlay>& overlays, EventSink& events,
                    const std::stop_token& stop, std::vector<OutputVolume>& outputs) {
  std::vector<const Overlay*> pointers;
  std::vector<Volume> volumes;
  for (const Overlay& overlay : overlays) {
    pointers.push_back(&overlay);
    volumes.push_back(overlay.volume());
    outputs.push_back(
        {overlay.volume().path, overlay.volume().size, 0, changed_bytes(*overlay.merged())});
  }
  CommitOptions commit = commit_options(volumes, events);
  commit.stop = stop;
  report_written(volumes, commit_in_place(pointers, commit), outputs);
}

void apply_delta_file(const fs::path& delta, const Volume& volume, EventSink& events,
                      const std::stop_token& stop, Report& report) {
  CommitOptions commit = commit_options({volume}, events);
  commit.stop = stop;
  report_written({volume}, apply_delta(delta, volume, commit), report.outputs);
}

}  // namespace rehost
