// Taking a user and a group out of the account files, byte for byte: every other line stays as it
// is. Text in, text out.
#pragma once

#include <string>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// Without the lines whose first field is `name`: passwd(5), shadow(5), group(5), gshadow(5),
// subuid(5), subgid(5).
std::string without_account(std::string_view text, std::string_view name);

// Without `user` in the lists of members: the fields behind the third colon of group(5), behind the
// second of gshadow(5).
std::string without_member(std::string_view text, std::string_view user, size_t first_list);

// sudoers(5) without the rules and the Defaults of one user; lines that go on with a backslash are
// one rule.
std::string without_sudo_rules(std::string_view sudoers, std::string_view user);

// The edits that take the account out of /etc/passwd and its kind, its rules out of /etc/sudoers
// and /etc/sudoers.d, and its crontab. The group of that name stays when another user has it as his
// own.
void plan_account_removal(FixResult& result, const GuestView& guest, std::string_view fix,
                          std::string_view account, std::string_view reason);

}  // namespace rehost
