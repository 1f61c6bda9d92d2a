// What the network stacks share: reading their files, setting one aside, and the names that the
// card of EC2 may get.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/text_file.h"
#include "converter/core/fix.h"

namespace rehost {

// A file of a configuration directory. `path` is where its entry lies, `real` what a link leads to.
struct NetworkFile {
  GuestPath path;
  GuestPath real;
  std::optional<std::string> link;  // the target, when the entry is a symlink
  std::string content;
};

// The regular files in a directory, links followed, for which `wanted(name)` holds; in order of
// name.
std::vector<NetworkFile> read_network_files(const GuestView& guest, std::string_view directory,
                                            bool (*wanted)(std::string_view name));

// /etc/netplan/x.yaml -> /var/lib/rehost/set-aside/etc/netplan/x.yaml. Not beside the file:
// NetworkManager reads whatever lies in its directories.
GuestPath set_aside_path(const GuestPath& path);
// A copy of all its bytes, mode 0600, unless it is there already.
void plan_copy_aside(FixResult& result, const GuestView& guest, std::string_view fix,
                     const NetworkFile& file);
// The copy, then the removal.
void plan_set_aside(FixResult& result, const GuestView& guest, std::string_view fix,
                    const NetworkFile& file);
// The copy, then the new content in place.
void plan_rewrite_with_copy(FixResult& result, const GuestView& guest, std::string_view fix,
                            const NetworkFile& file, std::string_view new_content);

// "/etc/x configured ens192 with IPADDR=10.0.0.5: set aside in /var/.., INSTEAD".
void warn_set_aside(FixResult& result, const NetworkFile& file, std::string_view subject,
                    const std::vector<std::string>& what, std::string_view instead);
// A bond, bridge or VLAN on a card of the old machine, which stays written down.
void warn_not_started(FixResult& result, const NetworkFile& file, std::string_view subject);

// glob(7) with * ? and [..], on the name of an interface.
bool matches_glob(std::string_view name, std::string_view pattern);
// Does the pattern hold for each name that the card of EC2 may get: eth0 with net.ifnames=0, ens5
// without?
bool matches_any_ec2_card(std::string_view pattern);
bool matches_some_ec2_card(std::string_view pattern);
// The name of a card, or a pattern that a card may match.
bool names_cards(std::string_view pattern);

// One of the directories in which programs lie holds it.
bool has_program(const GuestView& guest, std::string_view name);

}  // namespace rehost
