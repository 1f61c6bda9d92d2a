#include "bootfix/grub_install_device.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bootfix/device_names.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

constexpr std::string_view kDebconf = "/var/cache/debconf/config.dat";
constexpr std::string_view kSuse = "/etc/default/grub_installdevice";

// perl-Bootloader: a device a line, and words such as "activate" and "generic_mbr".
std::vector<std::string> suse_install_devices(std::string_view text) {
  std::vector<std::string> devices;
  for (const Line& line : split_lines(text)) {
    const std::vector<std::string> words = split_words(content_of(text, line));
    if (!words.empty() && words[0].starts_with('/')) {
      devices.push_back(words[0]);
    }
  }
  return devices;
}

void warn(FixResult& result, std::string_view file, std::vector<std::string> devices,
          std::string_view advice) {
  std::erase_if(devices, [](const std::string& device) { return !is_unstable_name(device); });
  if (devices.empty()) {
    return;
  }
  result.warnings.push_back(
      {.code = "grub-install-device",
       .subject = std::string(file),
       .sentence = fmt::format("the next update of GRUB installs itself on {}, which EC2 calls "
                               "otherwise: {}",
                               fmt::join(devices, ", "), advice)});
}

FixResult plan_grub_install_device(const GuestView& guest, const Inspection& inspection,
                                   const Target&) {
  FixResult result;
  if (inspection.firmware != Firmware::bios) {
    return result;  // grub-install goes by the ESP that is mounted
  }
  const auto debconf = read_text_file(guest, GuestPath(kDebconf));
  warn(result, kDebconf, debconf_install_devices(debconf ? debconf->content : ""),
       "run dpkg-reconfigure grub-pc there once, or unattended upgrades will fail");
  const auto suse = read_text_file(guest, GuestPath(kSuse));
  warn(result, kSuse, suse_install_devices(suse ? suse->content : ""),
       "write the disk's name there into this file once");
  return result;
}

}  // namespace

constinit const Fix kGrubInstallDeviceFix = {
    .name = "grub-install-device",
    .heading = "Look where the next GRUB will be installed",
    .description =
        "Changes nothing. Warns when debconf (grub-pc/install_devices) or "
        "/etc/default/grub_installdevice name a disk that has another name on EC2.",
    .plan = plan_grub_install_device,
};

std::vector<std::string> debconf_install_devices(std::string_view database) {
  std::vector<std::string> devices;
  bool meant = false;
  for (const Line& line : split_lines(database)) {
    const std::string_view content = content_of(database, line);
    if (content.starts_with("Name:")) {
      meant = trim(content.substr(5)) == "grub-pc/install_devices";
    } else if (meant && content.starts_with("Value:")) {
      for (const std::string& device : split_at_commas(std::string(content.substr(6)))) {
        if (!trim(device).empty()) {
          devices.emplace_back(trim(device));
        }
      }
    }
  }
  return devices;
}

}  // namespace rehost
