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

// mdadm.conf(5): three letters are enough for DEVICE and ARRAY.
bool has_mdadm_keyword(std::string_view line, std::string_view three_letters) {
  std::string keyword(line.substr(0, 3));
  std::transform(keyword.begin(), keyword.end(), keyword.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return keyword == three_letters;
}

bool is_device_line(std::string_view line) {
  return has_mdadm_keyword(line, "dev");
}

bool is_about_members(std::string_view line) {
  return is_device_line(line) || has_mdadm_keyword(line, "arr");
}

enum class Indented { own_line, goes_on };

struct CopiedFile {
  std::string_view path;    // in the image and, with a slash in front, in the guest
  std::string_view source;  // in the guest, where `path` is none of its files
  bool (*is_about_devices)(std::string_view line);
  Indented indented;
};

constexpr CopiedFile kCopiedFiles[] = {
    {"etc/lvm/lvm.conf", "", is_lvm_filter, Indented::own_line},
    {"etc/lvm/lvmlocal.conf", "", is_lvm_filter, Indented::own_line},
    {"etc/mdadm/mdadm.conf", "", is_about_members, Indented::goes_on},
    // Also of Debian's file: dracut gives it the place where it looks for one.
    {"etc/mdadm.conf", "/etc/mdadm/mdadm.conf", is_about_members, Indented::goes_on},
};

// Lines with their endings, and with the lines that continue them.
std::vector<std::string> lines_of(std::string_view text, Indented indented) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const bool goes_on = indented == Indented::goes_on && !lines.empty() &&
                         (text.front() == ' ' || text.front() == '\t');
    if (goes_on) {
      lines.back() += text.substr(0, end);
    } else {
      lines.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(end);
  }
  return lines;
}

std::vector<std::string> picked_lines(std::string_view text, Indented indented,
                                      bool (*is_wanted)(std::string_view)) {
  std::vector<std::string> lines = lines_of(text, indented);
  std::erase_if(lines, [&](const std::string& line) { return !is_wanted(line); });
  return lines;
}

// The image is older than an array of the guest: the DEVICE lines alone, which hold for all arrays.
std::string with_device_lines_of(std::string_view inside, std::string_view outside) {
  std::string text;
  std::vector<std::string> wanted = picked_lines(outside, Indented::goes_on, is_device_line);
  for (const std::string& line : lines_of(inside, Indented::goes_on)) {
    if (!is_device_line(line)) {
      text += line;
      continue;
    }
    for (const std::string& device : wanted) {
      text += device;
    }
    wanted.clear();
  }
  return text;
}

// `inside` with its lines about devices as they are in `outside`. As it is when they cannot be told
// one by one.
std::string with_lines_of(std::string_view inside, std::string_view outside,
                          const CopiedFile& file) {
  const std::vector<std::string> wanted =
      picked_lines(outside, file.indented, file.is_about_devices);
  const std::vector<std::string> lines = lines_of(inside, file.indented);
  const auto count = std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
    return file.is_about_devices(line);
  });
  if (static_cast<size_t>(count) != wanted.size()) {
    return file.is_about_devices == is_about_members ? with_device_lines_of(inside, outside)
                                                     : std::string(inside);
  }
  std::string text;
  auto next = wanted.begin();
  for (const std::string& line : lines) {
    text += file.is_about_devices(line) ? *next++ : line;
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
    std::optional<std::string> outside = guest.read(GuestPath("/" + path));
    if (!outside && !file.source.empty()) {
      outside = guest.read(GuestPath(file.source));
    }
    if (inside) {
      texts[path] = outside ? with_lines_of(*inside, *outside, file) : std::string(*inside);
    }
  }
  switch_off_devices_file(guest, initramfs, texts);
  for (auto at = texts.begin(); at != texts.end();) {
    at = initramfs.read(at->first) == at->second ? texts.erase(at) : std::next(at);
  }
  return texts;
}

}  // namespace rehost
