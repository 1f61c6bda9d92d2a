// What does a device name of the guest mean? /dev/sdb1 was the first partition of its second disk;
// on EC2 that is some /dev/nvmeXn1p1, in an order that changes from boot to boot. Only UUIDs mean
// the same there.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "converter/core/inspection.h"

namespace rehost {

// The name means the same on EC2: UUID=, LABEL=, LVM, md, tmpfs, nfs:/export, /dev/sr0. `device` is
// the file system it names, when it is one of those we were given and can be told from here.
struct StableName {
  DeviceName device;
};

// An unstable name of a file system that we have. `stable` is how to name it: "UUID=..." or
// "PARTUUID=...".
struct FoundName {
  std::string stable;
  DeviceName device;
};

// The disk (or volume group) it lies on is not among those given. `disk` says which, for people.
struct DiskNotGiven {
  std::string disk;
};

// An unstable name that cannot be told with certainty. `why` is half a sentence: "disk 1 has no
// partition 7".
struct UnknownName {
  std::string why;
};

using NameMeaning = std::variant<StableName, FoundName, DiskNotGiven, UnknownName>;

// One use of a device name in a file of the guest, as evidence. by-id and by-path names say nothing
// by themselves: a stem ("/dev/disk/by-id/scsi-36000c29...") is the one disk that has all
// partitions used with that stem, holding what the file says they hold, none of them being used
// under another name.
struct NamedUse {
  std::string name;
  std::string type;   // as fstab has it: "ext4", "swap", "auto"; "" when nothing is said
  DeviceName device;  // what it must be (the entry for / is the root); empty when nothing is known
};

// Evidence comes from one file at a time. That file is rewritten by one edit, so a plan made after
// the edit does not miss evidence that another edit has destroyed.
class NameMap {
 public:
  explicit NameMap(const Inspection& inspection, std::span<const NamedUse> uses = {});

  // `type` as in NamedUse: a name whose file system turns out to be of another type is Unknown.
  NameMeaning meaning(std::string_view name, std::string_view type = "") const;

 private:
  struct Verdict {  // which of the given disks a stem is
    std::optional<size_t> volume;
    bool not_given = false;
    std::string why;
  };
  using Place = std::pair<size_t, int>;  // volume and partition
  void judge_links(std::span<const NamedUse> uses);
  std::set<Place> places_of_stable_names(std::span<const NamedUse> uses) const;
  void judge_mixed_names(std::span<const NamedUse> uses, const std::vector<std::string>& stems,
                         const std::string& why);
  NameMeaning meaning_of_path(const std::string& path, std::string_view type) const;
  NameMeaning meaning_of_tag(std::string_view key, std::string_view value) const;
  std::optional<NameMeaning> meaning_of_array(const std::string& path) const;
  NameMeaning meaning_of_volume_group(const std::string& path) const;
  NameMeaning on_disk(const Verdict& verdict, int partition, std::string_view type) const;
  Verdict verdict_of(const std::string& stem) const;

  const Inspection* inspection_;  // outlives this map
  std::map<std::string, Verdict> verdicts_;
};

// Is it a name that EC2 will change, whatever it means? A question about the text alone.
bool is_unstable_name(std::string_view name);

// "UUID=..." of a file system, or "PARTUUID=..." where it has no UUID or shares it with another.
// nullopt: neither.
std::optional<std::string> stable_name(const Inspection& inspection, const Filesystem& filesystem);
// The same for readers that know no file systems: a kernel without initramfs, a swap that is
// encrypted anew at every boot.
std::optional<std::string> stable_partition_name(const Filesystem& filesystem);

}  // namespace rehost
