#include "drivers/mkinitrd.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "drivers/kernel_module.h"

namespace rehost {
namespace {

constexpr std::string_view kProgram = "/sbin/mkinitrd";

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines;
}

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<std::string_view> words;
  for (size_t at = line.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlanks, end);
  }
  return words;
}

bool names(const std::vector<std::string_view>& words, std::string_view module) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return module_name(word) == module_name(module);
  });
}

std::string with_line(std::string text, std::string_view line) {
  text += text.empty() || text.back() == '\n' ? "" : "\n";
  return text + std::string(line) + "\n";
}

// "alias scsi_hostadapter2 ata_piix": the number, 0 for the first, which has none. nullopt: another
// line.
std::optional<int> number_of_adapter(const std::vector<std::string_view>& words) {
  constexpr std::string_view kAdapter = "scsi_hostadapter";
  if (words.size() < 3 || words[0] != "alias" || !words[1].starts_with(kAdapter)) {
    return std::nullopt;
  }
  const std::string_view digits = words[1].substr(kAdapter.size());
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool numbered =
      error == std::errc() && end == digits.data() + digits.size() && number > 0 && number < 10000;
  return numbered ? number : 0;
}

std::string with_host_adapters(std::string_view text, const std::vector<std::string>& modules) {
  std::vector<std::string_view> listed;
  int next = 0;
  for (const std::string_view line : lines_of(text)) {
    const std::vector<std::string_view> words = words_of(line);
    if (const std::optional<int> number = number_of_adapter(words)) {
      listed.push_back(words[2]);
      next = std::max(next, *number + 1);
    }
  }
  std::string result(text);
  for (const std::string& module : modules) {
    if (!names(listed, module)) {
      result =
          with_line(std::move(result), fmt::format("alias scsi_hostadapter{} {}",
                                                   next == 0 ? "" : std::to_string(next), module));
      ++next;
    }
  }
  return result;
}

// The text between the quotes of the last INITRD_MODULES="...", as offsets into the file. nullopt:
// there is none, or it is written in another way.
std::optional<std::pair<size_t, size_t>> initrd_modules(std::string_view text) {
  constexpr std::string_view kName = "INITRD_MODULES=";
  std::optional<std::pair<size_t, size_t>> found;
  for (const std::string_view line : lines_of(text)) {
    if (!line.starts_with(kName)) {
      continue;
    }
    found.reset();
    const std::string_view value = line.substr(kName.size());
    const size_t close = value.empty() ? std::string_view::npos : value.find(value.front(), 1);
    if ((value.starts_with('"') || value.starts_with('\'')) && close != std::string_view::npos &&
        words_of(value.substr(close + 1)).empty()) {
      const auto begin = static_cast<size_t>(value.data() - text.data()) + 1;
      found = {begin, begin + close - 1};
    }
  }
  return found;
}

std::string with_initrd_modules(std::string_view text, const std::vector<std::string>& modules) {
  const auto place = initrd_modules(text);
  const std::string_view list =
      place ? text.substr(place->first, place->second - place->first) : "";
  std::string added;
  for (const std::string& module : modules) {
    // A line of ours behind one that we do not understand is found here, too.
    if (!names(words_of(list), module) &&
        text.find(fmt::format("INITRD_MODULES=\"$INITRD_MODULES {}\"", module)) ==
            std::string_view::npos) {
      added += (added.empty() ? "" : " ") + module;
    }
  }
  if (added.empty()) {
    return std::string(text);
  }
  if (!place) {
    // The file is read by a shell.
    std::string result(text);
    for (const std::string_view module : words_of(added)) {
      result = with_line(std::move(result),
                         fmt::format("INITRD_MODULES=\"$INITRD_MODULES {}\"", module));
    }
    return result;
  }
  const bool blank = list.empty() || list.back() == ' ';
  return fmt::format("{}{}{}{}", text.substr(0, place->second), blank ? "" : " ", added,
                     text.substr(place->second));
}

}  // namespace

std::optional<Mkinitrd> find_mkinitrd(const GuestView& guest) {
  if (!is_file(guest, GuestPath(kProgram))) {
    return std::nullopt;
  }
  return is_directory(guest, GuestPath("/lib/mkinitrd")) ? Mkinitrd::suse : Mkinitrd::redhat;
}

std::string_view mkinitrd_file(Mkinitrd tool) {
  return tool == Mkinitrd::suse ? "/etc/sysconfig/kernel" : "/etc/modprobe.conf";
}

std::string with_mkinitrd_modules(Mkinitrd tool, std::string_view text,
                                  const std::vector<std::string>& modules) {
  return tool == Mkinitrd::suse ? with_initrd_modules(text, modules)
                                : with_host_adapters(text, modules);
}

std::optional<std::vector<std::string>> mkinitrd_command(Mkinitrd tool, const KernelImage& kernel) {
  if (!kernel.initramfs || !kernel.vmlinuz) {
    return std::nullopt;
  }
  if (tool == Mkinitrd::suse) {
    // Names relative to /boot.
    return std::vector<std::string>{std::string(kProgram), "-k",
                                    std::string(kernel.vmlinuz->name()), "-i",
                                    std::string(kernel.initramfs->name())};
  }
  return std::vector<std::string>{std::string(kProgram), "-f", "--with=nvme",
                                  kernel.initramfs->str(), kernel.release};
}

}  // namespace rehost
