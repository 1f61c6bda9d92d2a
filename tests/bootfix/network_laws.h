// The laws that each network stack keeps, on one guest.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bootfix/network.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost::testing {

inline const NetworkStack& stack_named(std::string_view name) {
  for (const NetworkStack& stack : network_stacks()) {
    if (stack.name == name) {
      return stack;
    }
  }
  throw std::logic_error("no such stack: " + std::string(name));
}

// The guest after the fix of this stack: planning again is empty wherever the first run stopped,
// nothing is done with --network keep, and the stack is in use afterwards when it was before.
inline MemoryGuest fixed_network(const MemoryGuest& guest, std::string_view name) {
  const NetworkStack& stack = stack_named(name);
  const std::span<const Fix> fix(&stack.fix, 1);
  expect_plan_laws(guest, two_disks(), Target{}, fix);
  const Target keep{.initramfs = std::nullopt, .network = NetworkMode::keep};
  EXPECT_TRUE(stack.fix.plan(guest, two_disks(), keep).edits.empty());
  EXPECT_TRUE(stack.fix.plan(guest, two_disks(), keep).warnings.empty());
  MemoryGuest after = converted(guest, two_disks(), Target{}, fix);
  EXPECT_EQ(stack.in_use(guest), stack.in_use(after));
  return after;
}

inline std::vector<Warning> network_warnings(const MemoryGuest& guest, std::string_view name) {
  return stack_named(name).fix.plan(guest, two_disks(), Target{}).warnings;
}

inline size_t network_edits(const MemoryGuest& guest, std::string_view name) {
  return stack_named(name).fix.plan(guest, two_disks(), Target{}).edits.size();
}

// The file cut off at every length, and with every byte spoilt, each in one of four ways.
inline void break_file(const MemoryGuest& guest, std::string_view path, std::string_view name) {
  constexpr std::string_view kSpoilers("\0\xff'{", 4);
  const std::string text = file_of(guest, path);
  for (size_t length = 0; length <= text.size(); ++length) {
    MemoryGuest broken = guest;
    broken.write(GuestPath(path), text.substr(0, length), 0644);
    fixed_network(broken, name);
  }
  for (size_t i = 0; i < text.size(); ++i) {
    MemoryGuest broken = guest;
    std::string spoilt = text;
    spoilt[i] = kSpoilers[i % kSpoilers.size()];
    broken.write(GuestPath(path), spoilt, 0644);
    fixed_network(broken, name);
  }
}

inline std::string aside(const MemoryGuest& guest, const std::string& path) {
  return file_of(guest, "/var/lib/rehost/set-aside" + path);
}

inline constexpr std::string_view kGone = "(no such file)";

}  // namespace rehost::testing
