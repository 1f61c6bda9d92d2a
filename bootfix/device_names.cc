#include "bootfix/device_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

#include "bootfix/disk_name.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kUuidLinks = "/dev/disk/by-uuid/";
constexpr std::string_view kLabelLinks = "/dev/disk/by-label/";
constexpr std::string_view kPartuuidLinks = "/dev/disk/by-partuuid/";

bool is_subvolume(const Filesystem& filesystem) {
  return filesystem.device.str().starts_with("btrfsvol:");
}

const Filesystem* find_partition(const Inspection& inspection, size_t volume, int partition) {
  for (const Filesystem& filesystem : inspection.filesystems) {
    if (filesystem.volume == volume && filesystem.partition == partition &&
        !is_subvolume(filesystem)) {
      return &filesystem;
    }
  }
  return nullptr;
}

// May a file system of the type that blkid found be mounted as the type that a file names?
bool types_agree(std::string_view named, std::string_view found) {
  if (named.empty() || named == "auto" || named == "none" || found.empty() || named == found) {
    return true;
  }
  const auto family = [](std::string_view type) -> std::string_view {
    if (type == "ext2" || type == "ext3" || type == "ext4") {
      return "ext";
    }
    if (type == "vfat" || type == "msdos" || type == "fat") {
      return "fat";
    }
    if (type.starts_with("ntfs")) {
      return "ntfs";
    }
    return type;
  };
  return family(named) == family(found);
}

bool is_container(std::string_view type) {
  return type == "LVM2_member" || type == "linux_raid_member";
}

// Behind a LUKS header there may be anything, and nobody can look.
bool has_locked_content(const Inspection& inspection) {
  return std::any_of(inspection.filesystems.begin(), inspection.filesystems.end(),
                     [](const Filesystem& f) { return f.type == "crypto_LUKS"; });
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

// How device-mapper writes a logical volume: a dash inside of a name is doubled.
std::string mapper_name(std::string_view group_and_volume) {
  std::string name;
  for (const char c : group_and_volume) {
    if (c == '/') {
      name += '-';
    } else {
      name += c;
      if (c == '-') {
        name += c;
      }
    }
  }
  return "/dev/mapper/" + name;
}

// "vg0-root" has one dash that is not doubled, and so may be a logical volume.
bool may_be_logical_volume(std::string_view mapper) {
  size_t singles = 0;
  for (size_t at = 0; at < mapper.size(); ++at) {
    if (mapper[at] != '-') {
      continue;
    }
    if (at + 1 < mapper.size() && mapper[at + 1] == '-') {
      ++at;
    } else {
      ++singles;
    }
  }
  return singles == 1;
}

// Is `device` this partition, or (a btrfs subvolume) something on it? Of a device without a place
// nobody can say.
bool lies_on(const Inspection& inspection, const DeviceName& device, const Filesystem& partition) {
  const Filesystem* found = find_filesystem(inspection, device);
  return found == nullptr || !found->volume ||
         (found->volume == partition.volume && found->partition == partition.partition);
}

// The disks on which every named partition exists and holds what is said of it.
std::vector<size_t> fitting_volumes(const Inspection& inspection, std::span<const NamedUse> uses,
                                    const std::string& stem) {
  std::vector<size_t> fitting;
  for (size_t volume = 0; volume < inspection.volumes.size(); ++volume) {
    const bool fits = std::all_of(uses.begin(), uses.end(), [&](const NamedUse& use) {
      const std::optional<DiskName> name = parse_disk_name(use.name);
      if (!name || name->stem != stem) {
        return true;
      }
      const Filesystem* found = find_partition(inspection, volume, name->partition);
      return found != nullptr && types_agree(use.type, found->type) &&
             (use.device.empty() || lies_on(inspection, use.device, *found));
    });
    if (fits) {
      fitting.push_back(volume);
    }
  }
  return fitting;
}

// What the uses in one file say about the disks that are counted by letter or number.
struct Counted {
  std::set<std::string> families;
  std::set<std::string> stems;
  bool contradicted = false;  // the n-th name is provably not the n-th disk given
};

Counted look_at_counted_names(const Inspection& inspection, std::span<const NamedUse> uses) {
  Counted counted;
  for (const NamedUse& use : uses) {
    const std::optional<DiskName> name = parse_disk_name(use.name);
    if (!name || name->family.empty()) {
      continue;
    }
    counted.families.insert(name->family);
    counted.stems.insert(name->stem);
    const Filesystem* known =
        use.device.empty() ? nullptr : find_filesystem(inspection, use.device);
    if (known != nullptr && known->volume && *known->volume != name->position) {
      counted.contradicted = true;
    }
  }
  return counted;
}

// Every name is compared with every other: a file that would make this take minutes is no
// machine's.
constexpr size_t kMostLinks = 1000;

// The temporary disk of an Azure machine: names of cloud-init and of waagent. It belongs to the
// host that the machine ran on.
bool stays_behind(std::string_view stem) {
  return stem == "/dev/disk/cloud/azure_resource" || stem == "/dev/disk/azure/resource";
}

}  // namespace

NameMap::NameMap(const Inspection& inspection, std::span<const NamedUse> uses)
    : inspection_(&inspection) {
  judge_links(uses);
  const Counted counted = look_at_counted_names(inspection, uses);
  if (counted.contradicted) {
    for (const std::string& stem : counted.stems) {
      verdicts_[stem].why = "the disks seem to be given in another order than the machine's";
    }
  } else if (counted.families.size() > 1) {
    const std::string why =
        fmt::format("disks are named in two ways ({})", fmt::join(counted.families, ", "));
    judge_mixed_names(uses, {counted.stems.begin(), counted.stems.end()}, why);
  }
}

// by-id and by-path: the one disk that fits. A partition that the file uses under another name is
// taken, so that the second of two disks alike is what remains when the first is known.
void NameMap::judge_links(std::span<const NamedUse> uses) {
  std::set<Place> taken = places_of_stable_names(uses);
  std::map<std::string, std::set<int>> open;  // stems not judged yet, with their partitions
  for (const NamedUse& use : uses) {
    const std::optional<DiskName> name = parse_disk_name(use.name);
    if (name && name->family.empty() && !stays_behind(name->stem)) {
      open[name->stem].insert(name->partition);
    }
  }
  if (open.size() > kMostLinks) {
    for (const auto& [stem, partitions] : open) {
      verdicts_[stem].why = fmt::format("the file names more than {} disks", kMostLinks);
    }
    return;
  }
  const auto is_free = [&](size_t volume, const std::set<int>& partitions) {
    return std::none_of(partitions.begin(), partitions.end(), [&](int partition) {
      return taken.contains({volume, partition});
    });
  };
  for (bool learnt = true; learnt;) {
    learnt = false;
    for (auto stem = open.begin(); stem != open.end();) {
      std::vector<size_t> fitting = fitting_volumes(*inspection_, uses, stem->first);
      std::erase_if(fitting, [&](size_t volume) { return !is_free(volume, stem->second); });
      if (fitting.size() > 1) {
        verdicts_[stem->first].why = fmt::format("{} of the disks given fit it", fitting.size());
        ++stem;
        continue;
      }
      Verdict& verdict = verdicts_[stem->first];
      verdict = {.volume = std::nullopt, .not_given = fitting.empty(), .why = ""};
      if (!fitting.empty()) {
        verdict.volume = fitting.front();
        for (const int partition : stem->second) {
          taken.insert({fitting.front(), partition});
        }
        learnt = true;
      }
      stem = open.erase(stem);
    }
  }
}

// Of btrfs there is one partition for many mount points.
std::set<NameMap::Place> NameMap::places_of_stable_names(std::span<const NamedUse> uses) const {
  std::set<Place> places;
  for (const NamedUse& use : uses) {
    const NameMeaning named = parse_disk_name(use.name) ? StableName{} : meaning(use.name);
    const auto* stable = std::get_if<StableName>(&named);
    const Filesystem* found = stable == nullptr || stable->device.empty()
                                  ? nullptr
                                  : find_filesystem(*inspection_, stable->device);
    if (found != nullptr && found->volume && found->type != "btrfs") {
      places.insert({*found->volume, found->partition});
    }
  }
  return places;
}

// Names of two kinds (vda and sda) count two rows of disks, which we have been given as one. Either
// what they hold tells all of them apart, or none is touched: a name that is left alone must not
// look like the only kind the next time.
void NameMap::judge_mixed_names(std::span<const NamedUse> uses,
                                const std::vector<std::string>& stems, const std::string& why) {
  std::set<size_t> taken;
  bool certain = true;
  for (const std::string& stem : stems) {
    const std::vector<size_t> fitting = fitting_volumes(*inspection_, uses, stem);
    Verdict& verdict = verdicts_[stem];
    verdict.not_given = fitting.empty();
    if (!fitting.empty()) {
      certain = certain && fitting.size() == 1 && taken.insert(fitting.front()).second;
      verdict.volume = fitting.front();
    }
  }
  if (!certain) {
    for (const std::string& stem : stems) {
      verdicts_[stem] = {.volume = std::nullopt, .not_given = false, .why = why};
    }
  }
}

NameMap::Verdict NameMap::verdict_of(const std::string& stem) const {
  const auto found = verdicts_.find(stem);
  if (found != verdicts_.end()) {
    return found->second;
  }
  const std::optional<DiskName> name = parse_disk_name(stem);
  Verdict verdict;
  if (stays_behind(stem)) {
    verdict.not_given = true;
  } else if (name && !name->family.empty()) {
    verdict.not_given = name->position >= inspection_->volumes.size();
    if (!verdict.not_given) {
      verdict.volume = name->position;
    }
  } else if (inspection_->volumes.size() == 1) {
    verdict.volume = 0;
  } else {
    verdict.why = "nothing says which disk it is";
  }
  return verdict;
}

NameMeaning NameMap::on_disk(const Verdict& verdict, int partition, std::string_view type) const {
  if (!verdict.volume) {
    return UnknownName{verdict.why};
  }
  const size_t number = *verdict.volume + 1;
  const Filesystem* found = find_partition(*inspection_, *verdict.volume, partition);
  if (found == nullptr) {
    return UnknownName{partition == 0
                           ? fmt::format("disk {} is not used as a whole", number)
                           : fmt::format("disk {} has no partition {}", number, partition)};
  }
  if (!types_agree(type, found->type) || is_container(found->type)) {
    return UnknownName{fmt::format("partition {} of disk {} holds {}{}{}", partition, number,
                                   found->type, type.empty() ? "" : " and not ", type)};
  }
  std::optional<std::string> stable = stable_name(*inspection_, *found);
  if (!stable) {
    return UnknownName{
        fmt::format("partition {} of disk {} has no UUID of its own", partition, number)};
  }
  return FoundName{.stable = std::move(*stable), .device = found->device};
}

NameMeaning NameMap::meaning(std::string_view name, std::string_view type) const {
  const size_t equals = name.find('=');
  if (equals != std::string_view::npos &&
      name.substr(0, equals).find('/') == std::string_view::npos) {
    return meaning_of_tag(name.substr(0, equals), without_quotes(name.substr(equals + 1)));
  }
  if (name.starts_with("/dev/")) {
    return meaning_of_path(std::string(name), type);
  }
  return StableName{};
}

NameMeaning NameMap::meaning_of_path(const std::string& path, std::string_view type) const {
  const auto tail = [&](std::string_view links) {
    return std::string_view(path).substr(links.size());
  };
  if (path.starts_with(kUuidLinks)) {
    return meaning_of_tag("UUID", tail(kUuidLinks));
  }
  if (path.starts_with(kLabelLinks)) {
    return meaning_of_tag("LABEL", tail(kLabelLinks));
  }
  if (path.starts_with(kPartuuidLinks)) {
    return meaning_of_tag("PARTUUID", tail(kPartuuidLinks));
  }
  if (path == "/dev/root") {
    const Filesystem* root = find_filesystem(*inspection_, inspection_->root);
    std::optional<std::string> stable = root ? stable_name(*inspection_, *root) : std::nullopt;
    if (!stable) {
      return UnknownName{"the root file system has no UUID"};
    }
    return FoundName{.stable = std::move(*stable), .device = root->device};
  }
  if (path.starts_with("/dev/dm-")) {
    return UnknownName{"device-mapper counts these anew at every boot"};
  }
  const std::optional<DiskName> disk = parse_disk_name(path);
  if (!disk) {
    const std::optional<NameMeaning> array = meaning_of_array(path);
    return array ? *array : meaning_of_volume_group(path);
  }
  Verdict verdict = verdict_of(disk->stem);
  if (verdict.not_given) {
    return DiskNotGiven{disk->stem};
  }
  if (!verdict.volume && !type.empty() && !verdicts_.contains(disk->stem)) {
    // RESUME= stands alone in its file: that it is a swap space is all there is to go by.
    const NamedUse use{.name = path, .type = std::string(type), .device = {}};
    const std::vector<size_t> fitting = fitting_volumes(*inspection_, {&use, 1}, disk->stem);
    if (fitting.size() == 1) {
      verdict.volume = fitting.front();
    }
  }
  return on_disk(verdict, disk->partition, type);
}

NameMeaning NameMap::meaning_of_tag(std::string_view key, std::string_view value) const {
  const std::string wanted = lower_case(value);
  bool known_key = true;
  for (const Filesystem& filesystem : inspection_->filesystems) {
    bool same = false;
    if (key == "UUID") {
      same = lower_case(filesystem.uuid) == wanted;
    } else if (key == "LABEL") {
      same = filesystem.label == value;
    } else if (key == "PARTUUID") {
      same = lower_case(filesystem.partuuid) == wanted;
    } else {
      known_key = false;
    }
    if (same && !value.empty()) {
      return StableName{filesystem.device};
    }
  }
  if (!known_key || value.empty() || inspection_->filesystems.empty() ||
      has_locked_content(*inspection_)) {
    return StableName{};
  }
  return DiskNotGiven{fmt::format("the disk with {}={}", key, value)};
}

// mdadm(8): /dev/mdN, /dev/md_dN, /dev/md/NAME; a partition of one has pN behind it.
std::optional<NameMeaning> NameMap::meaning_of_array(const std::string& path) const {
  constexpr std::string_view kByUuid = "/dev/disk/by-id/md-uuid-";
  constexpr std::string_view kByName = "/dev/disk/by-id/md-name-";
  const bool by_link = path.starts_with(kByUuid) || path.starts_with(kByName);
  const bool numbered = path.starts_with("/dev/md") && path.size() > 7 &&
                        (std::isdigit(static_cast<unsigned char>(path[7])) != 0 ||
                         path.starts_with("/dev/md_d") || path.starts_with("/dev/md/"));
  if (!by_link && !numbered) {
    return std::nullopt;
  }
  bool all_named = true;
  for (const MdArray& array : inspection_->arrays) {
    all_named = all_named && !array.names.empty();
    if ((!array.name.empty() && path == std::string(kByName) + array.name) ||
        path == std::string(kByUuid) + array.uuid ||
        std::find(array.names.begin(), array.names.end(), path) != array.names.end()) {
      return StableName{array.device};
    }
  }
  const bool partition = path.find('p', 7) != std::string::npos;
  if (!all_named || partition || inspection_->filesystems.empty() ||
      has_locked_content(*inspection_)) {
    return StableName{};
  }
  return DiskNotGiven{"the disks of " + path};
}

NameMeaning NameMap::meaning_of_volume_group(const std::string& path) const {
  constexpr std::string_view kMapper = "/dev/mapper/";
  const bool mapped = path.starts_with(kMapper);
  std::string group;  // "vg0/root"
  if (!mapped) {
    group = path.substr(5);
    if (std::count(group.begin(), group.end(), '/') != 1 || group.starts_with("md/") ||
        group.starts_with("disk/") || group.starts_with("cciss/")) {
      return StableName{};  // /dev/md0, /dev/loop0, /dev/sr0, /dev/fd0, ...
    }
  }
  const std::string mapper = mapped ? path : mapper_name(group);
  for (const Filesystem& filesystem : inspection_->filesystems) {
    const std::string& device = filesystem.device.str();
    if (device == path || device == mapper ||
        (device.starts_with("/dev/") &&
         mapper_name(std::string_view(device).substr(5)) == mapper)) {
      return StableName{filesystem.device};
    }
  }
  const bool certain =
      !inspection_->filesystems.empty() && !has_locked_content(*inspection_) &&
      (!mapped || may_be_logical_volume(std::string_view(path).substr(kMapper.size())));
  if (!certain) {
    return StableName{};
  }
  return DiskNotGiven{"the disk of " + path};
}

bool is_unstable_name(std::string_view name) {
  return parse_disk_name(name).has_value() || name == "/dev/root" || name.starts_with("/dev/dm-");
}

std::optional<std::string> stable_name(const Inspection& inspection, const Filesystem& filesystem) {
  // A disk cloned beside its original has the same UUIDs. The devices of one btrfs have them by
  // design.
  const bool shared =
      filesystem.type != "btrfs" &&
      std::count_if(inspection.filesystems.begin(), inspection.filesystems.end(),
                    [&](const Filesystem& f) { return f.uuid == filesystem.uuid; }) > 1;
  if (!filesystem.uuid.empty() && !shared) {
    return "UUID=" + filesystem.uuid;
  }
  return stable_partition_name(filesystem);
}

std::optional<std::string> stable_partition_name(const Filesystem& filesystem) {
  if (filesystem.partuuid.empty()) {
    return std::nullopt;
  }
  return "PARTUUID=" + filesystem.partuuid;
}

}  // namespace rehost
