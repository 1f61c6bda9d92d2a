#include "converter/initramfs_settings.h"

#include <fmt/format.h>

#include <map>

#include "bootfix/lvm_conf.h"
#include "bootfix/mdadm_conf.h"

namespace rehost {
namespace {

// lvm.conf(5): what lvmlocal.conf says takes the place of the same setting in lvm.conf.
void look_into_lvm(const Initramfs& initramfs, std::vector<std::string>& hiding) {
  std::map<std::string, std::string> by_setting;
  bool devices_file_off = false;
  for (const std::string_view path : {"etc/lvm/lvm.conf", "etc/lvm/lvmlocal.conf"}) {
    const std::string_view text = initramfs.read(path).value_or("");
    for (const LvmFilter& filter : parse_lvm_filters(text)) {
      by_setting[filter.name] =
          hides_nvme(filter) ? fmt::format("the {} in {}", filter.name, path) : "";
    }
    devices_file_off = devices_file_off ||
                       text.find("use_devicesfile = 0") != std::string_view::npos ||
                       text.find("use_devicesfile=0") != std::string_view::npos;
  }
  for (const auto& [setting, place] : by_setting) {
    if (!place.empty()) {
      hiding.push_back(place);
    }
  }
  // Its entries go by what the old disks said of themselves.
  constexpr std::string_view kDevicesFile = "etc/lvm/devices/system.devices";
  const std::string_view devices = initramfs.read(kDevicesFile).value_or("");
  if (!devices_file_off && devices.find("IDNAME=") != std::string_view::npos) {
    hiding.emplace_back(kDevicesFile);
  }
}

}  // namespace

std::vector<std::string> settings_hiding_nvme(const Initramfs& initramfs,
                                              const Inspection& inspection) {
  std::vector<std::string> hiding;
  if (uses_lvm(inspection)) {
    look_into_lvm(initramfs, hiding);
  }
  if (!inspection.arrays.empty()) {
    for (const std::string_view path : {"etc/mdadm.conf", "etc/mdadm/mdadm.conf"}) {
      for (const HidingWord& word : words_hiding_nvme(initramfs.read(path).value_or(""))) {
        hiding.push_back(fmt::format("{} in {} line {}", word.text, path, word.line));
      }
    }
  }
  return hiding;
}

}  // namespace rehost
