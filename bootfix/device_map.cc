#include "bootfix/device_map.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <vector>

#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

// The number of "(hd7)"; nullopt: no hard disk.
std::optional<size_t> drive_number(std::string_view word) {
  if (!word.starts_with("(hd") || !word.ends_with(')')) {
    return std::nullopt;
  }
  word = word.substr(3, word.size() - 4);
  size_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) {
    return std::nullopt;
  }
  return number;
}

FixResult plan_device_map(const GuestView& guest, const Inspection& inspection, const Target&) {
  FixResult result;
  const std::optional<TextFile> file = read_text_file(guest, GuestPath("/boot/grub/device.map"));
  if (file && !resolve(guest, GuestPath("/boot/grub/grub.cfg"))) {
    plan_rewrite(result, kDeviceMapFix.name, *file,
                 with_nvme_disks(file->content, inspection.volumes.size()),
                 "grub-install of GRUB legacy finds the disks of EC2 by it");
  }
  return result;
}

}  // namespace

constinit const Fix kDeviceMapFix = {
    .name = "device-map",
    .heading = "Tell GRUB legacy's installer the new disks",
    .description =
        "In device.map of GRUB legacy the BIOS drives are NVMe disks, in the order of the "
        "machine's disks. Nothing reads it at boot.",
    .plan = plan_device_map,
};

std::string with_nvme_disks(std::string_view device_map, size_t disks) {
  TextEdits edits;
  for (const Line& line : split_lines(device_map)) {
    const std::vector<Field> fields = split_fields(device_map, line);
    if (fields.size() < 2) {
      continue;
    }
    const auto text = [&](const Field& f) { return device_map.substr(f.begin, f.end - f.begin); };
    const std::optional<size_t> drive = drive_number(text(fields[0]));
    if (drive && *drive < disks && text(fields[1]).starts_with("/dev/")) {
      edits.replace(fields[1].begin, fields[1].end, fmt::format("/dev/nvme{}n1", *drive));
    }
  }
  return edits.apply(device_map);
}

}  // namespace rehost
