// The laws of planning (architecture, section 11) on whole fixture guests, all fixes together, and
// their golden plans. A changed fix shows here what it does to every distribution:
// scripts/update-golden writes the plans anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>

#include "converter/check.h"
#include "converter/diff.h"
#include "converter/fixes.h"
#include "converter/inspect.h"
#include "converter/plan.h"
#include "converter/planned_guest.h"
#include "converter/print.h"
#include "tests/converter/fixture_guests.h"
#include "tests/support/source_dir.h"

namespace rehost {
namespace {

const FixtureGuest& row_named(const std::string& name) {
  for (const FixtureGuest& row : fixture_guests()) {
    if (row.name == name) {
      return row;
    }
  }
  throw std::runtime_error("no fixture " + name);
}

class GuestLaws : public ::testing::TestWithParam<std::string> {
 protected:
  const FixtureGuest& row = row_named(GetParam());
  LoadedFixture fixture = load_fixture(row);
  Target target;

  ConversionPlan plan() const {
    return make_plan(fixture.guest, inspect_again(fixture.guest, fixture.inspection), target,
                     all_fixes());
  }
};

TEST_P(GuestLaws, ItIsTakenForWhatItIs) {
  EXPECT_EQ(fixture.inspection.distro->id, row.distro);
  EXPECT_EQ(fixture.inspection.architecture, row.architecture);
  EXPECT_GE(fixture.inspection.kernels.size(), row.kernels.size());
}

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

TEST_P(GuestLaws, TheCheckAnswersAsItShouldBeforeAndAfter) {
  EXPECT_FALSE(would_boot(check_guest(fixture.guest, fixture.inspection, target)));
  apply_plan(fixture.guest, plan(), {}, nullptr);
  for (const CheckAnswer& answer :
       check_guest(fixture.guest, inspect_again(fixture.guest, fixture.inspection), target)) {
    const auto expected = row.answers.find(answer.question);
    EXPECT_EQ(to_string(answer.verdict),
              to_string(expected == row.answers.end() ? Verdict::yes : expected->second))
        << answer.question << ": " << answer.detail;
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
  const std::string path = in_source_dir("tests/golden/" + std::string(row.name) + ".diff");
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

std::vector<std::string> names_of_rows() {
  std::vector<std::string> names;
  for (const FixtureGuest& row : fixture_guests()) {
    names.push_back(row.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, GuestLaws, ::testing::ValuesIn(names_of_rows()),
                         [](const auto& name) {
                           std::string word = name.param;
                           std::replace(word.begin(), word.end(), '-', '_');
                           return word;
                         });

TEST(FixtureGuests, EveryRowOfTheTableOfDistributionsHasOne) {
  for (const Distro& distro : distros()) {
    EXPECT_TRUE(std::any_of(fixture_guests().begin(), fixture_guests().end(),
                            [&](const FixtureGuest& row) { return row.distro == distro.id; }))
        << "no fixture guest for " << distro.id;
  }
}

// A tree or a golden plan that no row uses proves nothing.
TEST(FixtureGuests, EveryTreeAndEveryGoldenPlanHasARow) {
  std::set<std::string> trees;
  std::set<std::string> plans;
  for (const FixtureGuest& row : fixture_guests()) {
    trees.insert(row.tree.empty() ? row.name : row.tree);
    EXPECT_TRUE(plans.insert(row.name + ".diff").second) << row.name << " is there twice";
  }
  const std::string tests = in_source_dir("tests/");
  for (const auto& entry : std::filesystem::directory_iterator(tests + "guests")) {
    EXPECT_TRUE(!entry.is_directory() || trees.contains(entry.path().filename())) << entry.path();
  }
  for (const auto& entry : std::filesystem::directory_iterator(tests + "golden")) {
    EXPECT_TRUE(plans.contains(entry.path().filename())) << entry.path();
  }
}

}  // namespace
}  // namespace rehost
