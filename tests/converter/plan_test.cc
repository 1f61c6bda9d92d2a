#include "converter/plan.h"

#include <gtest/gtest.h>

#include "converter/core/error.h"
#include "converter/core/guest_tree.h"
#include "tests/support/memory_guest.h"

namespace rehost {
namespace {

const GuestPath kFile("/etc/file");

FixResult add_line(const GuestView& guest, std::string_view fix, const std::string& line) {
  const std::string text = guest.read(kFile).value_or("");
  if (text.find(line) != std::string::npos) {
    return {};
  }
  return {
      .edits = {Edit{std::string(fix), "test", WriteFile{kFile, text + line, hash_content(text)}}},
      .warnings = {}};
}

FixResult plan_first(const GuestView& guest, const Inspection&, const Target&) {
  return add_line(guest, "first", "first\n");
}
FixResult plan_second(const GuestView& guest, const Inspection&, const Target&) {
  return add_line(guest, "second", "second\n");
}

const Fix kFixes[] = {{"first", "First", "", plan_first}, {"second", "Second", "", plan_second}};

MemoryGuest guest_with_file() {
  MemoryGuest guest;
  guest.add_file("/etc/file", "start\n");
  return guest;
}

TEST(Plan, TwoFixesMayEditOneFile) {
  MemoryGuest guest = guest_with_file();
  const ConversionPlan plan = make_plan(guest, Inspection{}, Target{}, kFixes);
  ASSERT_EQ(plan.edits.size(), 2U);
  EXPECT_EQ(guest.read(kFile, 100), "start\n") << "planning changed the guest";
  apply_plan(guest, plan, {}, nullptr);
  EXPECT_EQ(guest.read(kFile, 100), "start\nfirst\nsecond\n");
  EXPECT_TRUE(make_plan(guest, Inspection{}, Target{}, kFixes).edits.empty());
}

TEST(Plan, RefusesAFileThatChangedSince) {
  MemoryGuest guest = guest_with_file();
  const ConversionPlan plan = make_plan(guest, Inspection{}, Target{}, kFixes);
  guest.write(kFile, "somebody else\n", 0644);
  try {
    apply_plan(guest, plan, {}, nullptr);
    FAIL() << "applied to a file it has not seen";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::plan_conflict);
  }
  EXPECT_EQ(guest.read(kFile, 100), "somebody else\n");
}

TEST(Plan, RefusesToCreateWhatIsThere) {
  MemoryGuest guest = guest_with_file();
  ConversionPlan plan;
  plan.edits.push_back({"test", "", WriteFile{kFile, "new", std::nullopt}});
  EXPECT_THROW(apply_plan(guest, plan, {}, nullptr), Error);
}

TEST(Plan, StopsBetweenEdits) {
  MemoryGuest guest = guest_with_file();
  const ConversionPlan plan = make_plan(guest, Inspection{}, Target{}, kFixes);
  std::stop_source stop;
  try {
    apply_plan(guest, plan, stop.get_token(), [&](const Edit&) { stop.request_stop(); });
    FAIL() << "did not stop";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::cancelled);
  }
  EXPECT_EQ(guest.read(kFile, 100), "start\nfirst\n");
}

TEST(Plan, AFailingGuestCommandStopsWithItsWords) {
  MemoryGuest guest;
  guest.on_run = [](MemoryGuest&, const std::vector<std::string>&) {
    return CommandResult{.exit_status = 3, .output = "dracut: no space left\n"};
  };
  ConversionPlan plan;
  plan.edits.push_back({"initramfs", "", RunInGuest{{"dracut", "-f"}}});
  try {
    apply_plan(guest, plan, {}, nullptr);
    FAIL() << "ignored the status";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no space left"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("dracut -f"), std::string::npos);
  }
}

TEST(Plan, RefusesATreeThatChangedSince) {
  MemoryGuest guest;
  guest.add_file("/opt/agent/file", "x");
  ConversionPlan plan;
  const TreeListing tree = *list_tree(guest, GuestPath("/opt/agent"));
  plan.edits.push_back({"test", "", RemoveTree{GuestPath("/opt/agent"), tree.entries, tree.hash}});
  guest.add_file("/opt/agent/data", "somebody's");
  EXPECT_THROW(apply_plan(guest, plan, {}, nullptr), Error);
  EXPECT_TRUE(guest.stat(GuestPath("/opt/agent/data")));
  guest.remove(GuestPath("/opt/agent/data"));
  apply_plan(guest, plan, {}, nullptr);
  EXPECT_FALSE(guest.stat(GuestPath("/opt/agent")));
}

}  // namespace
}  // namespace rehost
