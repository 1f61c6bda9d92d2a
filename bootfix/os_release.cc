#include "bootfix/os_release.h"

#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"

namespace rehost {
namespace {

// The first run of digits and dots, without a dot at its end: "7.8.2003" of "release 7.8.2003
// (Core)".
std::string first_version(std::string_view text) {
  const size_t begin = text.find_first_of("0123456789");
  if (begin == std::string_view::npos) {
    return "";
  }
  std::string_view version = text.substr(begin);
  version = version.substr(0, version.find_first_not_of("0123456789."));
  while (!version.empty() && version.back() == '.') {
    version.remove_suffix(1);
  }
  return std::string(version);
}

std::string_view first_line(std::string_view text) {
  return trim(text.substr(0, text.find('\n')));
}

struct ReleaseName {
  std::string_view begins_with;
  std::string_view id;
  std::string_view id_like;
};

constexpr ReleaseName kRedhatNames[] = {
    {"CentOS", "centos", "rhel fedora"},
    {"Red Hat", "rhel", "fedora"},
    {"Oracle", "ol", "rhel fedora"},
    {"Enterprise Linux Enterprise Linux", "ol", "rhel fedora"},  // Oracle Linux 5
    {"Scientific", "scientific", "rhel fedora"},
    {"Rocky", "rocky", "rhel centos fedora"},
    {"AlmaLinux", "almalinux", "rhel centos fedora"},
    {"Amazon Linux", "amzn", "rhel fedora"},
    {"Fedora", "fedora", ""},
};

constexpr std::string_view kRedhatFiles[] = {"/etc/oracle-release", "/etc/centos-release",
                                             "/etc/redhat-release", "/etc/system-release"};

// "PATCHLEVEL = 4"
std::string suse_value(std::string_view text, std::string_view key) {
  for (const Line& line : split_lines(text)) {
    const std::string_view content = content_of(text, line);
    const size_t equals = content.find('=');
    if (equals != std::string_view::npos && trim(content.substr(0, equals)) == key) {
      return std::string(trim(content.substr(equals + 1)));
    }
  }
  return "";
}

}  // namespace

OsRelease parse_os_release(std::string_view text) {
  OsRelease release;
  for (const ShellAssignment& assignment : parse_shell_assignments(text)) {
    if (assignment.name == "ID") {
      release.id = assignment.value;
    } else if (assignment.name == "ID_LIKE") {
      release.id_like = assignment.value;
    } else if (assignment.name == "VERSION_ID") {
      release.version_id = assignment.value;
    } else if (assignment.name == "PRETTY_NAME") {
      release.pretty_name = assignment.value;
    }
  }
  return release;
}

std::optional<OsRelease> parse_redhat_release(std::string_view text) {
  const std::string_view line = first_line(text);
  for (const ReleaseName& name : kRedhatNames) {
    if (line.starts_with(name.begins_with)) {
      return OsRelease{.id = std::string(name.id),
                       .id_like = std::string(name.id_like),
                       .version_id = first_version(line),
                       .pretty_name = std::string(line)};
    }
  }
  return std::nullopt;
}

std::optional<OsRelease> parse_suse_release(std::string_view text) {
  const std::string_view line = first_line(text);
  const bool enterprise = line.starts_with("SUSE Linux Enterprise");
  if (!enterprise && !line.starts_with("openSUSE")) {
    return std::nullopt;
  }
  OsRelease release{.id = enterprise ? "sles" : "opensuse",
                    .id_like = "suse",
                    .version_id = suse_value(text, "VERSION"),
                    .pretty_name = std::string(line)};
  const std::string service_pack = suse_value(text, "PATCHLEVEL");
  if (all_digits(service_pack) && service_pack != "0") {
    release.version_id += "." + service_pack;
  }
  return release;
}

std::optional<OsRelease> parse_debian_version(std::string_view text) {
  const std::string_view line = first_line(text);
  if (line.empty()) {
    return std::nullopt;
  }
  const bool numbered = line.front() >= '0' && line.front() <= '9';
  return OsRelease{.id = "debian",
                   .id_like = "",
                   .version_id = numbered ? first_version(line) : "",
                   .pretty_name = "Debian GNU/Linux " + std::string(line)};
}

std::optional<OsRelease> read_os_release(const GuestView& guest) {
  for (const std::string_view path : {"/etc/os-release", "/usr/lib/os-release"}) {
    if (const std::optional<std::string> text = guest.read(GuestPath(path))) {
      OsRelease release = parse_os_release(*text);
      if (!release.id.empty()) {
        return release;
      }
    }
  }
  for (const std::string_view path : kRedhatFiles) {
    const std::optional<std::string> text = guest.read(GuestPath(path));
    if (std::optional<OsRelease> release = text ? parse_redhat_release(*text) : std::nullopt) {
      return release;
    }
  }
  if (const std::optional<std::string> text = guest.read(GuestPath("/etc/SuSE-release"))) {
    return parse_suse_release(*text);
  }
  if (const std::optional<std::string> text = guest.read(GuestPath("/etc/debian_version"))) {
    return parse_debian_version(*text);
  }
  return std::nullopt;
}

}  // namespace rehost
