// In place: puts what the overlays changed onto the volumes themselves, all volumes or none,
// through a journal.
//
// The journal holds every block that differs, as it was and as it shall be, and is synced before
// the first byte of a volume is written. A commit that was killed, at any point, is completed by
// finish_commit() or undone by roll_back_commit(), as often as needed; neither needs the overlays.
// The journal's existence is the mark that a commit is under way: it is removed when the volumes
// have been synced. The other volumes get marks that lead to it, for whoever meets one of them
// alone.
//
// All functions here want the SourceLock for convert_in_place to be held by the caller.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "images/copier.h"
#include "images/overlay.h"
#include "images/volume_writer.h"

namespace rehost {

using OpenVolumeWriter = std::function<std::unique_ptr<VolumeWriter>(const Volume&)>;

struct CommitOptions {
  // Where the journal goes: a place that survives a restart. See default_journal_path().
  std::filesystem::path journal = {};
  // Symbolic links to the journal, made before it and removed after it. One that leads nowhere
  // means nothing.
  std::vector<std::filesystem::path> marks = {};
  OnProgress on_progress = {};
  std::stop_token stop = {};  // obeyed until the journal is complete, never after
  OpenVolumeWriter open_writer = open_volume_writer;
};

struct CommitResult {
  uint64_t blocks_written = 0;  // runs of changed bytes
  uint64_t bytes_written = 0;
  std::vector<uint64_t> bytes_by_volume = {};  // in the order of the volumes
};

// What a disk is called after a restart, too: its first link in /dev/disk/by-id, by what it says of
// itself. /dev/sdb may be another disk then. A file's own path, and a device's without such links,
// made canonical.
std::filesystem::path lasting_path(const std::filesystem::path& disk,
                                   const std::filesystem::path& links = "/dev/disk/by-id");

// Beside the volume when that is a file, in /var/lib/rehost when it is a block device. A journal
// goes to the first volume's, and the others' are its marks.
std::filesystem::path default_journal_path(const Volume& volume);

// Compares, writes the journal, then the volumes. Throws Error(plan_conflict) when a journal is
// there already. When a disk refuses a write in the middle, what was written is undone; where that
// fails, too, the journal stays.
CommitResult commit_in_place(const std::vector<const Overlay*>& overlays,
                             const CommitOptions& options);

// One volume and what it shall become, for callers that have no Overlay.
struct CommitInput {
  Volume volume;
  const ImageSource* wanted = nullptr;  // its `changed` extents are looked at
};
CommitResult commit_inputs(const std::vector<CommitInput>& inputs, const CommitOptions& options);

// What a journal that was left behind is about.
std::vector<Volume> volumes_of_journal(const std::filesystem::path& journal);

// Throws Error(plan_conflict), before anything is written, when a volume holds bytes that are
// neither the old nor the new ones: somebody else wrote to it. Removes the journal at the end, and
// leaves it when anything fails.
CommitResult finish_commit(const CommitOptions& options);
CommitResult roll_back_commit(const CommitOptions& options);

}  // namespace rehost
