#include "bootfix/replication_agent.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/guest_files.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kPlaces[] = {
    "/etc/systemd/system",
    "/etc/systemd/system/*.wants",
    "/etc/systemd/system/*.requires",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/init",
    "/etc/init.d",
    "/etc/rc[0-6S].d",
    "/etc/rc.d/init.d",
    "/etc/rc.d/rc[0-6].d",
    "/etc/init.d/rc[0-6S].d",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/logrotate.d",
    "/etc/modprobe.d",
    "/etc/modules-load.d",
    "/etc/udev/rules.d",
    "/etc/dracut.conf.d",
    "/usr/lib/dracut/modules.d",
    "/etc/initramfs-tools/hooks",
    "/etc/initramfs-tools/scripts/*",
    "/usr/share/initramfs-tools/hooks",
    "/usr/share/initramfs-tools/scripts/*",
    "/lib/modules/*/extra",
    "/lib/modules/*/updates",
    "/lib/modules/*/weak-updates",
};

// Where a menu that starts a kernel may stand, and what it is made from.
constexpr std::string_view kMenus[] = {
    "/boot/grub/grub.cfg",        "/boot/grub2/grub.cfg",       "/boot/grub/grub.conf",
    "/boot/grub/menu.lst",        "/boot/efi/EFI/*/grub.cfg",   "/boot/loader/entries/*.conf",
    "/boot/efi/loader/entries/*", "/efi/loader/entries/*.conf", "/etc/grub.d/*"};

// The first menu whose text has `name`; empty: none.
std::string menu_with(const GuestView& guest, std::string_view name) {
  for (const std::string_view pattern : kMenus) {
    for (const GuestPath& menu : matching_entries(guest, pattern)) {
      if (guest.read(menu).value_or("").find(name) != std::string::npos) {
        return menu.str();
      }
    }
  }
  return "";
}

}  // namespace

std::vector<std::string> agent_file_patterns(std::span<const std::string_view> names) {
  std::vector<std::string> patterns;
  for (const std::string_view place : kPlaces) {
    for (const std::string_view name : names) {
      patterns.push_back(fmt::format("{}/{}", place, name));
    }
  }
  return patterns;
}

std::string modules_without(std::string_view modules, std::string_view module) {
  TextEdits edits;
  for (const Line& line : split_lines(modules)) {
    const std::string_view content = trim(content_of(modules, line));
    std::string name = lower_case(content.substr(0, content.find_first_of(" \t")));
    std::replace(name.begin(), name.end(), '-', '_');
    if (name == module) {
      edits.remove(line.begin, line.next);
    }
  }
  return edits.apply(modules);
}

void plan_launch_images_removal(FixResult& result, const GuestView& guest, std::string_view fix) {
  for (const GuestPath& image : matching_entries(guest, "/boot/aws-launch-*")) {
    const std::string menu = menu_with(guest, image.name());
    if (menu.empty()) {
      plan_entry_removal(result, guest, fix, image,
                         "it is an initramfs that the agent has made for a launch by its service");
      continue;
    }
    result.warnings.push_back(
        {.code = "left-behind-kept",
         .subject = image.str(),
         .sentence = fmt::format("{} starts {}, which the replication agent has made: it stays; "
                                 "make that entry start the kernel's own initramfs",
                                 menu, image.str())});
  }
}

}  // namespace rehost
