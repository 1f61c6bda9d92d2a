#include "drivers/driver_bundle_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/codec.h"
#include "drivers/fixes.h"
#include "drivers/kernel_image.h"
#include "drivers/module_index_bin.h"
#include "tests/drivers/bundles.h"

namespace rehost {
namespace {

const std::string kModules = "/usr/lib/modules/" + std::string(kRelease);
const std::string kOurs = kModules + "/updates/rehost/";

Inspection inspect(const MemoryGuest& guest) {
  Inspection inspection;
  inspection.kernels = find_kernels(guest);
  return inspection;
}

FixResult plan(const MemoryGuest& guest, const Target& target) {
  return plan_driver_bundle(guest, inspect(guest), target);
}

std::vector<std::string> paths(const FixResult& result) {
  std::vector<std::string> list;
  for (const Edit& edit : result.edits) {
    list.push_back(edited_path(edit)->str());
  }
  return list;
}

void apply(MemoryGuest& guest, const FixResult& result, size_t count = SIZE_MAX) {
  for (size_t i = 0; i < std::min(count, result.edits.size()); ++i) {
    const auto& write = std::get<WriteFile>(result.edits[i].action);
    const auto old = guest.read(write.path, kMaxModuleBytes);
    EXPECT_EQ(old ? std::optional(hash_content(*old)) : std::nullopt, write.expects);
    guest.add_file(write.path.str(), write.content);
  }
}

std::string text(const MemoryGuest& guest, const std::string& path) {
  return guest.read(GuestPath(path), kMaxModuleBytes).value_or("(none)");
}

Target target_with(std::vector<BundledModule> modules) {
  Target target;
  target.bundled_modules = std::move(modules);
  return target;
}

const Target& nvme_and_ena() {
  static const Target kTarget = target_with(
      {bundled("nvme", {"depends=nvme-core", "alias=pci:v*d*sv*sd*bc01sc08i02*"}),
       bundled("ena", {"version=2.13.0g", "alias=pci:v00001D0Fd0000EC20sv*sd*bc*sc*i*"})});
  return kTarget;
}

TEST(DriverBundle, PlansNothingForAGuestThatHasItsDrivers) {
  EXPECT_TRUE(plan(guest_without({}), nvme_and_ena()).edits.empty());
  EXPECT_TRUE(plan(guest_without({"ena"}), {}).edits.empty());
}

TEST(DriverBundle, InstallsTheModulesAndTheirIndexLast) {
  const FixResult result = plan(guest_without({"nvme", "ena"}), nvme_and_ena());
  EXPECT_EQ(paths(result), (std::vector<std::string>{
                               kOurs + "nvme.ko", kOurs + "ena.ko", kModules + "/modules.dep.bin",
                               kModules + "/modules.alias.bin", kModules + "/modules.alias",
                               kModules + "/modules.dep"}));
  EXPECT_TRUE(result.warnings.empty());
  const std::string& reason = result.edits[1].reason;
  for (const std::string part : {"no ena module", "GPL", "sha256 000", "from bundle"}) {
    EXPECT_NE(reason.find(part), std::string::npos) << reason;
  }
}

TEST(DriverBundle, WritesAnIndexThatFindsTheModules) {
  MemoryGuest guest = guest_without({"nvme", "ena"});
  apply(guest, plan(guest, nvme_and_ena()));
  EXPECT_NE(text(guest, kModules + "/modules.dep")
                .find("\nupdates/rehost/nvme.ko: kernel/drivers/nvme/host/nvme-core.ko "
                      "kernel/block/t10-pi.ko\nupdates/rehost/ena.ko:\n"),
            std::string::npos)
      << text(guest, kModules + "/modules.dep");
  const auto has = [&](const std::string& file, const std::string& key, const std::string& value) {
    const std::vector<BinEntry> entries = read_index_bin(text(guest, kModules + "/" + file));
    return std::any_of(entries.begin(), entries.end(), [&](const BinEntry& entry) {
      return entry.key == key && entry.value.starts_with(value);
    });
  };
  EXPECT_TRUE(has("modules.dep.bin", "ena", "updates/rehost/ena.ko:"));
  EXPECT_TRUE(has("modules.alias.bin", "pci:v*d*sv*sd*bc01sc08i02*", "nvme"));
}

TEST(DriverBundle, IsThenFollowedByTheOtherFixes) {
  MemoryGuest guest = guest_without({"nvme", "ena"});
  apply(guest, plan(guest, nvme_and_ena()));
  const std::vector<DriverState> states =
      driver_states(guest, inspect(guest), inspect(guest).kernels.at(0));
  for (const DriverState& state : states) {
    EXPECT_EQ(state.in_root, state.need != ModuleNeed::optional) << state.module;
  }
  for (const Fix& fix : driver_fixes()) {
    const FixResult next = fix.plan(guest, inspect(guest), nvme_and_ena());
    EXPECT_EQ(next.edits.size(), fix.name == "driver-bundle" ? 0u : 1u) << fix.name;
    if (fix.name == "initramfs-drivers") {
      const auto& addition = std::get<AddToInitramfs>(next.edits.at(0).action);
      EXPECT_TRUE(std::any_of(addition.entries.begin(), addition.entries.end(),
                              [](const ArchiveEntry& entry) {
                                return entry.path.ends_with("/updates/rehost/nvme.ko");
                              }));
    }
  }
}

TEST(DriverBundle, StoppedAnywhereAndDoneAgainEndsTheSame) {
  const MemoryGuest original = [] {
    MemoryGuest guest = guest_without({"nvme"});
    guest.add_file(module_path("ena"), make_module({"name=ena", "version=2.2.8g"}));
    guest.add_file("/etc/depmod.d/own.conf", "search built-in updates\n");
    return guest;
  }();
  Target target = nvme_and_ena();
  target.nitro_generation = 5;
  MemoryGuest done = original;
  const FixResult whole = plan(done, target);
  apply(done, whole);
  EXPECT_TRUE(plan(done, target).edits.empty());
  ASSERT_GT(whole.edits.size(), 5u);
  for (size_t k = 0; k < whole.edits.size(); ++k) {
    MemoryGuest guest = original;
    apply(guest, whole, k);
    apply(guest, plan(guest, target));
    EXPECT_EQ(guest.nodes(), done.nodes()) << "stopped after " << k;
  }
}

TEST(DriverBundle, LeavesTheFileOfATooOldModuleAndWinsOverIt) {
  MemoryGuest guest = guest_without({});
  const std::string old = make_module({"name=ena", "version=1.5.0K"});
  guest.add_file(module_path("ena"), old);
  guest.add_file("/boot/config-" + std::string(kRelease), "CONFIG_X=y\n");
  Target target = nvme_and_ena();
  target.nitro_generation = 5;
  EXPECT_TRUE(plan(guest, target).edits.empty()) << "6.1 serves Nitro v5";
  guest.add_file(module_path("ena"), make_module({"name=ena", "version=2.2.8g"}));
  const FixResult result = plan(guest, target);
  apply(guest, result);
  EXPECT_NE(text(guest, module_path("ena")), "(none)");
  const std::string dep = text(guest, kModules + "/modules.dep");
  EXPECT_NE(dep.find("updates/rehost/ena.ko:"), std::string::npos);
  EXPECT_EQ(dep.find("kernel/drivers/net/ethernet/amazon/ena/ena.ko"), std::string::npos);
  EXPECT_EQ(text(guest, "/etc/depmod.d/zz-rehost.conf"), "(none)") << "updates wins by itself";
}

TEST(DriverBundle, TellsDepmodWhereItWouldChooseTheGuestsModule) {
  MemoryGuest guest = guest_without({});
  guest.add_file(module_path("ena"), make_module({"name=ena", "version=2.2.8g"}));
  guest.add_file("/etc/depmod.d/own.conf", "search built-in updates\n");
  Target target = nvme_and_ena();
  target.nitro_generation = 5;
  const FixResult result = plan(guest, target);
  EXPECT_EQ(paths(result).at(0), "/etc/depmod.d/zz-rehost.conf");
  apply(guest, result);
  EXPECT_EQ(text(guest, "/etc/depmod.d/zz-rehost.conf"), "override ena * updates/rehost\n");
}

TEST(DriverBundle, UsesExtraOnRedHat) {
  MemoryGuest guest = guest_without({"ena"});
  Inspection inspection = inspect(guest);
  constexpr Distro kRedHat{.id = "rhel",
                           .name = "Red Hat",
                           .family = DistroFamily::redhat,
                           .minimum = "",
                           .efi_vendor = "",
                           .initramfs_tool = "dracut",
                           .network = "",
                           .tested = ""};
  inspection.distro = &kRedHat;
  const FixResult result = plan_driver_bundle(guest, inspection, nvme_and_ena());
  EXPECT_EQ(paths(result).at(0), kModules + "/extra/rehost/ena.ko");
}

TEST(DriverBundle, UnpacksAModuleUnlessTheGuestsOwnArePackedAlike) {
  BundledModule packed = bundled("ena", {});
  const std::string elf = packed.content;
  packed.content = compress(Codec::xz, elf);
  packed.file += ".xz";
  MemoryGuest guest = guest_without({"ena"});
  FixResult result = plan(guest, target_with({packed}));
  EXPECT_EQ(std::get<WriteFile>(result.edits.at(0).action).path.str(), kOurs + "ena.ko");
  EXPECT_EQ(std::get<WriteFile>(result.edits.at(0).action).content, elf);

  const std::string ext4 = text(guest, module_path("ext4"));
  guest.remove(GuestPath(module_path("ext4")));
  guest.add_file(module_path("ext4") + ".xz", compress(Codec::xz, ext4));
  std::string dep = text(guest, kModules + "/modules.dep");
  dep.replace(dep.find("ext4.ko:"), 8, "ext4.ko.xz:");
  guest.add_file(kModules + "/modules.dep", dep);
  result = plan(guest, target_with({packed}));
  EXPECT_EQ(std::get<WriteFile>(result.edits.at(0).action).path.str(), kOurs + "ena.ko.xz");
  EXPECT_EQ(std::get<WriteFile>(result.edits.at(0).action).content, packed.content);
}

TEST(DriverBundle, WarnsOfWhatItRefuses) {
  const FixResult result =
      plan(guest_without({"ena"}), target_with({bundled_file("ena", "no ELF")}));
  EXPECT_TRUE(result.edits.empty());
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_EQ(result.warnings[0].code, "driver-bundle-refused");
  EXPECT_EQ(result.warnings[0].subject, "bundle/" + std::string(kRelease) + "/ena.ko");
}

TEST(DriverBundle, WarnsOfAnUnsignedModuleWhereOnlySignedOnesLoad) {
  MemoryGuest guest = guest_without({"ena"});
  guest.add_file("/boot/config-" + std::string(kRelease), "A=y\nCONFIG_MODULE_SIG_FORCE=y\n");
  Target target = target_with({bundled("ena", {})});
  ASSERT_EQ(plan(guest, target).warnings.size(), 1u);
  EXPECT_EQ(plan(guest, target).warnings[0].code, "driver-bundle-unsigned");
  target.bundled_modules[0].content += "~Module signature appended~\n";
  EXPECT_TRUE(plan(guest, target).warnings.empty());
}

TEST(DriverBundle, DoesNotIndexWhatWasNeverIndexed) {
  MemoryGuest guest = guest_without({"ena"});
  guest.remove(GuestPath(kModules + "/modules.dep"));
  guest.add_file(module_path("nvme"), module_for(kRelease, {"name=nvme"}));
  const FixResult result = plan(guest, target_with({bundled("ena", {})}));
  EXPECT_TRUE(result.edits.empty());
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_NE(result.warnings[0].sentence.find("depmod"), std::string::npos);
}

TEST(DriverBundle, WritesNoBinaryIndexWhereThereIsNone) {
  MemoryGuest guest = guest_without({"ena"});
  for (const char* name : {"modules.dep.bin", "modules.alias.bin", "modules.symbols.bin"}) {
    guest.remove(GuestPath(kModules) / name);
  }
  for (const std::string& path : paths(plan(guest, nvme_and_ena()))) {
    EXPECT_FALSE(path.ends_with(".bin")) << path;
  }
}

TEST(DriverBundle, ServesSeveralKernelsInOnePlan) {
  const std::string other = "6.1.0-11-amd64";
  MemoryGuest guest = guest_without({"ena"});
  add_kernel(guest, other, write_cpio(debian_initramfs(other)));
  remove_modules(guest, {"ena"}, other);
  const FixResult result =
      plan(guest, target_with({bundled("ena", {}), bundled("ena", {}, other)}));
  const std::vector<std::string> changed = paths(result);
  for (const std::string& release : {other, std::string(kRelease)}) {
    EXPECT_EQ(std::count(changed.begin(), changed.end(),
                         "/usr/lib/modules/" + release + "/updates/rehost/ena.ko"),
              1)
        << release;
  }
}

// An initramfs that loads its own, older ena first would undo the newer one.
TEST(InitramfsDrivers, ReplacesAnEnaThatIsOlderThanTheOneOfTheSystem) {
  MemoryGuest guest = guest_without({});
  const auto write_ena = [&](const std::string& version) {
    guest.add_file(module_path("ena"), make_module({"name=ena", "version=" + version}));
  };
  const auto plan_initramfs = [&] {
    return driver_fixes()[2].plan(guest, inspect(guest), Target{});
  };
  write_ena("2.2.8g");
  const FixResult first = plan_initramfs();
  const auto& addition = std::get<AddToInitramfs>(first.edits.at(0).action);
  guest.add_file(addition.path.str(),
                 apply_to_initramfs(text(guest, addition.path.str()), addition));
  EXPECT_TRUE(plan_initramfs().edits.empty());
  write_ena("2.13.0g");
  const FixResult second = plan_initramfs();
  ASSERT_EQ(second.edits.size(), 1u);
  const auto& newer = std::get<AddToInitramfs>(second.edits.at(0).action);
  EXPECT_EQ(newer.modules, (std::vector<std::string>{"ena"}));
  guest.add_file(newer.path.str(), apply_to_initramfs(text(guest, newer.path.str()), newer));
  EXPECT_TRUE(plan_initramfs().edits.empty());
}

TEST(InitramfsDrivers, WarnsOfAnEnaThatSomeInstancesRefuse) {
  MemoryGuest guest = guest_without({});
  guest.add_file(module_path("ena"), make_module({"name=ena", "version=2.2.8g"}));
  const auto codes = [&](const Target& target) {
    std::vector<std::string> list;
    for (const Warning& warning : driver_fixes()[2].plan(guest, inspect(guest), target).warnings) {
      list.push_back(warning.code);
    }
    return list;
  };
  EXPECT_EQ(codes({}), (std::vector<std::string>{"ena-too-old"}));
  EXPECT_EQ(codes({.nitro_generation = 6}), (std::vector<std::string>{"ena-too-old"}));
  EXPECT_EQ(codes({.nitro_generation = 4}), (std::vector<std::string>{}));
}

}  // namespace
}  // namespace rehost
