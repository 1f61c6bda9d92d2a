// Planning and applying for the tests of bootfix, as small as it can be: the real thing is
// converter/plan.h.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "converter/core/fix.h"
#include "converter/core/guest_tree.h"
#include "tests/support/memory_guest.h"

namespace rehost::testing {

inline std::string bytes_at(const MemoryGuest& guest, const GuestPath& path) {
  const auto node = guest.nodes().find(path);
  return node == guest.nodes().end() ? "(absent)" : node->second.content;
}

// Fails when the guest is not what the edit expects to find.
inline void apply_edit(MemoryGuest& guest, const Edit& edit) {
  const GuestPath path = edited_path(edit).value();
  const bool present = guest.nodes().contains(path);
  if (const auto* write = std::get_if<WriteFile>(&edit.action)) {
    ASSERT_EQ(present, write->expects.has_value()) << summary(edit);
    if (present) {
      ASSERT_EQ(hash_content(bytes_at(guest, path)), *write->expects) << summary(edit);
    }
    guest.make_directories(path.parent());
    guest.write(path, write->content, write->mode_if_new);
  } else if (const auto* removal = std::get_if<RemoveFile>(&edit.action)) {
    ASSERT_EQ(hash_content(bytes_at(guest, path)), removal->expects) << summary(edit);
    guest.remove(path);
  } else if (const auto* link = std::get_if<MakeSymlink>(&edit.action)) {
    ASSERT_EQ(present, link->expects.has_value()) << summary(edit);
    if (present) {
      ASSERT_EQ(hash_content(bytes_at(guest, path)), *link->expects) << summary(edit);
    }
    guest.make_directories(path.parent());
    guest.symlink(path, link->target);
  } else if (const auto* tree = std::get_if<RemoveTree>(&edit.action)) {
    const std::optional<TreeListing> listing = list_tree(guest, path);
    ASSERT_TRUE(listing && listing->hash == tree->expects) << summary(edit);
    guest.remove_tree(path);
  } else {
    FAIL() << "bootfix plans no such edit: " << summary(edit);
  }
}

// All edits of all fixes, each planned on the guest as the ones before it leave it.
inline FixResult plan_all(const MemoryGuest& guest, const Inspection& inspection,
                          const Target& target, std::span<const Fix> fixes) {
  MemoryGuest planned = guest;
  FixResult all;
  for (const Fix& fix : fixes) {
    FixResult result = fix.plan(planned, inspection, target);
    for (const Edit& edit : result.edits) {
      apply_edit(planned, edit);
      all.edits.push_back(edit);
    }
    all.warnings.insert(all.warnings.end(), result.warnings.begin(), result.warnings.end());
  }
  return all;
}

inline MemoryGuest converted(const MemoryGuest& guest, const Inspection& inspection,
                             const Target& target, std::span<const Fix> fixes) {
  MemoryGuest result = guest;
  for (const Edit& edit : plan_all(guest, inspection, target, fixes).edits) {
    apply_edit(result, edit);
  }
  return result;
}

// Stopped after any number of edits, planned and applied again, the guest is the same; and then
// nothing is left to do.
inline void expect_plan_laws(const MemoryGuest& guest, const Inspection& inspection,
                             const Target& target, std::span<const Fix> fixes) {
  const FixResult plan = plan_all(guest, inspection, target, fixes);
  const MemoryGuest wanted = converted(guest, inspection, target, fixes);
  for (size_t stop = 0; stop <= plan.edits.size(); ++stop) {
    MemoryGuest interrupted = guest;
    for (size_t i = 0; i < stop; ++i) {
      apply_edit(interrupted, plan.edits[i]);
    }
    const MemoryGuest again = converted(interrupted, inspection, target, fixes);
    EXPECT_EQ(again.nodes() == wanted.nodes(), true) << "stopped after " << stop << " edits";
    for (const auto& [path, node] : wanted.nodes()) {
      EXPECT_EQ(bytes_at(again, path), node.content) << path.str() << ", stopped after " << stop;
    }
  }
  for (const Edit& edit : plan_all(wanted, inspection, target, fixes).edits) {
    ADD_FAILURE() << "still planned after applying: " << summary(edit) << "\n"
                  << bytes_at(wanted, *edited_path(edit));
  }
}

inline std::vector<std::string> codes(const std::vector<Warning>& warnings) {
  std::vector<std::string> codes;
  codes.reserve(warnings.size());
  for (const Warning& warning : warnings) {
    codes.push_back(warning.code);
  }
  return codes;
}

}  // namespace rehost::testing
