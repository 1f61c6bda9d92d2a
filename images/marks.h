// What says that a disk is half written: the journal of its commit beside it, or a mark that leads
// there.
//
// A journal lies beside the first of its volumes. For whoever meets one of the volumes alone, or
// under another name, there are marks: a symbolic link beside each of the others, and on every
// volume that is a file the attribute user.rehost.journal with the path of the journal. That one
// goes where the file goes: another directory, a hard link, a copy with its attributes.
//
// The order is journal, marks, blocks, and back: blocks, marks, journal. Marks are on the disk
// before the first byte of a volume is written, and gone before the journal is. So a mark that
// leads nowhere is no leftover: its volume is half written, and its journal is lost or out of
// reach.
//
// Of a block device only this host knows: one that is taken to another leaves its journal, and
// whatever says that it is half written, in /var/lib/rehost here.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "converter/core/inspection.h"

namespace rehost {

// Where the names of devices are looked up, and where what says that one is half written lies.
struct DevicePlaces {
  std::filesystem::path links = "/dev/disk/by-id";
  std::filesystem::path nodes = "/dev";
  std::filesystem::path journals = "/var/lib/rehost";
};

// What a disk is called after a restart, too: its first lasting link (images/device_marks.h) in
// /dev/disk/by-id. /dev/sdb may be another disk then. A file's own path, and a device's without
// such links, made canonical.
std::filesystem::path lasting_path(const std::filesystem::path& disk,
                                   const std::filesystem::path& links = "/dev/disk/by-id");

// Beside the volume when that is a file, in /var/lib/rehost when it is a block device. A journal
// goes to the first volume's, and the others' are its marks.
std::filesystem::path default_journal_path(const Volume& volume, const DevicePlaces& places = {});

struct Mark {
  std::filesystem::path place;  // the journal itself, a link, or the volume that has the attribute
  std::filesystem::path journal;  // canonical when it is there, and where it should be otherwise
  bool leads_to_journal = false;
};

// A journal or a link at this place. Throws Error when nobody can tell, because the directory
// cannot be searched or read.
std::optional<Mark> mark_at(const std::filesystem::path& place);
// What says that this volume is half written: beside it, or else on it; of a device, under any of
// its names.
std::optional<Mark> mark_of(const Volume& volume, const DevicePlaces& places = {});

// "...: bring the journal back, or ...": what to do about a mark that leads nowhere.
std::string describe_lost_journal(const Mark& mark);

// Links to the journal at these places, and the attribute on each volume that is a file; those that
// are there already stay. All synced. A file system without attributes is no error, but a file
// there that has a second hard link is Error(usage): under that name nobody would know.
void put_marks(const std::filesystem::path& journal,
               const std::vector<std::filesystem::path>& links, const std::vector<Volume>& volumes);
// Those that are not there are no error, and a journal in the place of a link stays. Synced.
void remove_marks(const std::vector<std::filesystem::path>& links,
                  const std::vector<Volume>& volumes);

}  // namespace rehost
