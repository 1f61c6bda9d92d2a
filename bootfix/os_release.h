// Which system is this? os-release(5), and the files that older systems have in its place.
#pragma once

#include <optional>
#include <string_view>

#include "converter/core/guest.h"
#include "converter/core/inspection.h"

namespace rehost {

// Reads os-release(5): quotes and escapes as in the shell, comments, the last assignment wins,
// lines that are not assignments are passed over.
OsRelease parse_os_release(std::string_view text);

// "CentOS release 6.10 (Final)" -> centos 6.10. Also oracle-release, fedora-release,
// system-release.
std::optional<OsRelease> parse_redhat_release(std::string_view text);
// SLES 11: three lines, the service pack is PATCHLEVEL. sles 11.4.
std::optional<OsRelease> parse_suse_release(std::string_view text);
// "7.11" or "wheezy/sid": debian, with a version when there is a number.
std::optional<OsRelease> parse_debian_version(std::string_view text);

// The guest's own answer: /etc/os-release, /usr/lib/os-release, then the older files. nullopt: not
// a Linux root, or one of a kind that we do not know.
std::optional<OsRelease> read_os_release(const GuestView& guest);

}  // namespace rehost
