// A conversion as values: the edits, in order, each with the fix it comes from, its reason and the
// hash of what it expects to find. The plan is the product: `rehost plan` prints it, `rehost
// convert` applies it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "converter/core/names.h"

namespace rehost {

// xxh3-128 of a file's bytes. Finds accidents, not tampering.
struct ContentHash {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const ContentHash&, const ContentHash&) = default;
};
ContentHash hash_content(std::string_view bytes);
std::string to_hex(const ContentHash& hash);

// The whole new content of a file. `expects` is the hash of the old content; nullopt: no such file
// may exist.
struct WriteFile {
  GuestPath path;
  std::string content;
  std::optional<ContentHash> expects;
  uint32_t mode_if_new = 0644;
};

struct AppendFile {
  GuestPath path;
  std::string content;
  ContentHash expects;
};

// Removes the entry itself; of a symlink, the link. `expects` is the hash of the content, of a
// symlink its target.
struct RemoveFile {
  GuestPath path;
  ContentHash expects;
};

// Removes a directory with everything below it. `expects` is the hash of its listing
// (guest_tree.h).
struct RemoveTree {
  GuestPath path;
  uint64_t entries = 0;  // what lies below it, for people
  ContentHash expects;
};

// Makes a symlink where nothing is (expects: nullopt) or replaces a link or file whose hash is
// known.
struct MakeSymlink {
  GuestPath path;
  std::string target;
  std::optional<ContentHash> expects;
};

enum class InitramfsStrategy { repack, append, rebuild };
std::string_view to_string(InitramfsStrategy strategy);

// One file, directory or link inside an initramfs.
struct ArchiveEntry {
  std::string path;         // relative, as in the archive:
                            // "usr/lib/modules/6.1.0-10-amd64/kernel/drivers/nvme/host/nvme.ko"
  uint32_t mode = 0100644;  // with the file type bits, as cpio keeps it
  std::string content;      // of a symlink, its target
  friend bool operator==(const ArchiveEntry&, const ArchiveEntry&) = default;
};

// Adds entries to an initramfs: the plan holds what is added, never the whole image. Entries
// replace those of the same path. `expects` is the hash of the image before.
struct AddToInitramfs {
  GuestPath path;
  InitramfsStrategy strategy =
      InitramfsStrategy::repack;  // repack or append; rebuild is a RunInGuest
  std::vector<ArchiveEntry> entries;
  std::vector<std::string> modules;  // what is added, by name, for people
  ContentHash expects;
};

// Runs a command of the guest inside the appliance, the last resort. A status other than 0 stops
// the conversion.
struct RunInGuest {
  std::vector<std::string> argv;
};

using EditAction = std::variant<WriteFile, AppendFile, RemoveFile, RemoveTree, MakeSymlink,
                                AddToInitramfs, RunInGuest>;

// The SELinux context of a new file, directory or link: "system_u:object_r:etc_t:s0".
struct FileLabel {
  GuestPath path;
  std::string context;
  friend bool operator==(const FileLabel&, const FileLabel&) = default;
};

struct Edit {
  std::string fix;     // name of the row in converter/fixes.cc
  std::string reason;  // one sentence, no full stop: "root= names /dev/sda1, which is
                       // /dev/nvme0n1p1 on EC2"
  EditAction action;
  // Set on what the edit has made, right after it; empty on a guest without SELinux. Planners leave
  // it empty: converter/labels.h fills it in.
  std::vector<FileLabel> labels = {};
};

// The path an edit changes; nullopt for RunInGuest.
std::optional<GuestPath> edited_path(const Edit& edit);
// "write /etc/fstab", "add to /boot/initrd.img-6.1: nvme-core, nvme"
std::string summary(const Edit& edit);

// What was noticed and does not stop the job. The code is stable and meant for programs
// ("fstab-disk-not-given").
struct Warning {
  std::string code;
  std::string subject;  // a file, a device, a kernel
  std::string sentence;
  friend bool operator==(const Warning&, const Warning&) = default;
};

struct ConversionPlan {
  std::vector<Edit> edits;
  std::vector<Warning> warnings;
};

}  // namespace rehost
