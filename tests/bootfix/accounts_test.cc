#include "bootfix/accounts.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::file_of;

FixResult plan_removal_of_agent(const GuestView& guest, const Inspection&, const Target&) {
  FixResult result;
  plan_account_removal(result, guest, "accounts", "agent", "test");
  return result;
}
constexpr Fix kFix = {"accounts", "Test", "Test.", plan_removal_of_agent};

MemoryGuest without_agent(const MemoryGuest& guest) {
  testing::expect_plan_laws(guest, Inspection{}, Target{}, std::span(&kFix, 1));
  return testing::converted(guest, Inspection{}, Target{}, std::span(&kFix, 1));
}

TEST(Accounts, TheLineGoesAndEveryOtherByteStays) {
  EXPECT_EQ(without_account("root:x:0:0::/root:/bin/sh\r\nagent:x:998:996::/x:/bin/sh\n"
                            "agent2:x:1:1:::\nagent\n\n# agent:\nlast:x:2:2::",
                            "agent"),
            "root:x:0:0::/root:/bin/sh\r\nagent2:x:1:1:::\nagent\n\n# agent:\nlast:x:2:2::");
  EXPECT_EQ(without_account("agent:!:19000::::::", "agent"), "");
}

TEST(Accounts, MembersGoFromTheListsOnly) {
  EXPECT_EQ(
      without_member("disk:x:6:agent\nadm:x:4:a,agent,b\nagent:x:996:\nx:x:7:agents,b", "agent", 3),
      "disk:x:6:\nadm:x:4:a,b\nagent:x:996:\nx:x:7:agents,b");
  EXPECT_EQ(without_member("adm:*:agent:a,agent\n", "agent", 2), "adm:*::a\n");
}

TEST(Accounts, SudoRulesGoWithTheLinesThatContinueThem) {
  EXPECT_EQ(without_sudo_rules("Defaults env_reset\nagent ALL=(ALL) \\\n  NOPASSWD: ALL\n"
                               "Defaults:agent !requiretty\nagents ALL=(ALL) ALL\n%agent ALL=ALL",
                               "agent"),
            "Defaults env_reset\nagents ALL=(ALL) ALL\n%agent ALL=ALL");
}

TEST(Accounts, EveryFileIsDealtWith) {
  MemoryGuest guest;
  guest.add_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nagent:x:998:996::/x:/bin/sh\n");
  guest.add_file("/etc/shadow", "root:*:1::::::\nagent:!!:1::::::\n", 0);
  guest.add_file("/etc/group", "root:x:0:\ndisk:x:6:agent\nagent:x:996:\n");
  guest.add_file("/etc/gshadow", "root:*::\ndisk:*::agent\nagent:!::\n", 0);
  guest.add_file("/etc/sudoers", "root ALL=(ALL) ALL\nagent ALL=NOPASSWD: ALL\n", 0440);
  guest.add_file("/etc/sudoers.d/agent", "# made by the agent\nagent ALL=NOPASSWD: ALL\n", 0440);
  guest.add_file("/etc/sudoers.d/mixed", "op ALL=ALL\nagent ALL=ALL\n", 0440);
  guest.add_file("/var/spool/cron/agent", "* * * * * /x\n");
  const MemoryGuest after = without_agent(guest);
  EXPECT_EQ(file_of(after, "/etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
  EXPECT_EQ(file_of(after, "/etc/shadow"), "root:*:1::::::\n");
  EXPECT_EQ(file_of(after, "/etc/group"), "root:x:0:\ndisk:x:6:\n");
  EXPECT_EQ(file_of(after, "/etc/gshadow"), "root:*::\ndisk:*::\n");
  EXPECT_EQ(file_of(after, "/etc/sudoers"), "root ALL=(ALL) ALL\n");
  EXPECT_FALSE(after.stat(GuestPath("/etc/sudoers.d/agent")));
  EXPECT_EQ(file_of(after, "/etc/sudoers.d/mixed"), "op ALL=ALL\n");
  EXPECT_FALSE(after.stat(GuestPath("/var/spool/cron/agent")));
  EXPECT_EQ(after.stat(GuestPath("/etc/sudoers"))->mode, 0440U);
}

TEST(Accounts, AGroupThatIsSomebodyElsesOwnStays) {
  MemoryGuest guest;
  guest.add_file("/etc/passwd", "op:x:1:996::/:/bin/sh\nagent:x:998:996::/x:/bin/sh\n");
  guest.add_file("/etc/group", "agent:x:996:op,agent\n");
  guest.add_file("/etc/gshadow", "agent:!::op,agent\n");
  const MemoryGuest after = without_agent(guest);
  EXPECT_EQ(file_of(after, "/etc/group"), "agent:x:996:op\n");
  EXPECT_EQ(file_of(after, "/etc/gshadow"), "agent:!::op\n");
}

TEST(Accounts, ASudoersFileOfCommentsStays) {
  MemoryGuest guest;
  guest.add_file("/etc/sudoers.d/README", "# agent ALL=ALL\n");
  EXPECT_EQ(without_agent(guest).nodes(), guest.nodes());
}

}  // namespace
}  // namespace rehost
