#include "drivers/driver_bundle.h"

#include <gtest/gtest.h>

#include "drivers/codec.h"
#include "drivers/kernel_image.h"
#include "tests/drivers/bundles.h"

namespace rehost {
namespace {

ModuleChoice choose(const MemoryGuest& guest, const Target& target, std::string_view module) {
  const KernelImage kernel = find_kernels(guest).at(0);
  const KernelDrivers drivers = read_root_drivers(guest, kernel);
  return choose_module(guest, kernel, drivers, module_family(guest, kernel, drivers.index), target,
                       module);
}

std::string refusal(const ModuleChoice& choice) {
  EXPECT_EQ(choice.source, ModuleSource::missing);
  EXPECT_TRUE(choice.modules.empty());
  return choice.refusals.empty() ? "none" : choice.refusals[0].sentence;
}

std::vector<std::string> files(const ModuleChoice& choice) {
  std::vector<std::string> names;
  for (const BundledModule* module : choice.modules) {
    names.push_back(module->file);
  }
  return names;
}

TEST(ModuleChoice, PrefersTheGuestsOwnModule) {
  Target target;
  target.bundled_modules = {bundled("ena", {"version=2.13.0g"})};
  const ModuleChoice choice = choose(guest_without({}), target, "ena");
  EXPECT_EQ(choice.source, ModuleSource::from_guest);
  EXPECT_TRUE(choice.modules.empty());
  EXPECT_TRUE(choice.refusals.empty());
}

TEST(ModuleChoice, TakesTheBundlesWhereTheGuestHasNone) {
  Target target;
  target.bundled_modules = {bundled("ena", {}), bundled("nvme", {"depends=nvme-core"})};
  const MemoryGuest guest = guest_without({"ena", "nvme"});
  EXPECT_EQ(choose(guest, target, "ena").source, ModuleSource::from_bundle);
  EXPECT_NE(choose(guest, target, "ena").need.find("no ena module"), std::string::npos);
  EXPECT_EQ(files(choose(guest, target, "nvme")),
            (std::vector<std::string>{std::string(kRelease) + "/nvme.ko"}));
  EXPECT_EQ(choose(guest, target, "xen-blkfront").source, ModuleSource::missing);
  EXPECT_EQ(choose(guest, {}, "ena").source, ModuleSource::missing);
}

TEST(ModuleChoice, TakesTheBundlesWhereOnlyTheFileIsGone) {
  MemoryGuest guest = guest_without({});
  guest.remove(GuestPath(module_path("ena")));
  Target target;
  target.bundled_modules = {bundled("ena", {})};
  EXPECT_EQ(choose(guest, target, "ena").source, ModuleSource::from_bundle);
}

TEST(ModuleChoice, ReplacesAnOldEnaOnlyForAnInstanceThatRefusesIt) {
  MemoryGuest guest = guest_without({});
  guest.add_file(module_path("ena"), make_module({"name=ena", "version=2.2.8g"}));
  Target target;
  target.bundled_modules = {bundled("ena", {"version=2.13.0g"})};
  EXPECT_EQ(choose(guest, target, "ena").source, ModuleSource::from_guest);
  target.nitro_generation = 4;
  EXPECT_EQ(choose(guest, target, "ena").source, ModuleSource::from_guest);
  target.nitro_generation = 5;
  const ModuleChoice choice = choose(guest, target, "ena");
  EXPECT_EQ(choice.source, ModuleSource::from_bundle);
  EXPECT_NE(choice.need.find("2.2.8g"), std::string::npos) << choice.need;
}

TEST(ModuleChoice, RefusesABundlesModuleThatIsTooOldItself) {
  Target target;
  target.nitro_generation = 6;
  target.bundled_modules = {bundled("ena", {"version=2.2.8g"})};
  EXPECT_NE(refusal(choose(guest_without({"ena"}), target, "ena")).find("2.2.9"),
            std::string::npos);
  target.nitro_generation.reset();
  EXPECT_EQ(choose(guest_without({"ena"}), target, "ena").source, ModuleSource::from_bundle);
}

TEST(ModuleChoice, LeavesWhatIsBuiltInAlone) {
  MemoryGuest guest = guest_without({"ena"});
  guest.add_file("/usr/lib/modules/" + std::string(kRelease) + "/modules.builtin",
                 "kernel/drivers/net/ethernet/amazon/ena/ena.ko\n");
  Target target;
  target.bundled_modules = {bundled("ena", {})};
  EXPECT_EQ(choose(guest, target, "ena").source, ModuleSource::built_in);
}

TEST(ModuleChoice, ComparesTheVermagicExactly) {
  const MemoryGuest guest = guest_without({"ena"});
  const std::vector<std::string> others{
      std::string(kRelease) + " SMP mod_unload modversions ",
      std::string(kRelease) + " SMP preempt mod_unload modversions",  // the last blank counts
      ""};
  for (const std::string& vermagic : others) {
    Target target;
    target.bundled_modules = {
        bundled_file("ena", make_module({"name=ena", "vermagic=" + vermagic}))};
    EXPECT_NE(refusal(choose(guest, target, "ena")).find("vermagic"), std::string::npos);
  }
}

TEST(ModuleChoice, NeedsAModuleOfTheGuestToCompareWith) {
  MemoryGuest guest = guest_without({"ena"});
  guest.add_file(module_path("ext4"), make_module({"name=ext4"}));
  Target target;
  target.bundled_modules = {bundled("ena", {})};
  EXPECT_NE(refusal(choose(guest, target, "ena")).find("no module of its own"), std::string::npos);
}

TEST(ModuleChoice, RefusesAnotherArchitectureAndDamage) {
  const MemoryGuest guest = guest_without({"ena"});
  std::string arm = module_for(kRelease, {"name=ena"});
  arm[18] = static_cast<char>(183);
  Target target;
  target.bundled_modules = {bundled_file("ena", arm)};
  EXPECT_NE(refusal(choose(guest, target, "ena")).find("aarch64"), std::string::npos);
  const std::string whole = module_for(kRelease, {"name=ena"});
  for (size_t length = 0; length < whole.size(); length += 7) {
    target.bundled_modules = {bundled_file("ena", whole.substr(0, length))};
    EXPECT_NE(refusal(choose(guest, target, "ena")), "none") << length;
  }
}

TEST(ModuleChoice, RefusesAModuleThatWouldWriteLinesOfItsOwn) {
  Target target;
  for (const std::string field : {"alias=x\nalias y", "softdep=pre: a\nsoftdep b post: c"}) {
    target.bundled_modules = {bundled("ena", {field})};
    EXPECT_NE(refusal(choose(guest_without({"ena"}), target, "ena")).find("line break"),
              std::string::npos);
  }
}

TEST(ModuleChoice, IgnoresOtherKernels) {
  Target target;
  target.bundled_modules = {bundled("ena", {})};
  target.bundled_modules[0].release = "6.1.0-11-amd64";
  EXPECT_EQ(refusal(choose(guest_without({"ena"}), target, "ena")), "none");
}

TEST(ModuleChoice, TakesTheFirstBundleThatFits) {
  Target target;
  target.bundled_modules = {bundled_file("ena", "no ELF"), bundled("ena", {"version=2.9.0g"}),
                            bundled("ena", {"version=2.13.0g"})};
  target.bundled_modules[1].bundle = "second";
  target.bundled_modules[2].bundle = "third";
  const ModuleChoice choice = choose(guest_without({"ena"}), target, "ena");
  ASSERT_EQ(choice.modules.size(), 1u);
  EXPECT_EQ(choice.modules[0]->bundle, "second");
  EXPECT_EQ(choice.refusals.size(), 1u);
}

TEST(ModuleChoice, BringsWhatTheModuleDependsOn) {
  const MemoryGuest guest = guest_without({"nvme", "nvme_core"});
  Target target;
  target.bundled_modules = {bundled("nvme", {"depends=nvme-core"})};
  EXPECT_NE(refusal(choose(guest, target, "nvme")).find("depends on nvme-core"), std::string::npos);
  target.bundled_modules.push_back(bundled("nvme-core", {"depends=t10-pi,scsi_mod"}));
  EXPECT_EQ(files(choose(guest, target, "nvme")),
            (std::vector<std::string>{std::string(kRelease) + "/nvme-core.ko",
                                      std::string(kRelease) + "/nvme.ko"}));
}

TEST(ModuleChoice, RefusesADependencyThatDoesNotFit) {
  const MemoryGuest guest = guest_without({"nvme", "nvme_core"});
  Target target;
  target.bundled_modules = {bundled("nvme", {"depends=nvme-core"}),
                            bundled_file("nvme-core", make_module({"vermagic=5.10.0 "}))};
  const std::string why = refusal(choose(guest, target, "nvme"));
  EXPECT_NE(why.find("nvme-core.ko"), std::string::npos) << why;
  EXPECT_NE(why.find("5.10.0"), std::string::npos) << why;
}

TEST(ModuleChoice, IsNotCaughtByDependenciesThatGoRound) {
  const MemoryGuest guest = guest_without({"nvme", "nvme_core"});
  Target target;
  target.bundled_modules = {bundled("nvme", {"depends=nvme-core"}),
                            bundled("nvme-core", {"depends=nvme"})};
  EXPECT_EQ(choose(guest, target, "nvme").modules.size(), 2u);
}

}  // namespace
}  // namespace rehost
