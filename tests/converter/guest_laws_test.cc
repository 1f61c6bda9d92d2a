// The laws of planning (architecture, section 11) on whole fixture guests, all fixes together, and
// their golden plans. A changed fix shows here what it does to every distribution:
// scripts/update-golden writes the plans anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "converter/check.h"
#include "converter/diff.h"
#include "converter/fixes.h"
#include "converter/inspect.h"
#include "converter/plan.h"
#include "converter/planned_guest.h"
#include "converter/print.h"
#include "tests/bootfix/guests.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

struct FixtureGuest {
  std::string name;
  MemoryGuest guest;
  Inspection inspection;
};

// The text tree has no binaries: the kernel's modules and its initramfs are put in here.
FixtureGuest debian12_fixture() {
  const std::string release = "6.1.0-56-amd64";
  FixtureGuest fixture{"debian12", testing::debian12(), testing::debian12_inspection()};
  add_modules(fixture.guest, release);
  fixture.guest.add_file("/boot/initrd.img-" + release, write_cpio(debian_initramfs(release)),
                         0644);
  fixture.guest.add_file("/usr/sbin/update-initramfs", "#!/bin/sh\n", 0755);
  fixture.inspection.disks = {{.volume = 0,
                               .device = DeviceName("/dev/sda"),
                               .partition_table = "msdos",
                               .grub_in_boot_sector = true},
                              {.volume = 1,
                               .device = DeviceName("/dev/sdb"),
                               .partition_table = "msdos",
                               .grub_in_boot_sector = false}};
  fixture.inspection = inspect_again(fixture.guest, fixture.inspection);
  return fixture;
}

class GuestLaws : public ::testing::TestWithParam<FixtureGuest (*)()> {
 protected:
  FixtureGuest fixture = GetParam()();
  Target target;

  ConversionPlan plan() const {
    return make_plan(fixture.guest, inspect_again(fixture.guest, fixture.inspection), target,
                     all_fixes());
  }
};

TEST_P(GuestLaws, PlanningChangesNothing) {
  const auto before = fixture.guest.nodes();
  EXPECT_FALSE(plan().edits.empty());
  EXPECT_EQ(fixture.guest.nodes(), before);
}

TEST_P(GuestLaws, APlanAfterApplyIsEmpty) {
  apply_plan(fixture.guest, plan(), {}, nullptr);
  for (const Edit& edit : plan().edits) {
    ADD_FAILURE() << edit.fix << ": " << summary(edit);
  }
}

TEST_P(GuestLaws, ApplyStoppedAnywhereAndDoneAgainEndsTheSame) {
  const MemoryGuest original = fixture.guest;
  const ConversionPlan whole = plan();
  apply_plan(fixture.guest, whole, {}, nullptr);
  const auto wanted = fixture.guest.nodes();
  for (size_t k = 0; k < whole.edits.size(); ++k) {
    fixture.guest = original;
    ConversionPlan part = whole;
    part.edits.resize(k);
    apply_plan(fixture.guest, part, {}, nullptr);
    apply_plan(fixture.guest, plan(), {}, nullptr);
    EXPECT_EQ(fixture.guest.nodes(), wanted) << "stopped after " << k << " edits";
  }
}

TEST_P(GuestLaws, TheCheckFailsBeforeAndPassesAfter) {
  EXPECT_FALSE(would_boot(check_guest(fixture.guest, fixture.inspection, target)));
  apply_plan(fixture.guest, plan(), {}, nullptr);
  for (const CheckAnswer& answer :
       check_guest(fixture.guest, inspect_again(fixture.guest, fixture.inspection), target)) {
    EXPECT_EQ(answer.verdict, Verdict::yes) << answer.question << ": " << answer.detail;
  }
}

TEST_P(GuestLaws, KeepingTheNetworkTouchesNoneOfIt) {
  target.network = NetworkMode::keep;
  for (const Edit& edit : plan().edits) {
    EXPECT_EQ(edit.fix.find("network"), std::string::npos) << summary(edit);
    EXPECT_NE(edit.fix, "udev-rules") << summary(edit);
  }
}

TEST_P(GuestLaws, ThePlanIsTheGoldenOne) {
  Report report;
  const ConversionPlan planned = plan();
  PlannedGuest before(fixture.guest);
  for (const Edit& edit : planned.edits) {
    report.edits.push_back({edit.fix, edit.reason, summary(edit), describe_change(before, edit)});
    before.pretend(edit);
  }
  report.warnings = planned.warnings;
  const std::string text = plan_text(report);
  const std::string path =
      std::string(REHOST_SOURCE_DIR) + "/tests/golden/" + fixture.name + ".diff";
  if (std::getenv("REHOST_UPDATE_GOLDEN") !=
      nullptr) {  // NOLINT: set by scripts/update-golden alone
    std::ofstream(path) << text;
    return;
  }
  std::ifstream in(path);
  ASSERT_TRUE(in) << path << " is missing: scripts/update-golden makes it";
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(in), {}))
      << "scripts/update-golden takes the new plan";
}

INSTANTIATE_TEST_SUITE_P(Fixtures, GuestLaws, ::testing::Values(debian12_fixture),
                         [](const auto& row) { return row.param().name; });

}  // namespace
}  // namespace rehost
