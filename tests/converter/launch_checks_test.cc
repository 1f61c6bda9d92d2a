#include "converter/launch_checks.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "converter/ebs_volumes.h"
#include "converter/fixes.h"
#include "converter/plan.h"
#include "tests/converter/fixture_guests.h"
#include "tests/support/expect_error.h"

namespace rehost {
namespace {

constexpr uint64_t kTib = uint64_t{1} << 40;

// A fixture guest with disks of 20 GiB.
LoadedFixture machine(std::string_view name) {
  const auto row = std::find_if(fixture_guests().begin(), fixture_guests().end(),
                                [&](const FixtureGuest& fixture) { return fixture.name == name; });
  LoadedFixture loaded = load_fixture(*row);
  for (Volume& volume : loaded.inspection.volumes) {
    volume.size = 20 * kGib;
  }
  return loaded;
}

LaunchRequest to_be(const std::string& instance_type) {
  return {.target = {.instance_type = instance_type}};
}

std::vector<LaunchFinding> before(const LaunchRequest& request, const LoadedFixture& machine,
                                  const std::vector<CheckAnswer>& answers = {},
                                  const ConversionPlan& plan = {}) {
  return check_launch(request, {machine.guest, machine.inspection, answers, &plan});
}

std::vector<LaunchFinding> after(const LaunchRequest& request, const LoadedFixture& machine) {
  return check_launch(request, {machine.guest, machine.inspection, {}});
}

// "launch-boot-mode!" for what contradicts, "launch-volume-grown?" for what is doubtful.
std::string codes(const std::vector<LaunchFinding>& findings) {
  std::string out;
  for (const LaunchFinding& finding : findings) {
    EXPECT_FALSE(finding.warning.sentence.ends_with(".")) << finding.warning.sentence;
    EXPECT_FALSE(finding.warning.subject.empty());
    out += (out.empty() ? "" : " ") + finding.warning.code + (finding.contradicts ? "!" : "?");
  }
  return out;
}

TEST(LaunchChecks, AMachineThatFitsHasNoFindings) {
  EXPECT_EQ(codes(before(to_be("m7i.large"), machine("debian12"))), "");
  EXPECT_EQ(codes(before(to_be("m7i.large"), machine("debian13"))), "") << "UEFI";
  EXPECT_EQ(codes(before({}, machine("debian12"))), "") << "nothing was said of the instance";
}

TEST(LaunchChecks, AUefiDiskDoesNotStartWhereThereIsBiosAlone) {
  const LoadedFixture uefi = machine("debian13");
  for (const char* type : {"m5.metal", "g4ad.xlarge"}) {
    EXPECT_EQ(codes(before(to_be(type), uefi)), "launch-boot-mode!") << type;
  }
  EXPECT_EQ(codes(before(to_be("t2.micro"), uefi)), "launch-boot-mode!");
  EXPECT_EQ(codes(before(to_be("m5.metal"), machine("debian12"))), "");
}

TEST(LaunchChecks, ArmAndX86DoNotMix) {
  EXPECT_EQ(codes(before(to_be("m7g.large"), machine("debian12"))), "launch-architecture!");
  LoadedFixture arm = machine("debian13");
  arm.inspection.architecture = "aarch64";
  EXPECT_EQ(codes(before(to_be("m7i.large"), arm)), "launch-architecture!");
  EXPECT_EQ(codes(before(to_be("m7g.large"), arm)), "");
  EXPECT_EQ(codes(before(to_be("mac2.metal"), arm)), "launch-architecture!");
  EXPECT_EQ(codes(before({.target = {.architecture = "x86_64"}}, arm)), "launch-architecture!");
  EXPECT_EQ(codes(before({.target = {.architecture = "arm64"}}, arm)), "");
}

TEST(LaunchChecks, AnUnknownTypeIsAWarningAndNeverARefusal) {
  EXPECT_EQ(codes(before(to_be("m99x.large"), machine("debian13"))), "launch-unknown-type?");
}

TEST(LaunchChecks, TheJobMayAskForTheOtherBootMode) {
  const LaunchRequest bios{.target = {.boot_mode = BootMode::legacy_bios}};
  const LaunchRequest uefi{.target = {.boot_mode = BootMode::uefi}};
  EXPECT_EQ(codes(before(bios, machine("debian12"))), "");
  EXPECT_EQ(codes(before(uefi, machine("debian13"))), "");
  EXPECT_EQ(codes(before(bios, machine("debian13"))), "launch-boot-mode!");
  EXPECT_EQ(codes(before(uefi, machine("debian12"))), "launch-boot-mode!");
  // An image of a cloud: GRUB in the boot sector and a loader on the ESP.
  LoadedFixture both = machine("debian12");
  both.guest.add_file("/boot/efi/EFI/BOOT/BOOTX64.EFI", "MZ");
  EXPECT_EQ(codes(before(uefi, both)), "launch-boot-mode-untried?");
  EXPECT_EQ(firmware_of(uefi, both.inspection), Firmware::uefi);
  EXPECT_EQ(firmware_of({}, both.inspection), Firmware::bios);
}

TEST(LaunchChecks, EnaThatNothingPlannedBringsIsSaidBeforeTheWork) {
  const LoadedFixture old = machine("rhel5");
  const std::vector<CheckAnswer> answers = check_guest(old.guest, old.inspection, Target{});
  EXPECT_EQ(codes(before(to_be("m5.large"), old, answers)), "launch-ena!");
  EXPECT_EQ(codes(before({}, old, answers)), "launch-ena!") << "rehost converts for Nitro";
  // What may change it is waited for.
  ConversionPlan plan;
  plan.edits.push_back({"driver-bundle", "", RunInGuest{}});
  EXPECT_EQ(codes(before(to_be("m5.large"), old, answers, plan)), "");
  plan.edits.front().fix = "default-kernel";
  EXPECT_EQ(codes(before(to_be("m5.large"), old, answers, plan)), "");
  plan.edits.front().fix = "fstab";
  EXPECT_EQ(codes(before(to_be("m5.large"), old, answers, plan)), "launch-ena!");
}

TEST(LaunchChecks, TheFixesThatMayBringEnaAreThere) {
  for (const std::string_view name : {"driver-bundle", "default-kernel"}) {
    EXPECT_TRUE(std::any_of(all_fixes().begin(), all_fixes().end(), [&](const Fix& fix) {
      return fix.name == name;
    })) << name;
  }
}

TEST(LaunchChecks, EnaMayBeTooOldForTheGenerationOfTheType) {
  const LoadedFixture centos = machine("centos7-gce");  // its ENA is of its kernel, 3.10
  const auto findings = [&](const LaunchRequest& request) {
    const Target target{.nitro_generation = nitro_generation_of(request)};
    return codes(before(request, centos, check_guest(centos.guest, centos.inspection, target)));
  };
  EXPECT_EQ(findings(to_be("m7i.large")), "") << "Nitro v4";
  EXPECT_EQ(findings(to_be("m8i.large")), "launch-ena!") << "Nitro v6";
}

TEST(LaunchChecks, TheNewerGenerationCounts) {
  LaunchRequest request = to_be("m8i.large");
  EXPECT_EQ(nitro_generation_of(request), std::optional(6));
  request.target.nitro_generation = 4;
  EXPECT_EQ(nitro_generation_of(request), std::optional(6));
  EXPECT_EQ(codes(before(request, machine("debian12"))), "launch-nitro-generation?");
  request.target.nitro_generation = 7;
  EXPECT_EQ(nitro_generation_of(request), std::optional(7));
  EXPECT_EQ(codes(before(request, machine("debian12"))), "");
  EXPECT_EQ(nitro_generation_of(to_be("t2.micro")), std::nullopt);
  EXPECT_EQ(nitro_generation_of({}), std::nullopt);
}

FixtureKernel with_xen_modules(bool in_initramfs) {
  FixtureKernel kernel{.release = "6.1.0-56-amd64", .initramfs_file = "/boot/initrd.img-{}"};
  kernel.initramfs.kind = InitramfsKind::initramfs_tools;
  if (in_initramfs) {
    kernel.initramfs.modules = {"xen-blkfront"};
  }
  return kernel;
}

LoadedFixture xen_guest(const FixtureKernel& kernel) {
  LoadedFixture loaded;
  loaded.inspection = machine("debian12").inspection;
  add_fixture_kernel(loaded.guest, kernel);
  loaded.inspection.kernels = {{.release = kernel.release,
                                .modules_directory = GuestPath("/lib/modules/" + kernel.release),
                                .vmlinuz = GuestPath("/boot/vmlinuz-" + kernel.release),
                                .initramfs = GuestPath("/boot/initrd.img-" + kernel.release),
                                .is_default = true,
                                .io_timeout_argument = ""}};
  return loaded;
}

TEST(LaunchChecks, AXenTypeWantsXenDrivers) {
  const LaunchRequest xen = to_be("t2.micro");
  EXPECT_EQ(codes(before(xen, xen_guest(with_xen_modules(true)))), "");
  EXPECT_EQ(codes(after(xen, xen_guest(with_xen_modules(true)))), "");
  FixtureKernel none = with_xen_modules(false);
  none.xen = false;
  EXPECT_EQ(codes(before(xen, xen_guest(none))), "launch-xen-driver! launch-xen-driver!");
  EXPECT_EQ(codes(before(to_be("m5.large"), xen_guest(none))), "") << "Nitro has other devices";
}

TEST(LaunchChecks, XenBlkfrontMustBeInTheInitramfsInTheEnd) {
  const LoadedFixture guest = xen_guest(with_xen_modules(false));
  EXPECT_EQ(codes(before(to_be("t2.micro"), guest)), "") << "the plan may bring it there";
  EXPECT_EQ(codes(after(to_be("t2.micro"), guest)), "launch-xen-driver!");
}

TEST(LaunchChecks, SizesThatEc2DoesNotHave) {
  LoadedFixture guest = machine("debian13");
  Volume& disk = guest.inspection.volumes.front();
  disk.size = 64 * kTib;
  EXPECT_EQ(codes(before({}, guest)), "");
  disk.size += 1;
  EXPECT_EQ(codes(before({}, guest)), "launch-volume-size!");
  disk.size = 512u << 20;
  EXPECT_EQ(codes(before({}, guest)), "launch-volume-grown?");
}

LaunchRequest with_disk(const BlueprintDisk& disk) {
  Blueprint blueprint{.instance_type = "m7i.large"};
  blueprint.disks = {disk};
  return {.target = {}, .blueprint = blueprint};
}

TEST(LaunchChecks, SizesThatTheTypeOfTheVolumeDoesNotHave) {
  LoadedFixture guest = machine("debian12");
  ASSERT_EQ(guest.inspection.volumes.size(), 2U);
  EXPECT_EQ(codes(before(with_disk({.volume = 1, .type = "st1"}), guest)), "launch-volume-grown?");
  guest.inspection.volumes[1].size = 17 * kTib;
  EXPECT_EQ(codes(before(with_disk({.volume = 1, .type = "gp2"}), guest)),
            "launch-volume-size! launch-mbr?");
}

TEST(LaunchChecks, IopsGoWithTheSize) {
  LoadedFixture guest = machine("debian12");
  EXPECT_EQ(codes(before(with_disk({.volume = 1, .type = "io1", .iops = 1000}), guest)), "");
  EXPECT_EQ(codes(before(with_disk({.volume = 1, .type = "io1", .iops = 1001}), guest)),
            "launch-volume-iops!");
  guest.inspection.volumes[1].size = kGib;
  EXPECT_EQ(codes(before(with_disk({.volume = 1, .type = "gp3", .iops = 3000}), guest)), "")
      << "the least there is goes with any size";
}

TEST(LaunchChecks, AnMbrReachesTwoTib) {
  LoadedFixture guest = machine("debian12");
  guest.inspection.volumes[0].size = 2 * kTib;
  EXPECT_EQ(codes(before({}, guest)), "");
  guest.inspection.volumes[0].size += kGib;
  EXPECT_EQ(codes(before({}, guest)), "launch-mbr!");
  guest.inspection.disks[0].partition_table = "gpt";
  EXPECT_EQ(codes(before({}, guest)), "");
}

TEST(LaunchChecks, TheVolumeThatBootsHasTheBootLoader) {
  const LoadedFixture guest = machine("debian12");
  EXPECT_EQ(codes(before({.boot_volume = 1}, guest)), "launch-boot-volume!");
  LoadedFixture uefi = machine("debian13");
  uefi.inspection.volumes.push_back(uefi.inspection.volumes.front());
  EXPECT_EQ(codes(before({.boot_volume = 1}, uefi)), "launch-boot-volume?");
}

TEST(LaunchChecks, ManyVolumes) {
  LoadedFixture guest = machine("debian13");
  guest.inspection.volumes.resize(12, guest.inspection.volumes.front());
  EXPECT_EQ(codes(before({}, guest)), "");
  guest.inspection.volumes.resize(13, guest.inspection.volumes.front());
  EXPECT_EQ(codes(before({}, guest)), "launch-many-volumes?");
  guest.inspection.volumes.resize(101, guest.inspection.volumes.front());
  EXPECT_EQ(codes(before({}, guest)), "launch-many-volumes!");
}

TEST(LaunchChecks, APrivateAddressBelongsToASubnet) {
  Blueprint blueprint{.instance_type = "m7i.large", .private_ip = "10.0.0.7"};
  EXPECT_EQ(codes(before({.target = {}, .blueprint = blueprint}, machine("debian12"))),
            "launch-private-ip?");
  blueprint.subnet_id = "subnet-01234567";
  EXPECT_EQ(codes(before({.target = {}, .blueprint = blueprint}, machine("debian12"))), "");
}

TEST(LaunchChecks, TheJobMustAgreeWithItself) {
  const auto request = [](const LaunchTarget& target, const std::string& launch) {
    return LaunchRequest{.target = target, .blueprint = Blueprint{.instance_type = launch}};
  };
  check_request(request({.instance_type = "m5.large"}, "m5.large"));
  check_request(request({.instance_type = "m5.large"}, ""));
  check_request(request({.architecture = "arm64"}, "m99g.large"));
  check_request({});
  EXPECT_ERROR(ErrorKind::usage, "launch.instance_type: is m6i.large",
               check_request(request({.instance_type = "m5.large"}, "m6i.large")));
  EXPECT_ERROR(ErrorKind::usage, "launch.instance_type: is missing",
               check_request(request({}, "")));
  EXPECT_ERROR(ErrorKind::usage, "target.architecture",
               check_request(request({.architecture = "arm64"}, "m5.large")));
  EXPECT_ERROR(ErrorKind::usage, "target.boot_mode",
               check_request(request({.boot_mode = BootMode::uefi}, "t2.micro")));
  EXPECT_ERROR(ErrorKind::usage, "target.boot_mode",
               check_request(request({.boot_mode = BootMode::legacy_bios}, "m7g.large")));
}

class Warnings : public EventSink {
 public:
  void on(const Event& event) override {
    codes.push_back(std::get<WarningRaised>(event).warning.code);
  }
  std::vector<std::string> codes;
};

TEST(LaunchChecks, WhatContradictsStopsTheRunAfterTheWarnings) {
  LoadedFixture guest = machine("debian13");
  guest.inspection.volumes.front().size = 512u << 20;
  const ConversionPlan plan;
  Warnings warnings;
  EXPECT_ERROR(
      ErrorKind::unsupported_guest, "launch-boot-mode: this machine boots by UEFI",
      require_launchable(to_be("t2.micro"), {guest.guest, guest.inspection, {}, &plan}, warnings));
  EXPECT_EQ(warnings.codes, std::vector<std::string>{"launch-volume-grown"});
  require_launchable(to_be("m5.large"), {guest.guest, guest.inspection, {}}, warnings);
  EXPECT_EQ(warnings.codes.size(), 1U) << "the second time nothing is repeated";
}

TEST(LaunchChecks, WhatOnlyTheResultShowsIsAVerification) {
  const LoadedFixture guest = xen_guest(with_xen_modules(false));
  Warnings warnings;
  EXPECT_ERROR(
      ErrorKind::verification, "launch-xen-driver",
      require_launchable(to_be("t2.micro"), {guest.guest, guest.inspection, {}}, warnings));
}

}  // namespace
}  // namespace rehost
