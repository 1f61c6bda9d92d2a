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

// The volumes of a journal, open for writing.
class Replay {
 public:
  explicit Replay(const CommitOptions& options) : options_(options), journal_(options.journal) {
    volumes_.reserve(journal_.volumes().size());
    for (const Volume& volume : journal_.volumes()) {
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
      require_known_bytes(journal_.volumes()[entry.volume], entry, bytes, before, after);
      if (!same_bytes(bytes, direction == Direction::forward ? after : before)) {
        to_write_.push_back(i);
        total_ += entry.length;
      }
    }
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
    return result;
  }

 private:
  const CommitOptions& options_;
  JournalReader journal_;
  std::vector<std::unique_ptr<VolumeWriter>> volumes_;
  std::vector<size_t> to_write_;
  uint64_t total_ = 0;
};

// Its absence says that the volumes are whole: it goes last, but for the marks that lead to it.
void remove_journal(const CommitOptions& options) {
  if (::unlink(options.journal.c_str()) != 0) {
    const int error_number = errno;
    throw_io_error("remove the journal", options.journal.native(), error_number);
  }
  sync_directory(options.journal.parent_path());
  for (const std::filesystem::path& mark : options.marks) {
    ::unlink(mark.c_str());
  }
}

[[noreturn]] void throw_half_written(const CommitOptions& options, const Error& error) {
  throw Error(error.kind(),
              fmt::format("{}; the volumes are half written: when that is mended, finish with "
                          "rehost commit or undo with rehost rollback (the journal is {})",
                          error.what(), options.journal.native()));
}

// Of a commit that has written nothing.
void discard_journal(const CommitOptions& options) noexcept {
  ::unlink(options.journal.c_str());
  for (const std::filesystem::path& mark : options.marks) {
    ::unlink(mark.c_str());
  }
}

CommitResult replay_journal(const CommitOptions& options, Direction direction) {
  CommitResult result;
  {
    Replay replay(options);
    replay.look(direction);
    try {
      result = replay.write(direction);
    } catch (const Error& error) {
      throw_half_written(options, error);
    }
  }
  remove_journal(options);
  return result;
}

// A disk that refuses a write in the middle need not leave a half written machine behind.
void undo(const CommitOptions& options, const Error& error) {
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
  } catch (const Error&) {
    discard_journal(options);
    throw;
  }
  CommitResult result;
  try {
    result = replay->write(Direction::forward);
  } catch (const Error& error) {
    replay.reset();
    undo(options, error);
  }
  replay.reset();
  remove_journal(options);
  return result;
}

bool is_link(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored));
}

void require_no_journal(const std::filesystem::path& journal) {
  std::error_code ignored;
  if (std::filesystem::exists(journal, ignored)) {
    throw Error(
        ErrorKind::plan_conflict,
        fmt::format(
            "an earlier conversion of this disk was cut off while it was written: "
            "finish it with rehost commit or undo it with rehost rollback (its journal is {})",
            journal.native()));
  }
  if (is_link(journal)) {
    std::filesystem::remove(journal, ignored);  // a mark whose journal is gone
  }
}

void make_directory_of(const std::filesystem::path& path) {
  const std::filesystem::path directory = path.parent_path();
  std::error_code ignored;  // a directory that cannot be made is named by what comes next
  if (std::filesystem::create_directories(directory, ignored)) {
    sync_directory(directory.parent_path());
  }
}

void make_marks(const CommitOptions& options) {
  for (const std::filesystem::path& mark : options.marks) {
    make_directory_of(mark);
    if (::symlink(options.journal.c_str(), mark.c_str()) != 0) {
      const int error_number = errno;
      throw_io_error("make the mark", mark.native(), error_number);
    }
    sync_directory(mark.parent_path());
  }
}

}  // namespace

std::filesystem::path lasting_path(const std::filesystem::path& disk,
                                   const std::filesystem::path& links) {
  std::error_code ignored;
  const std::filesystem::path real = std::filesystem::canonical(disk, ignored);
  if (ignored) {
    return std::filesystem::absolute(disk);
  }
  std::filesystem::path first;
  for (const auto& link : std::filesystem::directory_iterator(links, ignored)) {
    std::error_code dangling;
    if (std::filesystem::canonical(link.path(), dangling) == real &&
        (first.empty() || link.path() < first)) {
      first = link.path();
    }
  }
  return first.empty() ? real : first;
}

std::filesystem::path default_journal_path(const Volume& volume) {
  const std::filesystem::path path = lasting_path(volume.path);
  std::error_code ignored;
  if (std::filesystem::is_block_file(path, ignored)) {
    return std::filesystem::path("/var/lib/rehost") /
           (path.filename().native() + ".rehost-journal");
  }
  return path.native() + ".rehost-journal";
}

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
  require_no_journal(options.journal);
  for (const std::filesystem::path& mark : options.marks) {
    require_no_journal(mark);
  }
  std::vector<Volume> volumes;
  volumes.reserve(inputs.size());
  for (const CommitInput& input : inputs) {
    volumes.push_back(input.volume);
    volumes.back().path = lasting_path(input.volume.path).native();
  }
  make_directory_of(options.journal);
  JournalWriter journal(options.journal, volumes);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::unique_ptr<VolumeWriter> volume = options.open_writer(inputs[i].volume);
    journal_differences(inputs[i], i, *volume, journal, options.stop);
  }
  if (journal.entries() == 0) {
    return {};
  }
  try {
    make_marks(options);
    journal.finish();
  } catch (const Error&) {
    for (const std::filesystem::path& mark : options.marks) {
      ::unlink(mark.c_str());
    }
    throw;
  }
  return write_or_undo(options);
}

std::vector<Volume> volumes_of_journal(const std::filesystem::path& journal) {
  return JournalReader(journal).volumes();
}

CommitResult finish_commit(const CommitOptions& options) {
  return replay_journal(options, Direction::forward);
}

CommitResult roll_back_commit(const CommitOptions& options) {
  return replay_journal(options, Direction::back);
}

}  // namespace rehost
