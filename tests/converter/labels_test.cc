#include "converter/labels.h"

#include <gtest/gtest.h>

#include "converter/diff.h"
#include "converter/plan.h"
#include "tests/support/memory_guest.h"

namespace rehost {
namespace {

constexpr std::string_view kPolicy =
    "/.*\tsystem_u:object_r:default_t:s0\n"
    "/etc(/.*)?\tsystem_u:object_r:etc_t:s0\n"
    "/usr/lib/systemd/system(/.*)?\tsystem_u:object_r:systemd_unit_file_t:s0\n"
    "/var/lib(/.*)?\tsystem_u:object_r:var_lib_t:s0\n";

FixResult plan_new_files(const GuestView& guest, const Inspection&, const Target&) {
  FixResult result;
  const auto add = [&](EditAction action, const GuestPath& path) {
    if (!guest.stat(path)) {
      result.edits.push_back(Edit{.fix = "test", .reason = "test", .action = std::move(action)});
    }
  };
  const GuestPath file("/var/lib/rehost/set-aside/x");
  add(WriteFile{.path = file, .content = "x", .expects = std::nullopt}, file);
  const GuestPath mask("/etc/systemd/system/x.service");
  add(MakeSymlink{.path = mask, .target = "/dev/null", .expects = std::nullopt}, mask);
  const GuestPath loader("/boot/efi/EFI/BOOT/BOOTX64.EFI");
  add(WriteFile{.path = loader, .content = "x", .expects = std::nullopt}, loader);
  const std::string text = guest.read(GuestPath("/etc/fstab")).value_or("");
  if (text == "old") {
    result.edits.push_back(
        Edit{.fix = "test",
             .reason = "test",
             .action = WriteFile{GuestPath("/etc/fstab"), "new", hash_content(text)}});
  }
  return result;
}
FixResult plan_command(const GuestView&, const Inspection&, const Target&) {
  return {.edits = {Edit{.fix = "test", .reason = "test", .action = RunInGuest{{"dracut", "-f"}}}},
          .warnings = {}};
}
constexpr Fix kNewFiles = {"test", "Test", "Test.", plan_new_files};
constexpr Fix kCommand = {"test", "Test", "Test.", plan_command};

Filesystem filesystem_on(std::string_view device, std::string type) {
  Filesystem filesystem;
  filesystem.device = DeviceName(device);
  filesystem.type = std::move(type);
  return filesystem;
}

Inspection selinux_inspection() {
  Inspection inspection;
  inspection.selinux = true;
  inspection.filesystems = {filesystem_on("/dev/sda1", "xfs"), filesystem_on("/dev/sda2", "vfat")};
  inspection.mounts = {{GuestPath("/"), DeviceName("/dev/sda1")},
                       {GuestPath("/boot/efi"), DeviceName("/dev/sda2")}};
  return inspection;
}

MemoryGuest selinux_guest() {
  MemoryGuest guest;
  const std::string base = "/etc/selinux/targeted/contexts/files/file_contexts";
  guest.add_file("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n");
  guest.add_file(base, std::string(kPolicy));
  guest.add_file(base + ".subs_dist", "/etc/systemd/system /usr/lib/systemd/system\n");
  guest.add_file("/etc/fstab", "old");
  guest.set_label(GuestPath("/etc/fstab"), "system_u:object_r:own_t:s0");
  guest.add_directory("/var/lib");
  guest.add_directory("/boot/efi");
  return guest;
}

ConversionPlan plan_of(const MemoryGuest& guest, const Fix& fix, const Inspection& inspection) {
  return make_plan(guest, inspection, Target{}, std::span(&fix, 1));
}

TEST(FileLabels, EverythingNewGetsTheLabelOfThePolicy) {
  MemoryGuest guest = selinux_guest();
  const ConversionPlan plan = plan_of(guest, kNewFiles, selinux_inspection());
  EXPECT_TRUE(plan.warnings.empty());
  apply_plan(guest, plan, {}, nullptr);
  EXPECT_EQ(guest.label(GuestPath("/var/lib/rehost")), "system_u:object_r:var_lib_t:s0");
  EXPECT_EQ(guest.label(GuestPath("/var/lib/rehost/set-aside")), "system_u:object_r:var_lib_t:s0");
  EXPECT_EQ(guest.label(GuestPath("/var/lib/rehost/set-aside/x")),
            "system_u:object_r:var_lib_t:s0");
  EXPECT_EQ(guest.label(GuestPath("/etc/systemd")), "system_u:object_r:etc_t:s0");
  EXPECT_EQ(guest.label(GuestPath("/etc/systemd/system/x.service")),
            "system_u:object_r:systemd_unit_file_t:s0");
  EXPECT_FALSE(guest.stat(GuestPath("/.autorelabel")));
}

TEST(FileLabels, AnEditedFileKeepsItsOwn) {
  MemoryGuest guest = selinux_guest();
  apply_plan(guest, plan_of(guest, kNewFiles, selinux_inspection()), {}, nullptr);
  EXPECT_EQ(guest.read(GuestPath("/etc/fstab"), 10), "new");
  EXPECT_EQ(guest.label(GuestPath("/etc/fstab")), "system_u:object_r:own_t:s0");
}

TEST(FileLabels, FatKeepsNone) {
  MemoryGuest guest = selinux_guest();
  apply_plan(guest, plan_of(guest, kNewFiles, selinux_inspection()), {}, nullptr);
  EXPECT_EQ(guest.label(GuestPath("/boot/efi/EFI/BOOT/BOOTX64.EFI")), "");
}

TEST(FileLabels, ThePlanShowsThem) {
  const MemoryGuest guest = selinux_guest();
  const ConversionPlan plan = plan_of(guest, kNewFiles, selinux_inspection());
  EXPECT_NE(describe_change(guest, plan.edits.at(1))
                .find("label /etc/systemd/system/x.service "
                      "system_u:object_r:systemd_unit_file_t:s0\n"),
            std::string::npos);
}

TEST(FileLabels, AGuestWithoutSelinuxGetsNone) {
  MemoryGuest guest = selinux_guest();
  Inspection off = selinux_inspection();
  off.selinux = false;
  apply_plan(guest, plan_of(guest, kNewFiles, off), {}, nullptr);
  EXPECT_EQ(guest.label(GuestPath("/var/lib/rehost/set-aside/x")), "");
  EXPECT_FALSE(guest.stat(GuestPath("/.autorelabel")));
}

// Without a policy the first boot relabels; a plan that was stopped anywhere still says so.
TEST(FileLabels, WithoutAPolicyTheFirstBootRelabels) {
  const MemoryGuest original = [] {
    MemoryGuest guest = selinux_guest();
    guest.remove(GuestPath("/etc/selinux/targeted/contexts/files/file_contexts"));
    return guest;
  }();
  const ConversionPlan plan = plan_of(original, kNewFiles, selinux_inspection());
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_EQ(plan.warnings[0].code, "selinux-relabel");
  EXPECT_EQ(plan.edits.front().fix, kLabelsFix);
  for (size_t stop = 0; stop <= plan.edits.size(); ++stop) {
    MemoryGuest guest = original;
    ConversionPlan part = plan;
    part.edits.resize(stop);
    apply_plan(guest, part, {}, nullptr);
    apply_plan(guest, plan_of(guest, kNewFiles, selinux_inspection()), {}, nullptr);
    EXPECT_TRUE(guest.stat(GuestPath("/.autorelabel"))) << stop;
    EXPECT_TRUE(plan_of(guest, kNewFiles, selinux_inspection()).edits.empty()) << stop;
  }
}

TEST(FileLabels, ABrokenRegexIsNamedInTheWarning) {
  MemoryGuest guest = selinux_guest();
  guest.add_file("/etc/selinux/targeted/contexts/files/file_contexts.local",
                 "/var/lib/reho([^/]*\tu:r:t:s0\n");
  const ConversionPlan plan = plan_of(guest, kNewFiles, selinux_inspection());
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_NE(plan.warnings[0].sentence.find("/var/lib/reho("), std::string::npos);
}

TEST(FileLabels, ACommandOfTheGuestNeedsARelabelling) {
  const ConversionPlan plan = plan_of(selinux_guest(), kCommand, selinux_inspection());
  ASSERT_EQ(plan.edits.size(), 2U);
  EXPECT_EQ(edited_path(plan.edits[0]), GuestPath("/.autorelabel"));
}

}  // namespace
}  // namespace rehost
