// A guest whose kernel lacks its drivers, and a bundle that has them: all fixes together.
#include <gtest/gtest.h>

#include <algorithm>

#include "converter/check.h"
#include "converter/fixes.h"
#include "converter/inspect.h"
#include "converter/plan.h"
#include "tests/bootfix/guests.h"
#include "tests/drivers/bundles.h"

namespace rehost {
namespace {

const std::string kKernel = "6.1.0-56-amd64";

class DriverBundleLaws : public ::testing::Test {
 protected:
  void SetUp() override {
    add_modules(guest, kKernel);
    remove_modules(guest, {"nvme", "ena"}, kKernel);
    guest.add_file("/boot/initrd.img-" + kKernel, write_cpio(debian_initramfs(kKernel)));
    guest.add_file("/usr/sbin/update-initramfs", "#!/bin/sh\n", 0755);
    inspection.disks = {{.volume = 0,
                         .device = DeviceName("/dev/sda"),
                         .partition_table = "msdos",
                         .grub_in_boot_sector = true}};
    target.bundled_modules = {
        bundled("nvme", {"depends=nvme-core", "alias=pci:v*d*sv*sd*bc01sc08i02*"}, kKernel),
        bundled("ena", {"alias=pci:v00001D0Fd0000EC20sv*sd*bc*sc*i*"}, kKernel)};
  }

  ConversionPlan plan(const Target& with) const {
    return make_plan(guest, inspect_again(guest, inspection), with, all_fixes());
  }
  void convert(const Target& with, size_t edits = SIZE_MAX) {
    ConversionPlan part = plan(with);
    part.edits.resize(std::min(edits, part.edits.size()));
    apply_plan(guest, part, {}, nullptr);
  }
  Verdict verdict(const std::string& question) const {
    for (const CheckAnswer& answer : answers()) {
      if (answer.question == question) {
        return answer.verdict;
      }
    }
    throw std::runtime_error("no such question");
  }
  std::vector<CheckAnswer> answers() const {
    return check_guest(guest, inspect_again(guest, inspection), target);
  }

  MemoryGuest guest = testing::debian12();
  Inspection inspection = testing::debian12_inspection();
  Target target;
};

TEST_F(DriverBundleLaws, WithoutTheBundleTheCheckStaysNo) {
  convert({});
  EXPECT_EQ(verdict("nvme"), Verdict::no);
  EXPECT_EQ(verdict("ena"), Verdict::no);
  EXPECT_FALSE(would_boot(answers()));
}

TEST_F(DriverBundleLaws, WithTheBundleEverythingIsThere) {
  convert(target);
  for (const CheckAnswer& answer : answers()) {
    EXPECT_EQ(answer.verdict, Verdict::yes) << answer.question << ": " << answer.detail;
  }
  for (const Edit& edit : plan(target).edits) {
    ADD_FAILURE() << edit.fix << ": " << summary(edit);
  }
}

TEST_F(DriverBundleLaws, StoppedAnywhereAndDoneAgainEndsTheSame) {
  const MemoryGuest original = guest;
  const size_t count = plan(target).edits.size();
  convert(target);
  const auto wanted = guest.nodes();
  for (size_t k = 0; k < count; ++k) {
    guest = original;
    convert(target, k);
    convert(target);
    EXPECT_EQ(guest.nodes(), wanted) << "stopped after " << k << " edits";
  }
}

TEST_F(DriverBundleLaws, AnEnaThatTheTargetRefusesIsNoEna) {
  target.bundled_modules[1] = bundled("ena", {"version=2.2.8g"}, kKernel);
  convert(target);
  EXPECT_EQ(verdict("ena"), Verdict::yes);
  target.nitro_generation = 4;
  EXPECT_EQ(verdict("ena"), Verdict::yes);
  target.nitro_generation = 5;
  EXPECT_EQ(verdict("ena"), Verdict::no);
  target.bundled_modules[1] = bundled("ena", {"version=2.13.0g"}, kKernel);
  convert(target);
  EXPECT_EQ(verdict("ena"), Verdict::yes);
}

}  // namespace
}  // namespace rehost
