#include "images/commit.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include "converter/core/error.h"
#include "images/journal.h"

namespace rehost {
namespace {

// Fine enough that a qcow2 cluster in which one sector changed is not written as a whole.
constexpr uint64_t kCompareUnit = 4096;
// A write that is killed in the middle leaves whole sectors of the one and of the other kind.
constexpr uint64_t kSector = 512;

bool same_bytes(std::span<const std::byte> one, std::span<const std::byte> other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end());
}

// Writes the runs in which `wanted` differs from the volume to the journal.
void journal_differences(const CommitInput& input, size_t number, VolumeWriter& volume,
                         JournalWriter& journal, const std::stop_token& stop) {
  std::vector<std::byte> after(kBlockSize);
  std::vector<std::byte> before(kBlockSize);
  const uint64_t size = input.wanted->size();
  for (uint64_t window = 0; window < size; window += kGibibyte) {
    for (const Extent& extent : input.wanted->extents(window, std::min(kGibibyte, size - window))) {
      const uint64_t end = extent.offset + extent.length;
      for (uint64_t offset = extent.offset; extent.changed && offset < end; offset += kBlockSize) {
        if (stop.stop_requested()) {
          throw Error(ErrorKind::cancelled, "stopped before anything was written to the volumes");
        }
        const auto bytes = static_cast<size_t>(std::min(kBlockSize, end - offset));
        const auto now = std::span(before).first(bytes);
        const auto then = std::span(after).first(bytes);
        volume.read(offset, now);
        input.wanted->read(offset, then);
        size_t at = 0;
        while (at < bytes) {
          // A run of units that differ.
          size_t run = at;
          while (run < bytes) {
            const size_t unit = std::min<size_t>(kCompareUnit, bytes - run);
            if (same_bytes(now.subspan(run, unit), then.subspan(run, unit))) {
              break;
            }
            run += unit;
          }
          if (run > at) {
            journal.add(number, offset + at, now.subspan(at, run - at), then.subspan(at, run - at));
            volume.reserve(offset + at, run - at);
          }
          at = run + std::min<size_t>(kCompareUnit, bytes - run);
        }
      }
    }
  }
}

void require_known_bytes(const Volume& volume, const JournalEntry& entry,
                         std::span<const std::byte> now, std::span<const std::byte> before,
                         std::span<const std::byte> after) {
  for (size_t at = 0; at < now.size(); at += kSector) {
    const size_t unit = std::min<size_t>(kSector, now.size() - at);
    if (!same_bytes(now.subspan(at, unit), before.subspan(at, unit)) &&
        !same_bytes(now.subspan(at, unit), after.subspan(at, unit))) {
      throw Error(ErrorKind::plan_conflict,
                  fmt::format("{} was changed by somebody else: the sector at byte {} is neither "
                              "as it was before the conversion nor as it shall be; nothing more "
                              "was written",
                              volume.path, entry.offset + at));
    }
  }
}

enum class Direction { forward, back };

bool is_link(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored));
}

// The volumes of a journal, open for writing.
class Replay {
 public:
  explicit Replay(const CommitOptions& options)
      : options_(options), journal_(options.journal), disks_(journal_.volumes()) {
    if (!options.disks.empty()) {
      if (!journal_.is_about(options.disks)) {
        throw Error(ErrorKind::plan_conflict, fmt::format("the journal {} is not about these disks",
                                                          options.journal.native()));
      }
      for (size_t i = 0; i < disks_.size(); ++i) {
        disks_[i].path = options.disks[i].path;
      }
    }
    volumes_.reserve(disks_.size());
    for (const Volume& volume : disks_) {
      volumes_.push_back(options.open_writer(volume));
      if (volumes_.back()->size() != volume.size) {
        throw Error(
            ErrorKind::plan_conflict,
            fmt::format("{} is not the volume of this journal: it has {} bytes instead of {}",
                        volume.path, volumes_.back()->size(), volume.size));
      }
    }
  }

  // Every volume is looked at before any is written.
  void look(Direction direction) {
    std::vector<std::byte> now(kBlockSize);
    for (size_t i = 0; i < journal_.entries().size(); ++i) {
      const JournalEntry& entry = journal_.entries()[i];
      const std::vector<std::byte> before = journal_.before(entry);
      const std::vector<std::byte> after = journal_.after(entry);
      const auto bytes = std::span(now).first(entry.length);
      volumes_[entry.volume]->read_back(entry.offset, bytes);
      require_known_bytes(disks_[entry.volume], entry, bytes, before, after);
      if (!same_bytes(bytes, direction == Direction::forward ? after : before)) {
        to_write_.push_back(i);
        total_ += entry.length;
      }
    }
  }

  void put_marks() const { rehost::put_marks(options_.journal, options_.marks, disks_); }

  // The given ones, and those that lie where the volumes were or should be: these are known by
  // where they lead.
  void remove_marks() const {
    std::vector<std::filesystem::path> links = options_.marks;
    for (size_t i = 1; i < disks_.size(); ++i) {
      // A device's, under the name that it had, which may be another's now, or nobody's.
      const std::filesystem::path name =
          std::filesystem::path(journal_.volumes()[i].path).filename();
      const std::filesystem::path under_name =
          options_.journal.parent_path() / (name.native() + ".rehost-journal");
      if (leads_to_journal(under_name)) {
        links.push_back(under_name);
      }
      for (const std::filesystem::path& path :
           {std::filesystem::path(journal_.volumes()[i].path), journal_.beside_journal(i)}) {
        if (path.empty()) {
          continue;
        }
        const std::filesystem::path link = default_journal_path({"", path, "", 0});
        if (leads_to_journal(link)) {
          links.push_back(link);
        }
      }
    }
    rehost::remove_marks(links, disks_);
  }

  CommitResult write(Direction direction) {
    CommitResult result;
    result.bytes_by_volume.resize(volumes_.size());
    for (const size_t i : to_write_) {
      const JournalEntry& entry = journal_.entries()[i];
      volumes_[entry.volume]->write(entry.offset, direction == Direction::forward
                                                      ? journal_.after(entry)
                                                      : journal_.before(entry));
      ++result.blocks_written;
      result.bytes_written += entry.length;
      result.bytes_by_volume[entry.volume] += entry.length;
      if (options_.on_progress) {
        options_.on_progress(result.bytes_written, total_);
      }
    }
    for (const auto& volume : volumes_) {
      volume->sync();
    }
    volumes_.clear();  // an image of qemu's is closed in good order while there is a journal
    return result;
  }

 private:
  bool leads_to_journal(const std::filesystem::path& link) const {
    std::error_code ignored;
    return is_link(link) && std::filesystem::equivalent(link, options_.journal, ignored);
  }

  const CommitOptions& options_;
  JournalReader journal_;
  std::vector<Volume> disks_;  // the journal's, where they are now
  std::vector<std::unique_ptr<VolumeWriter>> volumes_;
  std::vector<size_t> to_write_;
  uint64_t total_ = 0;
};

// Everything is written and synced: the marks go, and then the journal.
void conclude(const CommitOptions& options, const Replay& replay, Direction direction) {
  try {
    if (direction == Direction::forward && options.when_written) {
      options.when_written();
    }
    replay.remove_marks();
    if (::unlink(options.journal.c_str()) != 0) {
      const int error_number = errno;
      throw_io_error("remove the journal", options.journal.native(), error_number);
    }
  } catch (const Error& error) {
    throw Error(error.kind(),
                fmt::format("{}; the disks themselves are {}: when that is mended, run rehost {} "
                            "to be done with the journal {}",
                            error.what(),
                            direction == Direction::forward ? "complete" : "as they were before",
                            direction == Direction::forward ? "commit" : "rollback",
                            options.journal.native()));
  }
  sync_directory(options.journal.parent_path());
}

[[noreturn]] void throw_half_written(const CommitOptions& options, const Error& error) {
  throw Error(error.kind(),
              fmt::format("{}; the volumes are half written: when that is mended, finish with "
                          "rehost commit or undo with rehost rollback (the journal is {})",
                          error.what(), options.journal.native()));
}

// Of a commit that has written nothing, and failed.
[[noreturn]] void discard_journal(const CommitOptions& options, const Error& error) {
  try {
    remove_marks(options.marks, options.disks);
    if (::unlink(options.journal.c_str()) != 0) {
      const int error_number = errno;
      throw_io_error("remove the journal", options.journal.native(), error_number);
    }
  } catch (const Error& second) {
    throw Error(error.kind(),
                fmt::format("{}; nothing was written, but {}: when that is mended, run rehost "
                            "rollback to be done with the journal {}",
                            error.what(), second.what(), options.journal.native()));
  }
  try {
    sync_directory(options.journal.parent_path());  // or it would be back after a power cut
  } catch (const Error&) {
    throw Error(error);  // what failed first is the reason
  }
  throw Error(error);
}

CommitResult replay_journal(const CommitOptions& options, Direction direction) {
  Replay replay(options);
  replay.look(direction);
  replay.put_marks();
  CommitResult result;
  try {
    result = replay.write(direction);
  } catch (const Error& error) {
    throw_half_written(options, error);
  }
  conclude(options, replay, direction);
  return result;
}

// A disk that refuses a write in the middle need not leave a half written machine behind.
[[noreturn]] void undo(const CommitOptions& options, const Error& error) {
  try {
    CommitOptions silent = options;
    silent.on_progress = {};
    replay_journal(silent, Direction::back);
  } catch (const Error&) {
    throw_half_written(options, error);
  }
  throw Error(error.kind(),
              fmt::format("{}; what was written before that has been undone", error.what()));
}

// The journal has just been made by this process.
CommitResult write_or_undo(const CommitOptions& options) {
  std::optional<Replay> replay;
  try {
    replay.emplace(options);
    replay->look(Direction::forward);
    replay->put_marks();
  } catch (const Error& error) {
    replay.reset();
    discard_journal(options, error);
  }
  CommitResult result;
  try {
    result = replay->write(Direction::forward);
  } catch (const Error& error) {
    replay.reset();
    undo(options, error);
  }
  conclude(options, *replay, Direction::forward);
  return result;
}

void require_no_mark(const std::optional<Mark>& mark) {
  if (!mark) {
    return;
  }
  throw Error(ErrorKind::plan_conflict,
              mark->leads_to_journal
                  ? fmt::format("an earlier conversion of this disk was cut off while it was "
                                "written: finish it with rehost commit or undo it with rehost "
                                "rollback (its journal is {})",
                                mark->journal.native())
                  : fmt::format("{} says that an earlier conversion of this disk was cut off while "
                                "it was written, and {}",
                                mark->place.native(), describe_lost_journal(*mark)));
}

void require_no_marks(const std::vector<CommitInput>& inputs, const CommitOptions& options) {
  require_no_mark(mark_at(options.journal));
  for (const std::filesystem::path& place : options.marks) {
    require_no_mark(mark_at(place));
  }
  for (const CommitInput& input : inputs) {
    require_no_mark(mark_of(input.volume));
  }
}

void make_directory_of(const std::filesystem::path& path) {
  const std::filesystem::path directory = path.parent_path();
  std::error_code ignored;  // a directory that cannot be made is named by what comes next
  if (std::filesystem::create_directories(directory, ignored)) {
    sync_directory(directory.parent_path());
  }
}

}  // namespace

CommitResult commit_in_place(const std::vector<const Overlay*>& overlays,
                             const CommitOptions& options) {
  std::vector<std::unique_ptr<ImageSource>> merged;
  std::vector<CommitInput> inputs;
  merged.reserve(overlays.size());
  inputs.reserve(overlays.size());
  for (const Overlay* overlay : overlays) {
    merged.push_back(overlay->merged());
    inputs.push_back({overlay->volume(), merged.back().get()});
  }
  return commit_inputs(inputs, options);
}

CommitResult commit_inputs(const std::vector<CommitInput>& inputs, const CommitOptions& options) {
  require_no_marks(inputs, options);
  CommitOptions ours = options;
  ours.disks.clear();
  std::vector<Volume> volumes;
  volumes.reserve(inputs.size());
  for (const CommitInput& input : inputs) {
    ours.disks.push_back(input.volume);
    volumes.push_back(input.volume);
    volumes.back().path = lasting_path(input.volume.path).native();
  }
  make_directory_of(options.journal);
  JournalWriter journal(options.journal, volumes, options.manifests);
  std::vector<std::unique_ptr<TakenRoom>> room;  // until all is written
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::unique_ptr<VolumeWriter> volume = options.open_writer(inputs[i].volume);
    journal_differences(inputs[i], i, *volume, journal, options.stop);
    room.push_back(volume->keep_room());
  }
  if (journal.entries() == 0) {
    if (options.when_written) {
      options.when_written();
    }
    return {};
  }
  journal.finish();
  return write_or_undo(ours);
}

CommitResult finish_commit(const CommitOptions& options) {
  return replay_journal(options, Direction::forward);
}

CommitResult roll_back_commit(const CommitOptions& options) {
  return replay_journal(options, Direction::back);
}

}  // namespace rehost
