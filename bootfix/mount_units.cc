#include "bootfix/mount_units.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/device_names.h"
#include "bootfix/guest_files.h"
#include "bootfix/ini_text.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kUnits = "/etc/systemd/system";

// "srv-data.mount" of /etc/systemd/system/srv-data.mount and of srv-data.mount.d/disk.conf.
std::string unit_of(const GuestPath& path) {
  const GuestPath parent = path.parent();
  const std::string_view directory = parent.name();
  if (directory.ends_with(".mount.d") || directory.ends_with(".swap.d")) {
    return std::string(directory.substr(0, directory.size() - 2));
  }
  return std::string(path.name());
}

std::optional<MountUnitFile> read_unit(const GuestView& guest, const GuestPath& path) {
  std::optional<TextFile> file = read_text_file(guest, path);
  if (!file) {
    return std::nullopt;
  }
  MountUnitFile unit;
  unit.unit = unit_of(path);
  unit.is_swap = unit.unit.ends_with(".swap");
  for (const IniEntry& entry : parse_ini(file->content, LineEnds::backslash_goes_on)) {
    if (entry.section == (unit.is_swap ? "Swap" : "Mount") && entry.key == "What") {
      unit.what = entry.value;
      unit.what_begin = entry.value_begin;
      unit.what_end = entry.value_end;
    } else if (entry.section == "Mount" && entry.key == "Type") {
      unit.type = entry.value;
    }
  }
  if (unit.what.empty()) {
    return std::nullopt;
  }
  const auto begin = file->content.begin();
  unit.line = 1 + static_cast<int>(
                      std::count(begin, begin + static_cast<ptrdiff_t>(unit.what_begin), '\n'));
  unit.file = std::move(*file);
  return unit;
}

// "UUID=9a1a" as a path: a What= that is no path has been understood only since systemd 249.
std::string path_of(std::string_view stable) {
  const size_t equals = stable.find('=');
  const bool partition = stable.substr(0, equals) == "PARTUUID";
  return fmt::format("/dev/disk/by-{}/{}", partition ? "partuuid" : "uuid",
                     stable.substr(equals + 1));
}

void warn(FixResult& result, std::string_view code, const MountUnitFile& unit, std::string why) {
  result.warnings.push_back(
      {.code = std::string(code),
       .subject = unit.unit,
       .sentence = fmt::format("{} of {} is on {}: {}", unit.is_swap ? "the swap" : "the mount",
                               unit.file.path.str(), unit.what, why)});
}

void plan_unit(FixResult& result, const MountUnitFile& unit, const Inspection& inspection) {
  const std::vector<NamedUse> uses = {{.name = unit.what, .type = unit.type, .device = {}}};
  const NameMeaning meaning = NameMap(inspection, uses).meaning(unit.what, unit.type);
  if (std::holds_alternative<StableName>(meaning)) {
    return;
  }
  if (unit.is_swap) {
    warn(result, "swap-unit-named-after-disk", unit,
         "a unit that is named after a device cannot be given another one; the guest starts "
         "without this swap, so name it by UUID in /etc/fstab");
  } else if (const auto* found = std::get_if<FoundName>(&meaning)) {
    TextEdits edits;
    edits.replace(unit.what_begin, unit.what_end, path_of(found->stable));
    plan_rewrite(result, kMountUnitsFix.name, unit.file, edits.apply(unit.file.content),
                 "device names change on EC2, UUIDs do not");
  } else if (const auto* missing = std::get_if<DiskNotGiven>(&meaning)) {
    warn(result, "mount-unit-disk-not-given", unit,
         missing->disk + " is not among the disks given; the unit will fail");
  } else if (const auto* unknown = std::get_if<UnknownName>(&meaning)) {
    warn(result, "mount-unit-device-unknown", unit,
         fmt::format("it cannot be found: {}; the unit will fail", unknown->why));
  }
}

FixResult plan_mount_units(const GuestView& guest, const Inspection& inspection, const Target&) {
  FixResult result;
  for (const MountUnitFile& unit : mount_unit_files(guest)) {
    plan_unit(result, unit, inspection);
  }
  return result;
}

}  // namespace

constinit const Fix kMountUnitsFix = {
    .name = "mount-units",
    .heading = "Name file systems by UUID in systemd's mount units",
    .description =
        "What= in .mount units of /etc/systemd/system and their drop-ins: device names become "
        "/dev/disk/by-uuid paths. Swap units are warned of.",
    .plan = plan_mount_units,
};

std::vector<MountUnitFile> mount_unit_files(const GuestView& guest) {
  std::vector<GuestPath> paths;
  for (const char* pattern : {"/*.mount", "/*.mount.d/*.conf", "/*.swap", "/*.swap.d/*.conf"}) {
    for (const GuestPath& path : matching_entries(guest, std::string(kUnits) + pattern)) {
      paths.push_back(path);
    }
  }
  std::vector<MountUnitFile> units;
  for (const GuestPath& path : paths) {
    std::optional<MountUnitFile> unit = read_unit(guest, path);
    const auto same = [&](const MountUnitFile& u) { return u.file.path == unit->file.path; };
    if (unit && std::none_of(units.begin(), units.end(), same)) {
      units.push_back(std::move(*unit));
    }
  }
  return units;
}

bool is_required_unit(const GuestView& guest, const std::string& unit) {
  return !matching_entries(guest, fmt::format("{}/*.requires/{}", kUnits, unit)).empty();
}

}  // namespace rehost
