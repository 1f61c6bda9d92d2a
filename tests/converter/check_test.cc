#include "converter/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "converter/fixes.h"
#include "converter/inspect.h"
#include "converter/plan.h"
#include "drivers/cpio.h"
#include "tests/bootfix/guests.h"
#include "tests/converter/fixture_guests.h"

namespace rehost {
namespace {

LoadedFixture converted(const std::string& name) {
  for (const FixtureGuest& row : fixture_guests()) {
    if (row.name == name) {
      LoadedFixture fixture = load_fixture(row);
      const ConversionPlan plan =
          make_plan(fixture.guest, fixture.inspection, Target{}, all_fixes());
      apply_plan(fixture.guest, plan, {}, nullptr);
      fixture.inspection = inspect_again(fixture.guest, fixture.inspection);
      return fixture;
    }
  }
  throw std::runtime_error("no fixture " + name);
}

// "yes", "no!" where that is required.
std::string answer(const LoadedFixture& fixture, std::string_view question) {
  const auto answers = check_guest(fixture.guest, fixture.inspection, Target{});
  const auto found = std::find_if(answers.begin(), answers.end(),
                                  [&](const CheckAnswer& a) { return a.question == question; });
  return std::string(to_string(found->verdict)) + (found->required ? "!" : "");
}

void put_initramfs(LoadedFixture& fixture, const std::string& image) {
  fixture.guest.add_file(fixture.inspection.kernels.front().initramfs->str(), image);
}

void add_lvm(LoadedFixture& fixture, bool root) {
  fixture.inspection.filesystems.push_back(testing::partition_of(1, 2, "LVM2_member", "pv"));
  if (root) {
    fixture.inspection.filesystems.front().volume = std::nullopt;
  }
}

TEST(Check, AnInitramfsThatNobodyReadHidesNobodyKnowsWhat) {
  LoadedFixture fixture = converted("debian12");
  put_initramfs(fixture, "no archive");
  EXPECT_EQ(answer(fixture, "initramfs-settings"), "yes!") << "neither LVM nor md";
  add_lvm(fixture, false);
  EXPECT_EQ(answer(fixture, "initramfs-settings"), "cannot-tell");
  add_lvm(fixture, true);
  EXPECT_EQ(answer(fixture, "initramfs-settings"), "cannot-tell!");
  fixture.inspection.kernels.front().initramfs = std::nullopt;
  EXPECT_EQ(answer(fixture, "initramfs-settings"), "cannot-tell!");
}

TEST(Check, AFilterInTheInitramfsMattersWhereTheRootNeedsLvm) {
  LoadedFixture fixture = converted("debian12");
  put_initramfs(fixture, write_cpio(std::vector<ArchiveEntry>{
                             {.path = "etc", .mode = kDirectory | 0755, .content = ""},
                             {.path = "etc/lvm", .mode = kDirectory | 0755, .content = ""},
                             {.path = "etc/lvm/lvm.conf",
                              .mode = kRegularFile | 0644,
                              .content = "devices {\n\tfilter = [ \"a|sda|\", \"r|.*|\" ]\n}\n"}}));
  add_lvm(fixture, false);
  EXPECT_EQ(answer(fixture, "initramfs-settings"), "no");
  add_lvm(fixture, true);
  EXPECT_EQ(answer(fixture, "initramfs-settings"), "no!");
}

TEST(Check, NamesOfCardsWithoutABootEntryThatCanBeRead) {
  LoadedFixture fixture = converted("debian12");  // ifupdown, eth0
  EXPECT_EQ(answer(fixture, "network"), "yes!");
  const GuestView& guest = fixture.guest;
  const std::string menu = guest.read(GuestPath("/boot/grub/grub.cfg")).value();
  fixture.guest.add_file("/boot/grub/grub.cfg", "");
  EXPECT_EQ(answer(fixture, "network"), "cannot-tell!");
  for (const char* rule :
       {"/etc/udev/rules.d/80-net-setup-link.rules", "/etc/systemd/network/99-default.link"}) {
    LoadedFixture masked = fixture;
    masked.guest.add_symlink(rule, "/dev/null");
    EXPECT_EQ(answer(masked, "network"), "yes!") << rule;
  }
  std::string untold = menu;
  for (size_t at = 0; (at = untold.find("net.ifnames=0", at)) != std::string::npos;) {
    untold.erase(at, std::string_view("net.ifnames=0").size());
  }
  fixture.guest.add_file("/boot/grub/grub.cfg", untold);
  EXPECT_EQ(answer(fixture, "network"), "no!");
}

}  // namespace
}  // namespace rehost
