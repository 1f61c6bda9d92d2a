#include "bootfix/fixes.h"

#include <gtest/gtest.h>

#include <set>

#include "bootfix/default_kernel.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::debian12;
using testing::debian12_inspection;

const Target kKeep{.initramfs = std::nullopt, .network = NetworkMode::keep};

TEST(BootfixFixes, HaveNamesOfTheirOwnAndHeadingsWithoutFullStop) {
  std::set<std::string_view> names;
  for (const Fix& fix : bootfix_fixes()) {
    EXPECT_TRUE(names.insert(fix.name).second) << fix.name;
    EXPECT_FALSE(fix.heading.empty()) << fix.name;
    EXPECT_NE(fix.heading.back(), '.') << fix.name;
    EXPECT_EQ(fix.description.back(), '.') << fix.name;
  }
}

TEST(BootfixFixes, NameThemselvesInTheirEdits) {
  std::set<std::string_view> names;
  for (const Fix& fix : bootfix_fixes()) {
    names.insert(fix.name);
  }
  for (const Edit& edit :
       testing::plan_all(debian12(), debian12_inspection(), Target{}, bootfix_fixes()).edits) {
    EXPECT_TRUE(names.contains(edit.fix)) << edit.fix;
    EXPECT_FALSE(edit.reason.empty() || edit.reason.back() == '.') << edit.reason;
  }
}

TEST(BootfixFixes, KeepThePlanLawsOnTheDebianGuest) {
  testing::expect_plan_laws(debian12(), debian12_inspection(), Target{}, bootfix_fixes());
  testing::expect_plan_laws(debian12(), debian12_inspection(), kKeep, bootfix_fixes());
}

TEST(BootfixFixes, KeepThePlanLawsWhenADiskIsMissing) {
  Inspection one_disk = debian12_inspection();
  one_disk.volumes.pop_back();
  one_disk.filesystems.pop_back();
  testing::expect_plan_laws(debian12(), one_disk, Target{}, bootfix_fixes());
}

TEST(BootfixFixes, KeepThePlanLawsWhenTheDisksAreInTheWrongOrder) {
  Inspection swapped = debian12_inspection();
  for (Filesystem& filesystem : swapped.filesystems) {
    filesystem.volume = 1 - *filesystem.volume;
  }
  testing::expect_plan_laws(debian12(), swapped, Target{}, bootfix_fixes());
}

TEST(BootfixFixes, PlanNothingOnAnEmptyGuest) {
  EXPECT_TRUE(testing::plan_all(MemoryGuest(), debian12_inspection(), Target{}, bootfix_fixes())
                  .edits.empty());
}

TEST(BootfixFixes, LeaveTheNetworkAloneWhenToldTo) {
  const MemoryGuest before = debian12();
  const MemoryGuest after =
      testing::converted(before, debian12_inspection(), kKeep, bootfix_fixes());
  for (const char* path :
       {"/etc/network/interfaces", "/etc/udev/rules.d/70-persistent-net.rules"}) {
    EXPECT_EQ(testing::file_of(after, path), testing::file_of(before, path));
  }
  EXPECT_EQ(testing::file_of(after, "/boot/grub/grub.cfg").find("net.ifnames"), std::string::npos);
}

TEST(BootfixFixes, TheDefaultKernelIsTheSameBeforeAndAfter) {
  const Inspection inspection = debian12_inspection();
  const MemoryGuest after = testing::converted(debian12(), inspection, Target{}, bootfix_fixes());
  for (const MemoryGuest& guest : {debian12(), after}) {
    const KernelImage* kernel = current_default_kernel(guest, inspection);
    ASSERT_NE(kernel, nullptr);
    EXPECT_EQ(kernel->vmlinuz, GuestPath("/boot/vmlinuz-6.1.0-56-amd64"));
  }
}

}  // namespace
}  // namespace rehost
