#include "converter/in_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "converter/core/error.h"
#include "images/block_manifest.h"
#include "images/commit.h"
#include "images/copier.h"
#include "images/delta.h"
#include "images/journal.h"
#include "images/marks.h"
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

CommitOptions commit_options(const std::vector<Volume>& volumes, OnProgress on_progress) {
  CommitOptions commit;
  commit.journal = default_journal_path(volumes.front());
  for (size_t i = 1; i < volumes.size(); ++i) {
    commit.marks.push_back(default_journal_path(volumes[i]));
  }
  commit.on_progress = std::move(on_progress);
  return commit;
}

std::string names_of(const std::vector<Volume>& volumes) {
  std::string names;
  for (const Volume& volume : volumes) {
    names += " " + volume.path;
  }
  return names;
}

void require_about(const JournalReader& journal, const fs::path& path,
                   const std::vector<Volume>& volumes, const Mark& mark) {
  if (journal.is_about(volumes)) {
    return;
  }
  throw Error(
      ErrorKind::plan_conflict,
      fmt::format("a conversion in place was interrupted, and {0} says so: finish it with rehost "
                  "commit{1} or undo it with rehost rollback{1} (its journal is {2}; give its "
                  "disks, all of them and in that order, under the names they have now; one that "
                  "was moved alone to another file system is known again when it is moved back, or "
                  "the journal beside it)",
                  mark.place.string(), names_of(journal.volumes()), path.string()));
}

bool is_in(const fs::path& file, const fs::path& directory) {
  std::error_code ignored;
  const fs::path real = fs::canonical(directory.empty() ? "." : directory, ignored);
  return !ignored && fs::canonical(file.parent_path(), ignored) == real;
}

// Whoever finishes may be root, and the journal is that of a received file: it names no place for a
// manifest but one where its sender could have written, or where this run writes.
void require_expected_place(const fs::path& manifest, const fs::path& journal,
                            const std::vector<Volume>& volumes, const fs::path& report) {
  const bool expected =
      is_in(manifest, journal.parent_path()) || is_in(manifest, report.parent_path()) ||
      std::any_of(volumes.begin(), volumes.end(), [&manifest](const Volume& volume) {
        return is_in(manifest, fs::path(volume.path).parent_path());
      });
  if (!expected) {
    throw Error(ErrorKind::environment,
                fmt::format("{} is neither beside the journal nor a disk nor this run's report",
                            manifest.string()));
  }
}

// Of what is written and then of each manifest that is owed, as one.
class RecoveryProgress {
 public:
  RecoveryProgress(EventSink& events, uint64_t of_manifests)
      : events_(events), of_manifests_(of_manifests) {}

  OnProgress of_writing() {
    return [this](uint64_t done, uint64_t total) {
      written_ = total;
      tell(done);
    };
  }

  // The next manifest, of a disk of that size.
  OnProgress of_manifest(uint64_t size) {
    const uint64_t before = written_ + hashed_;
    hashed_ += size;
    return [this, before, size](uint64_t done, uint64_t total) {
      const double part = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
      tell(before + static_cast<uint64_t>(part * static_cast<double>(size)));
    };
  }

 private:
  void tell(uint64_t done) { events_.on(Progress{"recover", done, written_ + of_manifests_}); }

  EventSink& events_;
  const uint64_t of_manifests_;
  uint64_t written_ = 0;
  uint64_t hashed_ = 0;
};

uint64_t bytes_owed_manifests(const JournalReader& journal, const std::vector<Volume>& volumes) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < volumes.size(); ++i) {
    bytes += journal.manifests()[i].empty() ? 0 : volumes[i].size;
  }
  return bytes;
}

// The manifests that the interrupted conversion owed. What cannot be written where it wanted them
// is no reason to keep the disks waiting.
void write_owed_manifests(const JournalReader& journal, const fs::path& journal_path,
                          const std::vector<Volume>& volumes, const fs::path& report_path,
                          RecoveryProgress& progress, EventSink& events,
                          const std::stop_token& stop, std::vector<OutputVolume>& outputs) {
  for (size_t i = 0; i < volumes.size(); ++i) {
    const fs::path& path = journal.manifests()[i];
    if (path.empty()) {
      continue;
    }
    Volume volume = volumes[i];
    volume.format = journal.volumes()[i].format;
    try {
      require_expected_place(path, journal_path, volumes, report_path);
      CopyOptions copy;
      copy.on_progress = progress.of_manifest(volume.size);
      copy.stop = stop;
      const BlockManifest manifest = hash_image(*open_volume(volume), copy);
      write_manifest(path, manifest);
      outputs[i].manifest = path.string();
      outputs[i].manifest_root = to_hex(manifest.root());
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) {
        throw;  // the journal stays: whoever comes next writes them
      }
      events.on(WarningRaised{
          {"manifest-not-written", volume.path,
           fmt::format("{} is complete, and its manifest is missing: {}; make it with rehost "
                       "manifest {} --manifest FILE",
                       volume.path, error.what(), volume.path)}});
    }
  }
}

// One that had its name before the kill is of a result that is no more.
void warn_of_manifests(const std::vector<fs::path>& manifests, const std::vector<Volume>& volumes,
                       EventSink& events) {
  std::error_code ignored;
  for (size_t i = 0; i < manifests.size(); ++i) {
    if (!manifests[i].empty() && fs::exists(manifests[i], ignored)) {
      events.on(WarningRaised{
          {"manifest-of-undone", volumes[i].path,
           fmt::format(
               "{0} is as it was before the conversion, and {1} may be the manifest of what "
               "it was to become: remove it when rehost verify {0} --manifest {1} finds "
               "that they differ",
               volumes[i].path, manifests[i].string())}});
    }
  }
}

}  // namespace

fs::path left_behind_journal(const std::vector<Volume>& volumes) {
  std::optional<Mark> found;
  std::optional<Mark> lost;
  for (const Volume& volume : volumes) {
    const std::optional<Mark> mark = mark_of(volume);
    if (!mark) {
      continue;
    }
    if (!mark->leads_to_journal) {
      lost = mark;
      continue;
    }
    require_about(JournalReader(mark->journal), mark->journal, volumes, *mark);
    if (found && found->journal != mark->journal) {
      throw Error(ErrorKind::plan_conflict,
                  fmt::format("{} and {} lead to two journals: {} and {}; remove the one that is a "
                              "copy of the other",
                              found->place.string(), mark->place.string(), found->journal.string(),
                              mark->journal.string()));
    }
    found = mark;
  }
  if (!found && lost) {
    throw Error(ErrorKind::plan_conflict,
                fmt::format("a conversion in place was interrupted, and {} says so, but {}",
                            lost->place.string(), describe_lost_journal(*lost)));
  }
  return found ? found->journal : fs::path();
}

void recover(const std::vector<Volume>& volumes, const fs::path& journal, Recovery recovery,
             const fs::path& report_path, EventSink& events, const std::stop_token& stop,
             Report& report) {
  const uint64_t of_manifests =
      recovery == Recovery::finish ? bytes_owed_manifests(JournalReader(journal), volumes) : 0;
  RecoveryProgress progress(events, of_manifests);
  CommitOptions commit = commit_options(volumes, progress.of_writing());
  commit.journal = journal;
  commit.disks = volumes;
  report_written(volumes, {}, report.outputs);
  if (recovery == Recovery::undo) {
    const std::vector<fs::path> manifests = JournalReader(journal).manifests();
    report_written(volumes, roll_back_commit(commit), report.outputs);
    warn_of_manifests(manifests, volumes, events);
    return;
  }
  commit.when_written = [&] {
    write_owed_manifests(JournalReader(journal), journal, volumes, report_path, progress, events,
                         stop, report.outputs);
  };
  report_written(volumes, finish_commit(commit), report.outputs);
}

void write_in_place(const std::vector<Overlay>& overlays, const std::vector<fs::path>& manifests,
                    FileGroup& names, EventSink& events, const std::stop_token& stop,
                    std::vector<OutputVolume>& outputs) {
  std::vector<const Overlay*> pointers;
  std::vector<Volume> volumes;
  for (const Overlay& overlay : overlays) {
    pointers.push_back(&overlay);
    volumes.push_back(overlay.volume());
    outputs.push_back(
        {overlay.volume().path, overlay.volume().size, 0, changed_bytes(*overlay.merged())});
  }
  CommitOptions commit = commit_options(volumes, progress_of("image", events));
  commit.stop = stop;
  for (const fs::path& manifest : manifests) {
    commit.manifests.push_back(manifest.empty() ? manifest : fs::absolute(manifest));
  }
  commit.when_written = [&names] { names.publish(); };
  report_written(volumes, commit_in_place(pointers, commit), outputs);
}

void apply_delta_file(const fs::path& delta, const Volume& volume, EventSink& events,
                      const std::stop_token& stop, Report& report) {
  CommitOptions commit = commit_options({volume}, progress_of("image", events));
  commit.stop = stop;
  report_written({volume}, apply_delta(delta, volume, commit), report.outputs);
}

}  // namespace rehost
