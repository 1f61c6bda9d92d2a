#include "bootfix/accounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "bootfix/guest_files.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

std::string_view field_of(std::string_view line, size_t number) {
  for (; number > 0; --number) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return "";
    }
    line.remove_prefix(colon + 1);
  }
  return line.substr(0, line.find(':'));
}

std::string without_word(std::string_view list, std::string_view word) {
  std::vector<std::string> kept = split_at_commas(list);
  std::erase_if(kept, [&](const std::string& member) { return trim(member) == word; });
  return fmt::format("{}", fmt::join(kept, ","));
}

bool has_word(std::string_view list, std::string_view word) {
  for (const std::string& member : split_at_commas(list)) {
    if (trim(member) == word) {
      return true;
    }
  }
  return false;
}

// "backup ALL=(ALL) ALL", "Defaults:backup !requiretty".
bool is_rule_of(std::string_view rule, std::string_view user) {
  const std::string_view text = trim(rule);
  const std::string_view head = text.substr(0, text.find_first_of(" \t"));
  return head == user || head == fmt::format("Defaults:{}", user);
}

// Is there anything in a sudoers file that sudo would act on?
bool has_sudo_rules(std::string_view sudoers) {
  for (const Line& line : split_lines(sudoers)) {
    const std::string_view content = trim(content_of(sudoers, line));
    // sudoers(5): neither #include nor a user by number is a comment.
    const bool rule = content.starts_with("#include") ||
                      (content.starts_with('#') && all_digits(content.substr(1, 1)));
    if (!content.empty() && (content.front() != '#' || rule)) {
      return true;
    }
  }
  return false;
}

// The group `name` may go unless it is the primary group of somebody else.
bool group_is_shared(std::string_view passwd, std::string_view group, std::string_view name) {
  std::set<std::string_view> numbers;
  for (const Line& line : split_lines(group)) {
    const std::string_view entry = content_of(group, line);
    if (field_of(entry, 0) == name) {
      numbers.insert(field_of(entry, 2));
    }
  }
  const std::vector<Line> users = split_lines(passwd);
  return std::any_of(users.begin(), users.end(), [&](const Line& line) {
    const std::string_view user = content_of(passwd, line);
    return field_of(user, 0) != name && numbers.contains(field_of(user, 3));
  });
}

void plan_rewrite_of(FixResult& result, const GuestView& guest, std::string_view fix,
                     std::string_view path, std::string_view reason, const auto& rewrite) {
  if (const std::optional<TextFile> file = read_text_file(guest, GuestPath(path))) {
    plan_rewrite(result, fix, *file, rewrite(file->content), reason);
  }
}

void plan_sudo_rules_removal(FixResult& result, const GuestView& guest, std::string_view fix,
                             std::string_view user, std::string_view reason) {
  plan_rewrite_of(result, guest, fix, "/etc/sudoers", reason,
                  [&](std::string_view text) { return without_sudo_rules(text, user); });
  for (const GuestPath& path : matching_entries(guest, "/etc/sudoers.d/*")) {
    const std::optional<TextFile> file = read_text_file(guest, path);
    if (!file || file->path != path) {
      continue;
    }
    const std::string rest = without_sudo_rules(file->content, user);
    if (rest != file->content && !has_sudo_rules(rest)) {
      plan_removal(result, fix, *file, reason);
    } else {
      plan_rewrite(result, fix, *file, rest, reason);
    }
  }
}

}  // namespace

std::string without_account(std::string_view text, std::string_view name) {
  TextEdits edits;
  for (const Line& line : split_lines(text)) {
    const std::string_view entry = content_of(text, line);
    if (entry.find(':') != std::string_view::npos && field_of(entry, 0) == name) {
      edits.remove(line.begin, line.next);
    }
  }
  return edits.apply(text);
}

std::string without_member(std::string_view text, std::string_view user, size_t first_list) {
  TextEdits edits;
  for (const Line& line : split_lines(text)) {
    size_t begin = line.begin;
    for (size_t field = 0; begin < line.end; ++field) {
      const size_t end = std::min(text.find(':', begin), line.end);
      const std::string_view list = text.substr(begin, end - begin);
      if (field >= first_list && has_word(list, user)) {
        edits.replace(begin, end, without_word(list, user));
      }
      begin = end + 1;
    }
  }
  return edits.apply(text);
}

std::string without_sudo_rules(std::string_view sudoers, std::string_view user) {
  TextEdits edits;
  const std::vector<Line> lines = split_lines(sudoers);
  for (size_t i = 0; i < lines.size(); ++i) {
    const Line& first = lines[i];
    while (i + 1 < lines.size() && content_of(sudoers, lines[i]).ends_with('\\')) {
      ++i;
    }
    if (is_rule_of(content_of(sudoers, first), user)) {
      edits.remove(first.begin, lines[i].next);
    }
  }
  return edits.apply(sudoers);
}

void plan_account_removal(FixResult& result, const GuestView& guest, std::string_view fix,
                          std::string_view account, std::string_view reason) {
  const std::string passwd = guest.read(GuestPath("/etc/passwd")).value_or("");
  const std::string group = guest.read(GuestPath("/etc/group")).value_or("");
  const bool shared = group_is_shared(passwd, group, account);
  plan_sudo_rules_removal(result, guest, fix, account, reason);
  for (const std::string_view crontabs : {"/var/spool/cron", "/var/spool/cron/crontabs"}) {
    plan_entry_removal(result, guest, fix, GuestPath(crontabs) / account, reason);
  }
  for (const std::string_view path : {"/etc/passwd", "/etc/shadow", "/etc/subuid", "/etc/subgid"}) {
    plan_rewrite_of(result, guest, fix, path, reason,
                    [&](std::string_view text) { return without_account(text, account); });
  }
  const auto out_of_groups = [&](size_t first_list) {
    return [&, first_list](std::string_view text) {
      const std::string kept = shared ? std::string(text) : without_account(text, account);
      return without_member(kept, account, first_list);
    };
  };
  plan_rewrite_of(result, guest, fix, "/etc/group", reason, out_of_groups(3));
  plan_rewrite_of(result, guest, fix, "/etc/gshadow", reason, out_of_groups(2));
}

}  // namespace rehost
