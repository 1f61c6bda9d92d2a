#include "bootfix/fstab.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bootfix/text_file.h"

namespace rehost {
namespace {

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

// getmntent(3): space, tab, newline and backslash are written \040, \011, \012 and \134.
std::string unescape(std::string_view field) {
  std::string result;
  for (size_t at = 0; at < field.size(); ++at) {
    if (field[at] == '\\' && at + 3 < field.size() && is_octal(field[at + 1]) &&
        is_octal(field[at + 2]) && is_octal(field[at + 3])) {
      result += static_cast<char>((field[at + 1] - '0') * 64 + (field[at + 2] - '0') * 8 +
                                  (field[at + 3] - '0'));
      at += 3;
    } else {
      result += field[at];
    }
  }
  return result;
}

// The system does not come up at all without these, whatever their options say.
bool is_indispensable(const FstabEntry& entry) {
  return entry.mount_point == "/" || entry.mount_point == "/usr";
}

void let_boot_go_on_without(const FstabEntry& entry, TextEdits& edits) {
  if (!entry.required() || is_indispensable(entry) || entry.fields < 3) {
    return;
  }
  if (entry.options_field) {
    edits.insert(entry.options_field->end, ",nofail");
  } else {
    edits.insert(entry.end, " nofail");
  }
}

Warning missing_disk(const FstabEntry& entry, std::string_view disk) {
  if (is_indispensable(entry)) {
    return {
        .code = "fstab-root-not-found",
        .subject = entry.device,
        .sentence = fmt::format("line {} of /etc/fstab mounts {} from {}, and {} is not among the "
                                "disks given: give all disks of the machine, in its own order",
                                entry.line, entry.mount_point, entry.device, disk)};
  }
  return {
      .code = "fstab-disk-not-given",
      .subject = entry.device,
      .sentence = fmt::format("line {} of /etc/fstab uses {} for {}, and {} is not among the disks "
                              "given: the guest will start without it",
                              entry.line, entry.device, entry.mount_point, disk)};
}

Warning unknown_device(const FstabEntry& entry, std::string_view why) {
  if (is_indispensable(entry)) {
    return {.code = "fstab-root-not-found",
            .subject = entry.device,
            .sentence =
                fmt::format("line {} of /etc/fstab mounts {} from {}, which cannot be found: {}",
                            entry.line, entry.mount_point, entry.device, why)};
  }
  return {.code = "fstab-device-unknown",
          .subject = entry.device,
          .sentence =
              fmt::format("line {} of /etc/fstab uses {} for {}, which cannot be found: {}; the "
                          "guest will start without it",
                          entry.line, entry.device, entry.mount_point, why)};
}

// A folder that the old hypervisor shared with its guests. systemd takes most of these for file
// systems on local disks, and without one of those the guest stops in the emergency shell.
bool is_host_share(const FstabEntry& entry) {
  constexpr std::array<std::string_view, 6> kTypes = {"vmhgfs", "fuse.vmhgfs-fuse", "vboxsf",
                                                      "prl_fs", "fuse.prl_fsd",     "virtiofs"};
  return std::find(kTypes.begin(), kTypes.end(), entry.type) != kTypes.end() ||
         (entry.type == "9p" && entry.has_option("trans=virtio")) ||
         entry.device.starts_with(".host:") || entry.device.starts_with("vmhgfs-fuse#");
}

// /dev/sr0, /dev/cdrom, /dev/fd0: a repository on an installation disc, mounted without noauto.
bool is_removable_drive(const FstabEntry& entry) {
  constexpr std::array<std::string_view, 6> kDrives = {"/dev/sr",   "/dev/scd", "/dev/cdrom",
                                                       "/dev/cdrw", "/dev/dvd", "/dev/fd"};
  return std::any_of(kDrives.begin(), kDrives.end(), [&](std::string_view drive) {
    return entry.device.starts_with(drive) &&
           entry.device.find('/', drive.size()) == std::string::npos;
  });
}

Warning drive_missing(const FstabEntry& entry) {
  return {
      .code = "fstab-removable-drive",
      .subject = entry.device,
      .sentence = fmt::format("line {} of /etc/fstab mounts {} on {}, and EC2 has no such drive: "
                              "the guest will start without it",
                              entry.line, entry.device, entry.mount_point)};
}

Warning host_share(const FstabEntry& entry) {
  return {.code = "fstab-host-share",
          .subject = entry.device,
          .sentence = fmt::format("line {} of /etc/fstab mounts {} on {}, a folder of the old "
                                  "hypervisor: the guest will start without it",
                                  entry.line, entry.device, entry.mount_point)};
}

FixResult plan_fstab(const GuestView& guest, const Inspection& inspection, const Target&) {
  FixResult result;
  const std::optional<TextFile> file = read_text_file(guest, GuestPath("/etc/fstab"));
  if (!file) {
    return result;
  }
  FstabRewrite rewrite = stabilise_fstab(file->content, inspection);
  plan_rewrite(result, kFstabFix.name, *file, rewrite.text,
               "device names change on EC2, UUIDs do not");
  result.warnings = std::move(rewrite.warnings);
  return result;
}

}  // namespace

constinit const Fix kFstabFix = {
    .name = "fstab",
    .heading = "Name file systems by UUID in /etc/fstab",
    .description =
        "Device names (sd, vd, xvd, hd, nvme, by-path, by-id) become UUIDs. Entries whose disk was "
        "not "
        "given, and folders of the old hypervisor, get the option nofail. Comments, other options "
        "and spacing stay as they are.",
    .plan = plan_fstab,
};

bool FstabEntry::has_option(std::string_view option) const {
  return std::find(options.begin(), options.end(), option) != options.end();
}

std::vector<FstabEntry> parse_fstab(std::string_view text) {
  std::vector<FstabEntry> entries;
  int number = 0;
  for (const Line& line : split_lines(text)) {
    ++number;
    const std::vector<Field> fields = split_fields(text, line);
    if (fields.size() < 2 || text[fields[0].begin] == '#') {
      continue;
    }
    const auto field_text = [&](size_t i) {
      return text.substr(fields[i].begin, fields[i].end - fields[i].begin);
    };
    FstabEntry entry{.line = number,
                     .device_field = fields[0],
                     .options_field = std::nullopt,
                     .end = fields.back().end,
                     .fields = fields.size(),
                     .device = unescape(field_text(0)),
                     .mount_point = unescape(field_text(1)),
                     .type = fields.size() > 2 ? std::string(field_text(2)) : "",
                     .options = {}};
    if (fields.size() > 3) {
      entry.options_field = fields[3];
      entry.options = split_at_commas(field_text(3));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<NamedUse> uses_in_fstab(const std::vector<FstabEntry>& entries,
                                    const Inspection& inspection) {
  std::vector<NamedUse> uses;
  uses.reserve(entries.size());
  for (const FstabEntry& entry : entries) {
    uses.push_back({.name = entry.device,
                    .type = entry.type,
                    .device = entry.mount_point == "/" ? inspection.root : DeviceName()});
  }
  return uses;
}

FstabRewrite stabilise_fstab(std::string_view text, const Inspection& inspection) {
  const std::vector<FstabEntry> entries = parse_fstab(text);
  const NameMap names(inspection, uses_in_fstab(entries, inspection));
  TextEdits edits;
  FstabRewrite rewrite;
  for (const FstabEntry& entry : entries) {
    const NameMeaning meaning = names.meaning(entry.device, entry.type);
    if (const auto* found = std::get_if<FoundName>(&meaning)) {
      edits.replace(entry.device_field.begin, entry.device_field.end, found->stable);
      continue;
    }
    if (entry.has_option("noauto")) {
      continue;  // nobody waits for it
    }
    if (is_host_share(entry) && entry.required()) {
      let_boot_go_on_without(entry, edits);
      rewrite.warnings.push_back(host_share(entry));
    } else if (is_removable_drive(entry) && entry.required()) {
      let_boot_go_on_without(entry, edits);
      rewrite.warnings.push_back(drive_missing(entry));
    } else if (const auto* missing = std::get_if<DiskNotGiven>(&meaning)) {
      let_boot_go_on_without(entry, edits);
      rewrite.warnings.push_back(missing_disk(entry, missing->disk));
    } else if (const auto* unknown = std::get_if<UnknownName>(&meaning)) {
      let_boot_go_on_without(entry, edits);
      rewrite.warnings.push_back(unknown_device(entry, unknown->why));
    }
  }
  rewrite.text = edits.apply(text);
  return rewrite;
}

}  // namespace rehost
