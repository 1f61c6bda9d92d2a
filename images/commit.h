// In place: puts what the overlays changed onto the volumes themselves, all volumes or none,
// through a journal.
//
// The journal holds every block that differs, as it was and as it shall be, and is synced before
// the first byte of a volume is written. A commit that was killed, at any point, is completed by
// finish_commit() or undone by roll_back_commit(), as often as needed; neither needs the overlays.
// The journal's existence says that a commit is under way; marks on the volumes lead to it, for
// whoever meets one of them alone (images/marks.h). The order is: journal, marks, blocks; the
// volumes are synced; then the marks are removed, and the journal last.
//
// All functions here want the SourceLock for convert_in_place to be held by the caller.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "images/copier.h"
#include "images/marks.h"
#include "images/overlay.h"
#include "images/volume_writer.h"

namespace rehost {

using OpenVolumeWriter = std::function<std::unique_ptr<VolumeWriter>(const Volume&)>;

struct CommitOptions {
  // Where the journal goes: a place that survives a restart. See default_journal_path().
  std::filesystem::path journal = {};
  // Where symbolic links to the journal go: beside the other volumes.
  std::vector<std::filesystem::path> marks = {};
  // Of a journal that was left behind: its disks, in its order, where they are now. Empty: where
  // the journal says.
  std::vector<Volume> disks = {};
  // For each volume where the manifest of its result is wanted: for whoever finishes the commit.
  std::vector<std::filesystem::path> manifests = {};
  // Called when the volumes are as they shall be and synced, and the journal is still there: what
  // belongs to the result is left here, and not lost by a kill. Not called by a rollback.
  std::function<void()> when_written = {};
  OnProgress on_progress = {};
  std::stop_token stop = {};  // obeyed until the journal is complete, never after
  OpenVolumeWriter open_writer = open_volume_writer;
};

struct CommitResult {
  uint64_t blocks_written = 0;  // runs of changed bytes
  uint64_t bytes_written = 0;
  std::vector<uint64_t> bytes_by_volume = {};  // in the order of the volumes
};

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

// Throws Error(plan_conflict), before anything is written, when the disks are not the journal's, or
// hold bytes that are neither the old nor the new ones: somebody else wrote to them. Removes the
// journal at the end, and leaves it when anything fails.
CommitResult finish_commit(const CommitOptions& options);
CommitResult roll_back_commit(const CommitOptions& options);

}  // namespace rehost
