#include "converter/reimage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>

#include "converter/core/error.h"
#include "images/commit.h"
#include "images/copier.h"
#include "images/formats.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

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

// Progress of several disks as one row of bytes.
class TotalProgress {
 public:
  TotalProgress(const std::vector<std::unique_ptr<ImageSource>>& sources, EventSink& events)
      : events_(events) {
    for (const std::unique_ptr<ImageSource>& source : sources) {
      total_ += data_bytes(*source);
    }
  }
  OnProgress next_disk(const ImageSource& source) {
    const uint64_t before = before_;
    before_ += data_bytes(source);
    return [this, before](uint64_t done, uint64_t) {
      events_.on(Progress{"image", before + done, total_});
    };
  }

 private:
  EventSink& events_;
  uint64_t total_ = 0;
  uint64_t before_ = 0;
};

void report_written(const std::vector<Volume>& volumes, const CommitResult& result,
                    Report& report) {
  for (size_t i = 0; i < volumes.size(); ++i) {
    if (report.outputs.size() <= i) {
      report.outputs.push_back({volumes[i].path, volumes[i].size, 0, 0});
    }
    report.outputs[i].bytes_written =
        i < result.bytes_by_volume.size() ? result.bytes_by_volume[i] : 0;
  }
}

}  // namespace

void check_output(const Options& options) {
  std::error_code ignored;
  if (!fs::is_directory(options.output, ignored)) {
    throw Error(
        ErrorKind::usage,
        fmt::format("--output {}: there is no such directory: make it first", options.output));
  }
  require_writable(options.output);
  for (const fs::path& path : output_paths(options)) {
    if (!fs::exists(path, ignored)) {
      continue;
    }
    for (const std::string& source : options.sources) {
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

void write_copies(const std::vector<Overlay>& overlays, const Options& options, EventSink& events,
                  const std::stop_token& stop, Report& report) {
  const std::vector<fs::path> paths = output_paths(options);
  std::vector<std::unique_ptr<ImageSource>> sources;
  sources.reserve(overlays.size());
  for (const Overlay& overlay : overlays) {
    sources.push_back(overlay.merged());
  }
  TotalProgress progress(sources, events);
  std::vector<std::unique_ptr<ImageSink>> sinks;
  std::vector<OutputVolume> outputs;
  for (size_t i = 0; i < sources.size(); ++i) {
    SinkRequest request;
    request.path = paths[i];
    request.size = sources[i]->size();
    request.existing = options.overwrite ? Existing::replace : Existing::refuse;
    sinks.push_back(open_sink("raw", request));
    CopyOptions copy;
    copy.finish = FinishSink::by_caller;
    copy.on_progress = progress.next_disk(*sources[i]);
    copy.stop = stop;
    const CopyResult result = copy_image(*sources[i], *sinks.back(), copy);
    outputs.push_back(
        {paths[i].string(), sources[i]->size(), result.data_bytes, changed_bytes(*sources[i])});
  }
  for (const std::unique_ptr<ImageSink>& sink : sinks) {
    sink->finish();
  }
  report.outputs = std::move(outputs);
}

fs::path left_behind_journal(const std::vector<Volume>& volumes) {
  for (const Volume& volume : volumes) {
    fs::path journal = default_journal_path(volume);
    std::error_code ignored;
    if (!fs::exists(journal, ignored)) {
      continue;
    }
    const std::vector<Volume> theirs = volumes_of_journal(journal);
    const auto same_disk = [](const Volume& a, const Volume& b) {
      std::error_code error;
      return fs::equivalent(a.path, b.path, error);
    };
    if (!std::equal(volumes.begin(), volumes.end(), theirs.begin(), theirs.end(), same_disk)) {
      throw Error(
          ErrorKind::plan_conflict,
          fmt::format(
              "a conversion in place of {} and others was interrupted: give rehost commit all "
              "the disks of that machine, in their order (its journal is {})",
              volume.path, journal.string()));
    }
    return journal;
  }
  return {};
}

void recover(const std::vector<Volume>& volumes, const fs::path& journal, Recovery recovery,
             EventSink& events, Report& report) {
  CommitOptions commit;
  commit.journal = journal;
  commit.on_progress = progress_of("image", events);
  const CommitResult result =
      recovery == Recovery::undo ? roll_back_commit(commit) : finish_commit(commit);
  report_written(volumes, result, report);
}

void write_in_place(const std::vector<Overlay>& overlays, EventSink& events,
                    const std::stop_token& stop, Report& report) {
  std::vector<const Overlay*> pointers;
  std::vector<Volume> volumes;
  for (const Overlay& overlay : overlays) {
    pointers.push_back(&overlay);
    volumes.push_back(overlay.volume());
    report.outputs.push_back(
        {overlay.volume().path, overlay.volume().size, 0, changed_bytes(*overlay.merged())});
  }
  CommitOptions commit;
  commit.journal = default_journal_path(volumes.front());
  commit.on_progress = progress_of("image", events);
  commit.stop = stop;
  report_written(volumes, commit_in_place(pointers, commit), report);
}

}  // namespace rehost
