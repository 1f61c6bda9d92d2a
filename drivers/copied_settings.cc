#include "drivers/copied_settings.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

namespace rehost {
namespace {

// lvm.conf(5): filter, global_filter. A list may go on over several lines: each of them has a
// pattern in quotes, "a|...|" or "r|...|".
bool is_lvm_filter(std::string_view line) {
  const size_t text = std::min(line.find_first_not_of(" \t"), line.size());
  if (line.substr(text).starts_with('#')) {
    return false;
  }
  if (line.find("filter") != std::string_view::npos) {
    return true;
  }
  for (size_t at = 0; at + 2 < line.size(); ++at) {
    const bool verdict =
        (line[at] == '"' || line[at] == '\'') && (line[at + 1] == 'a' || line[at + 1] == 'r');
    if (verdict && std::isalnum(static_cast<unsigned char>(line[at + 2])) == 0) {
      return true;
    }
  }
  return false;
}

// mdadm.conf(5): DEVICE and ARRAY, which three letters are enough for.
bool is_about_members(std::string_view line) {
  std::string keyword(line.substr(0, 3));
  std::transform(keyword.begin(), keyword.end(), keyword.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return keyword == "dev" || keyword == "arr";
}

struct CopiedFile {
  std::string_view path;  // in the image and, with a slash in front, in the guest
  bool (*is_about_devices)(std::string_view line);
};

constexpr CopiedFile kCopiedFiles[] = {
    {"etc/lvm/lvm.conf", is_lvm_filter},
    {"etc/lvm/lvmlocal.conf", is_lvm_filter},
    {"etc/mdadm/mdadm.conf", is_about_members},
    {"etc/mdadm.conf", is_about_members},
};

// Lines with their endings.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

// `inside` with its lines about devices as they are in `outside`. As it is when they cannot be told
// one by one.
std::string with_lines_of(std::string_view inside, std::string_view outside,
                          bool (*is_wanted)(std::string_view)) {
  std::vector<std::string> wanted;
  for (std::string& line : lines_of(outside)) {
    if (is_wanted(line)) {
      wanted.push_back(std::move(line));
    }
  }
  std::vector<std::string> lines = lines_of(inside);
  const auto count = std::count_if(lines.begin(), lines.end(),
                                   [&](const std::string& line) { return is_wanted(line); });
  if (static_cast<size_t>(count) != wanted.size()) {
    return std::string(inside);
  }
  std::string text;
  auto next = wanted.begin();
  for (const std::string& line : lines) {
    text += is_wanted(line) ? *next++ : line;
  }
  return text;
}

// lvmdevices(8): with a devices file LVM sees what is in it and nothing else.
void switch_off_devices_file(const GuestView& guest, const Initramfs& initramfs,
                             std::map<std::string, std::string>& texts) {
  constexpr std::string_view kDevicesFile = "etc/lvm/devices/system.devices";
  constexpr std::string_view kSwitch =
      "# The devices file in this image is that of another machine.\n"
      "devices {\n\tuse_devicesfile = 0\n}\n";
  if (!initramfs.tree().is_file(kDevicesFile) ||
      is_file(guest, GuestPath("/" + std::string(kDevicesFile)))) {
    return;
  }
  // Merged over lvm.conf: lvm.conf(5).
  std::string& text = texts["etc/lvm/lvmlocal.conf"];
  if (text.find(kSwitch) == std::string::npos) {
    text += text.empty() || text.back() == '\n' ? "" : "\n";
    text += kSwitch;
  }
}

}  // namespace

std::map<std::string, std::string> stale_copies(const GuestView& guest,
                                                const Initramfs& initramfs) {
  std::map<std::string, std::string> texts;
  for (const CopiedFile& file : kCopiedFiles) {
    const std::string path(file.path);
    const std::optional<std::string_view> inside = initramfs.read(path);
    const std::optional<std::string> outside = guest.read(GuestPath("/" + path));
    if (inside) {
      texts[path] =
          outside ? with_lines_of(*inside, *outside, file.is_about_devices) : std::string(*inside);
    }
  }
  switch_off_devices_file(guest, initramfs, texts);
  for (auto at = texts.begin(); at != texts.end();) {
    at = initramfs.read(at->first) == at->second ? texts.erase(at) : std::next(at);
  }
  return texts;
}

}  // namespace rehost
