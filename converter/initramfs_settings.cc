#include "converter/initramfs_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "bootfix/device_names.h"
#include "bootfix/fstab.h"
#include "bootfix/lvm_conf.h"
#include "bootfix/mdadm_conf.h"

namespace rehost {
namespace {

DeviceName device_of(const NameMeaning& meaning) {
  if (const auto* stable = std::get_if<StableName>(&meaning)) {
    return stable->device;
  }
  const auto* found = std::get_if<FoundName>(&meaning);
  return found == nullptr ? DeviceName() : found->device;
}

bool lies_on(const Filesystem& filesystem, const MdArray& array) {
  std::string_view device = filesystem.device.str();
  constexpr std::string_view kSubvolume = "btrfsvol:";
  device.remove_prefix(device.starts_with(kSubvolume) ? kSubvolume.size() : 0);
  if (!device.starts_with(array.device.str())) {
    return false;
  }
  device.remove_prefix(array.device.str().size());
  return device.empty() || device[0] == 'p' || device[0] == '/';
}

// Of a file system on several devices, each of them.
void need(const Inspection& inspection, const DeviceName& device, InitramfsNeeds& needs) {
  const Filesystem* needed = find_filesystem(inspection, device);
  if (needed == nullptr) {
    return;
  }
  for (const Filesystem& part : inspection.filesystems) {
    const bool same = part.device == device || (part.uuid == needed->uuid &&
                                                part.type == needed->type && !part.uuid.empty());
    if (!same || part.volume) {
      continue;
    }
    bool on_array = false;
    for (const MdArray& array : inspection.arrays) {
      if (lies_on(part, array)) {
        needs.arrays.push_back(&array);
        on_array = true;
      }
    }
    needs.lvm = needs.lvm || !on_array;
  }
}

// lvm.conf(5): what lvmlocal.conf says takes the place of the same setting in lvm.conf.
void look_into_lvm(const Initramfs& initramfs, bool needed, std::vector<HidingSetting>& hiding) {
  std::map<std::string, HidingSetting> by_setting;
  std::optional<bool> devices_file;
  bool off_by_default = false;
  for (const std::string_view path : {"etc/lvm/lvm.conf", "etc/lvm/lvmlocal.conf"}) {
    const std::string_view text = initramfs.read(path).value_or("");
    for (const LvmFilter& filter : parse_lvm_filters(text)) {
      const NvmeView view = view_of_nvme(filter);
      by_setting[filter.name] = {
          view == NvmeView::seen ? "" : fmt::format("the {} in {}", filter.name, path), needed,
          view == NvmeView::hidden};
    }
    if (const auto set = devices_file_switch(text)) {
      devices_file = set;
    }
    // The file that comes with LVM has each default as a comment.
    off_by_default = off_by_default || text.find("# use_devicesfile = 0") != std::string_view::npos;
  }
  for (const auto& [name, setting] : by_setting) {
    if (!setting.text.empty()) {
      hiding.push_back(setting);
    }
  }
  // Its entries go by what the old disks said of themselves.
  constexpr std::string_view kDevicesFile = "etc/lvm/devices/system.devices";
  const std::string_view devices = initramfs.read(kDevicesFile).value_or("");
  if (devices_file.value_or(true) && devices.find("IDNAME=") != std::string_view::npos) {
    hiding.push_back({std::string(kDevicesFile), needed, devices_file || !off_by_default});
  }
}

// mdadm.conf(5): which of the arrays an ARRAY line is about. nullopt: it does not say.
std::optional<std::vector<const MdArray*>> arrays_of_line(const MdadmLine& line,
                                                          const Inspection& inspection) {
  std::optional<std::vector<const MdArray*>> about;
  for (const MdadmLine::Word& word : line.words) {
    const size_t equals = word.text.find('=');
    if (equals == std::string::npos || lower_case(word.text.substr(0, equals)) != "uuid") {
      continue;
    }
    const auto digits = [](std::string_view uuid) {
      std::string hex = lower_case(uuid);
      std::erase_if(hex, [](unsigned char c) { return std::isxdigit(c) == 0; });
      return hex;
    };
    about.emplace();
    for (const MdArray& array : inspection.arrays) {
      if (digits(array.uuid) == digits(word.text.substr(equals + 1))) {
        about->push_back(&array);
      }
    }
  }
  return about;
}

void look_into_mdadm(std::string_view text, std::string_view path, const Inspection& inspection,
                     const InitramfsNeeds& needs, std::vector<HidingSetting>& hiding) {
  const std::vector<MdadmLine> lines = parse_mdadm_conf(text);
  for (const HidingWord& word : words_hiding_nvme(text)) {
    HidingSetting setting{fmt::format("{} in {} line {}", word.text, path, word.line),
                          !needs.arrays.empty(), true};
    const auto line = std::find_if(lines.begin(), lines.end(),
                                   [&](const MdadmLine& l) { return l.line == word.line; });
    if (line != lines.end() && line->keyword == "arr") {
      const auto about = arrays_of_line(*line, inspection);
      if (about && about->empty()) {
        continue;  // an array that is no more
      }
      setting.certain = about.has_value();
      setting.needed =
          about ? std::any_of(about->begin(), about->end(),
                              [&](const MdArray* array) {
                                return std::find(needs.arrays.begin(), needs.arrays.end(), array) !=
                                       needs.arrays.end();
                              })
                : setting.needed;
    }
    hiding.push_back(setting);
  }
}

}  // namespace

InitramfsNeeds initramfs_needs(const GuestView& guest, const Inspection& inspection,
                               const KernelArguments& arguments) {
  InitramfsNeeds needs;
  need(inspection, inspection.root, needs);
  for (const MountedFilesystem& mounted : inspection.mounts) {
    if (mounted.where == GuestPath("/usr") || mounted.where == GuestPath("/etc")) {
      need(inspection, mounted.device, needs);
    }
  }
  const std::string fstab = guest.read(GuestPath("/etc/fstab")).value_or("");
  const std::vector<FstabEntry> entries = parse_fstab(fstab);
  const NameMap names(inspection, uses_in_fstab(entries, inspection));
  for (const FstabEntry& entry : entries) {
    if (entry.has_option("x-initrd.mount")) {
      need(inspection, device_of(names.meaning(entry.device, entry.type)), needs);
    }
  }
  // dracut.cmdline(7): it waits for each of these. A resume device is given up after a while.
  needs.lvm = needs.lvm ||
              ((arguments.has("rd.lvm.lv") || arguments.has("rd.lvm.vg")) && uses_lvm(inspection));
  for (const Filesystem& filesystem : inspection.filesystems) {
    if (needs.lvm && filesystem.type == "LVM2_member") {
      for (const MdArray& array : inspection.arrays) {
        if (lies_on(filesystem, array)) {
          needs.arrays.push_back(&array);
        }
      }
    }
  }
  if (arguments.has("rd.md.uuid")) {
    for (const MdArray& array : inspection.arrays) {
      needs.arrays.push_back(&array);
    }
  }
  return needs;
}

std::vector<HidingSetting> settings_hiding_nvme(const Initramfs& initramfs,
                                                const Inspection& inspection,
                                                const InitramfsNeeds& needs) {
  std::vector<HidingSetting> hiding;
  if (uses_lvm(inspection)) {
    look_into_lvm(initramfs, needs.lvm, hiding);
  }
  if (!inspection.arrays.empty()) {
    for (const std::string_view path : {"etc/mdadm.conf", "etc/mdadm/mdadm.conf"}) {
      look_into_mdadm(initramfs.read(path).value_or(""), path, inspection, needs, hiding);
    }
  }
  return hiding;
}

}  // namespace rehost
