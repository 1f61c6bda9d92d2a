#include "images/commit.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

CommitResult apply_journal(const CommitOptions& options, Direction direction) {
  const JournalReader journal(options.journal);
  std::vector<std::unique_ptr<VolumeWriter>> volumes;
  volumes.reserve(journal.volumes().size());
  for (const Volume& volume : journal.volumes()) {
    volumes.push_back(options.open_writer(volume));
    if (volumes.back()->size() != volume.size) {
      throw Error(ErrorKind::plan_conflict,
                  fmt::format("{} is not the volume of this journal: it has {} bytes instead of {}",
                              volume.path, volumes.back()->size(), volume.size));
    }
  }
  // Every volume is looked at before any is written.
  std::vector<size_t> to_write;
  std::vector<std::byte> now(kBlockSize);
  uint64_t total = 0;
  for (size_t i = 0; i < journal.entries().size(); ++i) {
    const JournalEntry& entry = journal.entries()[i];
    const std::vector<std::byte> before = journal.before(entry);
    const std::vector<std::byte> after = journal.after(entry);
    const auto bytes = std::span(now).first(entry.length);
    volumes[entry.volume]->read(entry.offset, bytes);
    require_known_bytes(journal.volumes()[entry.volume], entry, bytes, before, after);
    if (!same_bytes(bytes, direction == Direction::forward ? after : before)) {
      to_write.push_back(i);
      total += entry.length;
    }
  }
  CommitResult result;
  result.bytes_by_volume.resize(volumes.size());
  for (const size_t i : to_write) {
    const JournalEntry& entry = journal.entries()[i];
    volumes[entry.volume]->write(entry.offset, direction == Direction::forward
                                                   ? journal.after(entry)
                                                   : journal.before(entry));
    ++result.blocks_written;
    result.bytes_written += entry.length;
    result.bytes_by_volume[entry.volume] += entry.length;
    if (options.on_progress) {
      options.on_progress(result.bytes_written, total);
    }
  }
  for (const auto& volume : volumes) {
    volume->sync();
  }
  if (::unlink(options.journal.c_str()) != 0) {
    const int error_number = errno;
    throw_io_error("remove the journal", options.journal.native(), error_number);
  }
  sync_directory(options.journal.parent_path());
  return result;
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
}

}  // namespace

std::filesystem::path default_journal_path(const Volume& first_volume) {
  std::error_code ignored;
  // By-id links and what they point at are one disk.
  std::filesystem::path path = std::filesystem::canonical(first_volume.path, ignored);
  if (ignored) {
    path = std::filesystem::absolute(first_volume.path);
  }
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
  std::vector<Volume> volumes;
  volumes.reserve(inputs.size());
  for (const CommitInput& input : inputs) {
    volumes.push_back(input.volume);
    volumes.back().path = std::filesystem::absolute(input.volume.path).native();
  }
  std::error_code ignored;  // a directory that cannot be made is named by what comes next
  std::filesystem::create_directories(options.journal.parent_path(), ignored);
  JournalWriter journal(options.journal, volumes);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::unique_ptr<VolumeWriter> volume = options.open_writer(inputs[i].volume);
    journal_differences(inputs[i], i, *volume, journal, options.stop);
  }
  if (journal.entries() == 0) {
    return {};
  }
  journal.finish();
  return finish_commit(options);
}

std::vector<Volume> volumes_of_journal(const std::filesystem::path& journal) {
  return JournalReader(journal).volumes();
}

CommitResult finish_commit(const CommitOptions& options) {
  return apply_journal(options, Direction::forward);
}

CommitResult roll_back_commit(const CommitOptions& options) {
  return apply_journal(options, Direction::back);
}

}  // namespace rehost
