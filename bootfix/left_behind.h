// What the old home left behind: the table of tools, agents and settings of other clouds and
// hypervisors, and of the agents that replicated the machine. A row is a fix of its own, so that
// the plan names it, and --keep NAME leaves it out.
//
// Tools are disabled and not removed: their package stays whole, and an upgrade of it finds the
// mask. They are disabled also where they would not start by themselves on EC2 (open-vm-tools has
// ConditionVirtualization=vmware, Debian's and Red Hat's Hyper-V daemons wait for a device): not
// every version has that guard, and a unit that cannot start needs none. The replication agents are
// no packages and have done their work: they are removed.
//
// One more home is one more row; everything in it is a file, a unit or a line that is looked for,
// and only what is there is touched.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// A text file, or files by a pattern, that a row rewrites: text in, text out, the same when there
// is nothing to do.
struct TextRule {
  std::string_view path;  // matching_entries() of guest_files.h
  std::string (*rewrite)(std::string_view text);
  std::string_view reason;
};

struct LeftBehind {
  std::string_view name;                          // of --keep: "vmware"
  std::string_view fix;                           // "left-behind-vmware"
  std::string_view heading;                       // of the fix
  std::string_view description;                   // of the fix
  std::span<const std::string_view> services;     // disabled: plan_disable_services()
  std::span<const std::string_view> removed;      // files by patterns: plan_removals()
  std::span<const std::string_view> agent_names;  // patterns: agent_file_patterns()
  std::span<const TextRule> rewritten;
  std::string_view account;  // user and group removed: plan_account_removal()
  // What no list can say; nullptr: nothing more.
  void (*more)(FixResult& result, const GuestView& guest, std::string_view fix);
};

std::span<const LeftBehind> left_behind();

// One fix for each row, in the order of the table.
std::span<const Fix> left_behind_fixes();

}  // namespace rehost
