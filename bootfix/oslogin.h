// OS Login of Google Compute Engine: who may log in is asked from Google's metadata server. On EC2
// 169.254.169.254 answers other questions, and every lookup of a user waits for it. What its agent
// (guest-agent, google_guest_agent/oslogin.go) and the older google_oslogin_control have written is
// taken back as they themselves take it back. Text in, text out; a text without it stays as it is.
#pragma once

#include <string>
#include <string_view>

namespace rehost {

// nsswitch.conf(5) without the services `cache_oslogin` and `oslogin`.
std::string nsswitch_without_oslogin(std::string_view text);

// sshd_config(5): the sections between Google's marks go, among them AuthorizedKeysCommand
// /usr/bin/google_authorized_keys; directives of the owner that were commented out come back.
std::string sshd_config_without_oslogin(std::string_view text);

// A file of /etc/pam.d: Google's sections, its marked lines and every line with pam_oslogin go.
std::string pam_without_oslogin(std::string_view text);

// group.conf(5): the marked line "sshd;*;*;Al0000-2400;video" goes.
std::string group_conf_without_oslogin(std::string_view text);

// hosts(5) without the lines that end in "# Added by Google": the metadata server, and the address
// that the machine had there.
std::string hosts_without_google(std::string_view text);

}  // namespace rehost
