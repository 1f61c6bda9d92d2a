#include "bootfix/disk_name.h"

#include <charconv>

#include "bootfix/text_edits.h"

namespace rehost {
namespace {

// Takes a number off the front; nullopt when there is none or it is absurd.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || text.front() == '-' || number > 100000) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

// "a" is 0, "z" is 25, "aa" is 26: as the kernel's sd_format_disk_name counts.
std::optional<size_t> take_letters(std::string_view& text) {
  size_t count = 0;
  size_t number = 0;
  while (count < text.size() && text[count] >= 'a' && text[count] <= 'z') {
    number = number * 26 + static_cast<size_t>(text[count] - 'a') + 1;
    ++count;
  }
  if (count == 0 || count > 3) {
    return std::nullopt;
  }
  text.remove_prefix(count);
  return number - 1;
}

// What is left behind the disk: nothing, or `separator` and a partition number. -1: something else.
int partition_of(std::string_view rest, std::string_view separator) {
  if (rest.empty()) {
    return 0;
  }
  if (!rest.starts_with(separator) || !all_digits(rest.substr(separator.size()))) {
    return -1;
  }
  rest.remove_prefix(separator.size());
  const std::optional<int> number = take_number(rest);
  return number && *number > 0 ? *number : -1;
}

std::optional<DiskName> finish(std::string_view path, std::string_view family, size_t position,
                               std::string_view rest, std::string_view separator) {
  const int partition = partition_of(rest, separator);
  if (partition < 0) {
    return std::nullopt;
  }
  return DiskName{.stem = std::string(path.substr(0, path.size() - rest.size())),
                  .family = std::string(family),
                  .position = position,
                  .partition = partition};
}

// /dev/sdb3
std::optional<DiskName> parse_lettered(std::string_view path) {
  for (const std::string_view family : {"sd", "vd", "xvd", "hd"}) {
    std::string_view rest = path.substr(5);
    if (!rest.starts_with(family)) {
      continue;
    }
    rest.remove_prefix(family.size());
    const std::optional<size_t> position = take_letters(rest);
    return position ? finish(path, family, *position, rest, "") : std::nullopt;
  }
  return std::nullopt;
}

// /dev/nvme0n1p3, /dev/mmcblk0p1, /dev/cciss/c0d0p1
std::optional<DiskName> parse_numbered(std::string_view path) {
  struct Kind {
    std::string_view family, begins, unit;
  };
  for (const Kind& kind : {Kind{"nvme", "/dev/nvme", "n1"}, Kind{"mmcblk", "/dev/mmcblk", ""},
                           Kind{"cciss", "/dev/cciss/c0d", ""}}) {
    if (!path.starts_with(kind.begins)) {
      continue;
    }
    std::string_view rest = path.substr(kind.begins.size());
    const std::optional<int> position = take_number(rest);
    if (!position || !rest.starts_with(kind.unit)) {
      return std::nullopt;
    }
    rest.remove_prefix(kind.unit.size());
    return finish(path, kind.family, static_cast<size_t>(*position), rest, "p");
  }
  return std::nullopt;
}

bool names_the_content(std::string_view link) {
  constexpr std::string_view kContents[] = {
      "by-uuid/",       "by-label/",      "by-partuuid/",   "by-partlabel/",      "by-id/dm-name-",
      "by-id/dm-uuid-", "by-id/md-name-", "by-id/md-uuid-", "by-id/lvm-pv-uuid-", "by-id/raid-"};
  for (const std::string_view content : kContents) {
    if (link.starts_with(content)) {
      return true;
    }
  }
  return false;
}

// Disks of a SAN, whose letters count nothing: /dev/mapper/mpathb, /dev/mapper/mpathb1 (EL 7),
// /dev/mapper/mpathbp1 (EL 6), /dev/emcpowera1.
std::optional<DiskName> parse_multipath(std::string_view path) {
  for (const std::string_view begins : {"/dev/mapper/mpath", "/dev/emcpower"}) {
    if (!path.starts_with(begins)) {
      continue;
    }
    std::string_view rest = path.substr(begins.size());
    std::string_view letters = rest.substr(0, rest.find_first_of("0123456789"));
    const bool has_number = letters.size() < rest.size();
    if (has_number && letters.size() > 1 && letters.ends_with('p')) {
      letters.remove_suffix(1);
      const int partition = partition_of(rest.substr(letters.size()), "p");
      if (partition > 0) {
        return DiskName{.stem = std::string(path.substr(0, begins.size() + letters.size())),
                        .family = "",
                        .position = 0,
                        .partition = partition};
      }
    }
    const int partition = partition_of(rest.substr(letters.size()), "");
    if (!letters.empty() && letters.find_first_of("-_/") == std::string_view::npos &&
        partition >= 0) {
      return DiskName{.stem = std::string(path.substr(0, begins.size() + letters.size())),
                      .family = "",
                      .position = 0,
                      .partition = partition};
    }
  }
  return std::nullopt;
}

// /dev/disk/by-id/scsi-36000c29-part1, /dev/disk/azure/root-part1, /dev/mapper/mpatha-part1
std::optional<DiskName> parse_link(std::string_view path) {
  constexpr std::string_view kLinks = "/dev/disk/";
  constexpr std::string_view kMultipath = "/dev/mapper/mpath";
  const bool link = path.starts_with(kLinks) && !names_the_content(path.substr(kLinks.size()));
  if (!link && !path.starts_with(kMultipath)) {
    return std::nullopt;
  }
  const size_t part = path.rfind("-part");
  const int partition =
      part == std::string_view::npos ? -1 : partition_of(path.substr(part), "-part");
  return DiskName{.stem = std::string(partition > 0 ? path.substr(0, part) : path),
                  .family = "",
                  .position = 0,
                  .partition = partition > 0 ? partition : 0};
}

}  // namespace

std::optional<DiskName> parse_disk_name(std::string_view path) {
  if (!path.starts_with("/dev/")) {
    return std::nullopt;
  }
  if (std::optional<DiskName> name = parse_lettered(path)) {
    return name;
  }
  if (std::optional<DiskName> name = parse_numbered(path)) {
    return name;
  }
  if (std::optional<DiskName> name = parse_multipath(path)) {
    return name;
  }
  return parse_link(path);
}

}  // namespace rehost
