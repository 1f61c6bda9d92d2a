#include "bootfix/time_source.h"

#include <algorithm>
#include <vector>

#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kOldClocks[] = {"/dev/ptp_hyperv", "/dev/ptp_vmw", "/dev/ptp_kvm"};
constexpr std::string_view kOldServers[] = {"metadata.google.internal", "169.254.169.254"};
// EC2 User Guide, "Set the time reference on your EC2 instance to use the local Amazon Time Sync
// Service".
constexpr std::string_view kTimeSyncAddress = "169.254.169.123";
constexpr std::string_view kTimeSync = "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4";

template <size_t n>
bool is_one_of(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool names_old_clock(const std::vector<std::string>& words) {
  if (words.size() < 3 || lower_case(words[0]) != "refclock" || lower_case(words[1]) != "phc") {
    return false;
  }
  // "/dev/ptp_hyperv:extpps": options of the driver stand behind a colon.
  return is_one_of(kOldClocks, std::string_view(words[2]).substr(0, words[2].find(':')));
}

bool names_old_server(const std::vector<std::string>& words) {
  const std::string directive = words.empty() ? "" : lower_case(words[0]);
  return words.size() >= 2 && (directive == "server" || directive == "pool") &&
         is_one_of(kOldServers, words[1]);
}

}  // namespace

std::string chrony_for_ec2(std::string_view chrony_conf) {
  bool named = false;
  for (const Line& line : split_lines(chrony_conf)) {
    const std::vector<std::string> words = split_words(content_of(chrony_conf, line));
    named = named || (words.size() >= 2 && words[0] == "server" && words[1] == kTimeSyncAddress);
  }
  TextEdits edits;
  for (const Line& line : split_lines(chrony_conf)) {
    const std::string_view content = content_of(chrony_conf, line);
    const std::vector<std::string> words = split_words(content);
    if (!names_old_clock(words) && !names_old_server(words)) {
      continue;
    }
    std::string replacement = "# " + std::string(content);
    if (!named) {
      replacement += line_ending(chrony_conf);
      replacement += kTimeSync;
      named = true;
    }
    edits.replace(line.begin, line.end, replacement);
  }
  return edits.apply(chrony_conf);
}

}  // namespace rehost
