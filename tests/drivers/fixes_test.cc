#include "drivers/fixes.h"

#include <gtest/gtest.h>

#include "drivers/codec.h"
#include "drivers/initramfs_config.h"
#include "drivers/initramfs_plan.h"
#include "drivers/kernel_image.h"
#include "tests/drivers/samples.h"
#include "tests/support/pe_program.h"

namespace rehost {
namespace {

const std::string kModules = "usr/lib/modules/" + std::string(kRelease);
const GuestPath kImage("/boot/initrd.img-" + std::string(kRelease));

Inspection inspect(const MemoryGuest& guest) {
  Inspection inspection;
  inspection.kernels = find_kernels(guest);
  return inspection;
}

const Fix& row(std::string_view name) {
  for (const Fix& fix : driver_fixes()) {
    if (fix.name == name) {
      return fix;
    }
  }
  throw std::runtime_error("no such fix");
}

FixResult plan(const MemoryGuest& guest, std::string_view fix, const Target& target = {}) {
  return row(fix).plan(guest, inspect(guest), target);
}

FixResult plan_drivers(const MemoryGuest& guest, const Target& target = {}) {
  return plan(guest, "initramfs-drivers", target);
}

void apply(MemoryGuest& guest, const FixResult& result) {
  for (const Edit& edit : result.edits) {
    if (const auto* write = std::get_if<WriteFile>(&edit.action)) {
      guest.add_file(write->path.str(), write->content);
    } else if (const auto* append = std::get_if<AppendFile>(&edit.action)) {
      guest.append(append->path, append->content);
    } else if (const auto* add = std::get_if<AddToInitramfs>(&edit.action)) {
      const std::string image = guest.read(add->path, kMaxInitramfsBytes).value();
      EXPECT_EQ(add->expects, hash_content(image));
      guest.write(add->path, apply_to_initramfs(image, *add), 0600);
    }
  }
}

const AddToInitramfs& addition(const FixResult& result) {
  return std::get<AddToInitramfs>(result.edits.at(0).action);
}

std::vector<std::string> codes(const FixResult& result) {
  std::vector<std::string> list;
  for (const Warning& warning : result.warnings) {
    list.push_back(warning.code);
  }
  return list;
}

MemoryGuest guest_with_codec(Codec codec) {
  return debian_guest(compress(codec, write_cpio(debian_initramfs())));
}

TEST(InitramfsDrivers, AddsTheClosureInTheOrderOfLoading) {
  const FixResult result = plan_drivers(guest_with_codec(Codec::zstd));
  ASSERT_EQ(result.edits.size(), 1u);
  EXPECT_EQ(addition(result).path, kImage);
  EXPECT_EQ(addition(result).strategy, InitramfsStrategy::repack);
  EXPECT_EQ(addition(result).modules,
            (std::vector<std::string>{"crct10dif_generic", "t10-pi", "nvme-core", "nvme", "ena"}));
  EXPECT_TRUE(result.warnings.empty());
}

TEST(InitramfsDrivers, PutsNothingUnderALink) {
  const FixResult result = plan_drivers(guest_with_codec(Codec::zstd));
  for (const ArchiveEntry& entry : addition(result).entries) {
    EXPECT_FALSE(entry.path.starts_with("lib")) << entry.path;
  }
}

TEST(InitramfsDrivers, PlansNothingTheSecondTimeWhateverTheCodecAndStrategy) {
  for (const Codec codec : {Codec::plain, Codec::gzip, Codec::xz, Codec::zstd, Codec::lz4_legacy}) {
    for (const InitramfsStrategy strategy :
         {InitramfsStrategy::repack, InitramfsStrategy::append}) {
      MemoryGuest guest = guest_with_codec(codec);
      const FixResult first = plan_drivers(guest, {.initramfs = strategy});
      ASSERT_EQ(first.edits.size(), 1u);
      EXPECT_EQ(addition(first).strategy, strategy);
      apply(guest, first);
      const FixResult second = plan_drivers(guest, {.initramfs = strategy});
      EXPECT_TRUE(second.edits.empty());
      EXPECT_TRUE(second.warnings.empty());
    }
  }
}

TEST(InitramfsDrivers, ChangesNothingWhilePlanning) {
  const MemoryGuest guest = guest_with_codec(Codec::gzip);
  plan_drivers(guest);
  EXPECT_EQ(guest.nodes(), guest_with_codec(Codec::gzip).nodes());
}

TEST(InitramfsDrivers, WritesAnIndexOfAllModulesInTheImage) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  apply(guest, plan_drivers(guest));
  const Initramfs image(guest.read(kImage, kMaxInitramfsBytes).value());
  const std::string dep(
      image.read("lib/modules/" + std::string(kRelease) + "/modules.dep").value_or(""));
  EXPECT_EQ(dep, guest.read(GuestPath("/" + kModules + "/modules.dep"), kMaxTextBytes));
  EXPECT_EQ(image.read("conf/modules"), "# none\nnvme\nena\n");
  EXPECT_EQ(image.read(kInitramfsMarker),
            "kernel 6.1.0-10-amd64\nmodules crct10dif_generic t10-pi nvme-core nvme ena\n");
}

TEST(InitramfsDrivers, LeavesAnImageAloneThatOnlyLacksEna) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  const FixResult first = plan_drivers(guest);
  apply(guest, first);
  std::string image = guest.read(kImage, kMaxInitramfsBytes).value();
  Initramfs initramfs(image);
  const std::string_view bytes = initramfs.contents(*initramfs.main_segment());
  const CpioArchive& archive = initramfs.main_segment()->archives[0];
  for (size_t i = 0; i < archive.entries.size(); ++i) {
    if (archive.entries[i].path.ends_with("/ena.ko")) {
      guest.write(kImage, splice_cpio(bytes, archive, {i}, {}), 0600);
    }
  }
  EXPECT_TRUE(plan_drivers(guest).edits.empty());
}

TEST(InitramfsDrivers, KeepsTheFormOfModulesUnlessTheImageHasThemUnpacked) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  const std::string ena = "kernel/drivers/net/ethernet/amazon/ena/ena.ko";
  const std::string elf = guest.read(GuestPath("/" + kModules + "/" + ena), kMaxTextBytes).value();
  const std::string packed = compress(Codec::xz, elf);
  guest.add_file("/" + kModules + "/" + ena + ".xz", packed);
  std::string dep = guest.read(GuestPath("/" + kModules + "/modules.dep"), kMaxTextBytes).value();
  dep.insert(dep.rfind(':'), ".xz");
  guest.add_file("/" + kModules + "/modules.dep", dep);

  MemoryGuest unpacked = guest;
  apply(unpacked, plan_drivers(unpacked));
  const Initramfs with_plain_modules(unpacked.read(kImage, kMaxInitramfsBytes).value());
  EXPECT_EQ(with_plain_modules.read(kModules + "/" + ena), elf);

  std::vector<ArchiveEntry> empty = debian_initramfs();
  std::erase_if(empty, [](const ArchiveEntry& entry) { return entry.path.ends_with(".ko"); });
  guest.write(kImage, write_cpio(empty), 0600);
  apply(guest, plan_drivers(guest));
  const Initramfs without_modules(guest.read(kImage, kMaxInitramfsBytes).value());
  EXPECT_EQ(without_modules.read(kModules + "/" + ena + ".xz"), packed);
  EXPECT_TRUE(plan_drivers(guest).edits.empty());
}

TEST(InitramfsDrivers, TakesTheBytesBehindALinkedModule) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  const std::string path = kModules + "/kernel/drivers/net/ethernet/amazon/ena/ena.ko";
  guest.remove(GuestPath("/" + path));
  guest.add_file("/opt/ena.ko", "not even ELF");
  guest.add_symlink("/" + path, "/opt/ena.ko");
  apply(guest, plan_drivers(guest));
  EXPECT_EQ(Initramfs(guest.read(kImage, kMaxInitramfsBytes).value()).read(path), "not even ELF");
}

TEST(InitramfsDrivers, ServesEveryKernel) {
  MemoryGuest guest = guest_with_codec(Codec::zstd);
  std::vector<ArchiveEntry> entries = debian_initramfs();
  for (ArchiveEntry& entry : entries) {
    if (const size_t at = entry.path.find(kRelease); at != std::string::npos) {
      entry.path.replace(at, kRelease.size(), "6.1.0-11-amd64");
    }
  }
  add_kernel(guest, "6.1.0-11-amd64", write_cpio(entries));
  EXPECT_EQ(plan_drivers(guest).edits.size(), 2u);
}

TEST(InitramfsDrivers, SkipsModulesThatARemovedKernelLeftBehind) {
  MemoryGuest guest = guest_with_codec(Codec::zstd);
  guest.add_file("/usr/lib/modules/5.0.0/modules.dep", "");
  EXPECT_TRUE(plan_drivers(guest).warnings.empty());
}

TEST(InitramfsDrivers, WarnsOfWhatIsMissing) {
  MemoryGuest guest = guest_with_codec(Codec::zstd);
  guest.add_file("/" + kModules + "/modules.dep", "kernel/fs/ext4/ext4.ko:\n");
  EXPECT_EQ(codes(plan_drivers(guest)),
            (std::vector<std::string>{"driver-missing", "driver-missing"}));
  EXPECT_TRUE(plan_drivers(guest).edits.empty());

  MemoryGuest without = guest_with_codec(Codec::zstd);
  without.remove(kImage);
  EXPECT_EQ(codes(plan_drivers(without)), (std::vector<std::string>{"initramfs-missing"}));
}

TEST(InitramfsDrivers, DoesNothingWhereNvmeIsBuiltIn) {
  MemoryGuest guest = guest_with_codec(Codec::zstd);
  guest.add_file("/" + kModules + "/modules.builtin", "kernel/drivers/nvme/host/nvme.ko\n");
  guest.remove(kImage);
  EXPECT_TRUE(plan_drivers(guest).edits.empty());
  EXPECT_TRUE(plan_drivers(guest).warnings.empty());
}

TEST(InitramfsDrivers, AppendsToACodecThatOnlyTheKernelKnows) {
  MemoryGuest guest = debian_guest("\x89LZO and the rest");
  const FixResult first = plan_drivers(guest);
  EXPECT_EQ(addition(first).strategy, InitramfsStrategy::append);
  EXPECT_EQ(codes(first), (std::vector<std::string>{"initramfs-unreadable"}));
  for (const ArchiveEntry& entry : addition(first).entries) {
    EXPECT_NE(entry.path, "lib");
  }
  apply(guest, first);
  EXPECT_TRUE(plan_drivers(guest).edits.empty());
  EXPECT_TRUE(plan_drivers(guest).warnings.empty());
}

TEST(InitramfsDrivers, HasTheGuestRebuildWhatCannotBeAddedTo) {
  const MemoryGuest guest = debian_guest(write_cpio(debian_initramfs()) + "junk");
  const FixResult result = plan_drivers(guest);
  ASSERT_EQ(result.edits.size(), 1u);
  EXPECT_EQ(std::get<RunInGuest>(result.edits[0].action).argv,
            (std::vector<std::string>{"update-initramfs", "-u", "-k", std::string(kRelease)}));
  EXPECT_EQ(codes(result), (std::vector<std::string>{"initramfs-unreadable"}));
}

TEST(InitramfsDrivers, SaysWhyAnAskedStrategyWasNotTaken) {
  const FixResult result =
      plan_drivers(debian_guest("\x89LZO"), {.initramfs = InitramfsStrategy::repack});
  EXPECT_NE(result.edits.at(0).reason.find("repack was asked for, but"), std::string::npos)
      << result.edits[0].reason;
  const FixResult asked =
      plan_drivers(guest_with_codec(Codec::gzip), {.initramfs = InitramfsStrategy::rebuild});
  EXPECT_TRUE(std::holds_alternative<RunInGuest>(asked.edits.at(0).action));
}

TEST(InitramfsDrivers, HasTheGuestRebuildForAnInitThatLoadsByName) {
  MemoryGuest guest = debian_guest(compress(
      Codec::gzip, write_cpio(std::vector{directory_entry("bin"), file_entry("bin/nash", "")})));
  guest.remove(GuestPath("/usr/sbin/update-initramfs"));
  EXPECT_EQ(codes(plan_drivers(guest)), (std::vector<std::string>{"initramfs-unreadable"}));
  guest.add_file("/sbin/dracut", "");
  EXPECT_EQ(std::get<RunInGuest>(plan_drivers(guest).edits.at(0).action).argv,
            (std::vector<std::string>{"/sbin/dracut", "-f", kImage.str(), std::string(kRelease)}));
}

TEST(InitramfsConfig, AddsToTheListOfInitramfsTools) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  const FixResult result = plan(guest, "initramfs-config");
  ASSERT_EQ(result.edits.size(), 1u);
  EXPECT_EQ(std::get<AppendFile>(result.edits[0].action).content, "nvme\nena\n");
  apply(guest, result);
  EXPECT_TRUE(plan(guest, "initramfs-config").edits.empty());
}

TEST(InitramfsConfig, IsTextOfTheOwner) {
  EXPECT_EQ(with_listed_modules("", {"nvme"}), "nvme\n");
  EXPECT_EQ(with_listed_modules("# nvme", {"nvme"}), "# nvme\nnvme\n");
  EXPECT_EQ(with_listed_modules("  nvme io_timeout=1\r\n", {"nvme"}), "  nvme io_timeout=1\r\n");
  EXPECT_EQ(with_listed_modules("xen_blkfront\n", {"xen-blkfront", "ena"}), "xen_blkfront\nena\n");
}

TEST(InitramfsConfig, MakesADropInForDracut) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  guest.remove(GuestPath("/usr/sbin/update-initramfs"));
  guest.remove(GuestPath("/usr/sbin/mkinitramfs"));
  EXPECT_TRUE(plan(guest, "initramfs-config").edits.empty());
  guest.add_file("/usr/bin/dracut", "");
  const FixResult result = plan(guest, "initramfs-config");
  ASSERT_EQ(result.edits.size(), 1u);
  const auto& write = std::get<WriteFile>(result.edits[0].action);
  EXPECT_EQ(write.path.str(), "/etc/dracut.conf.d/rehost.conf");
  EXPECT_NE(write.content.find("\nadd_drivers+=\" nvme ena \"\n"), std::string::npos);
  apply(guest, result);
  EXPECT_TRUE(plan(guest, "initramfs-config").edits.empty());
}

TEST(InitramfsConfig, NamesOnlyDriversThatDracutWillFind) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  guest.remove(GuestPath("/usr/sbin/update-initramfs"));
  guest.remove(GuestPath("/usr/sbin/mkinitramfs"));
  guest.add_file("/usr/bin/dracut", "");
  guest.add_file("/" + kModules + "/modules.dep", "kernel/nvme.ko:\n");
  const FixResult config = plan(guest, "initramfs-config");
  EXPECT_NE(std::get<WriteFile>(config.edits.at(0).action).content.find("\" nvme \""),
            std::string::npos);
  guest.add_file("/etc/dracut.conf.d/own.conf", "force_drivers+=' ena nvme '  # ours\n");
  EXPECT_TRUE(plan(guest, "initramfs-config").edits.empty());
}

TEST(DriverFixes, AreNamedOnceAndHeadedWithoutFullStop) {
  std::set<std::string_view> names;
  for (const Fix& fix : driver_fixes()) {
    EXPECT_TRUE(names.insert(fix.name).second);
    EXPECT_FALSE(fix.heading.ends_with("."));
    EXPECT_TRUE(fix.description.ends_with("."));
  }
  EXPECT_EQ(driver_fixes()[1].name, "initramfs-config");
}

// Taught by the sample guest: "Gave up waiting for suspend/resume device" after 30 seconds.
TEST(InitramfsDrivers, RefreshesTheResumeDeviceThatTheImageWasBuiltWith) {
  std::vector<ArchiveEntry> entries = debian_initramfs();
  entries.push_back(directory_entry("conf/conf.d"));
  entries.push_back(file_entry("conf/conf.d/resume", "RESUME=/dev/sda2\n"));
  entries.push_back(file_entry("conf/conf.d/root-type", "FSTYPE=ext4\n"));
  MemoryGuest guest = debian_guest(write_cpio(entries));
  guest.add_file("/etc/initramfs-tools/conf.d/resume", "RESUME=UUID=1234\n");
  apply(guest, plan_drivers(guest));
  const Initramfs image(guest.read(kImage, kMaxInitramfsBytes).value());
  EXPECT_EQ(image.read("conf/conf.d/resume"), "RESUME=UUID=1234\n");
  EXPECT_TRUE(plan_drivers(guest).edits.empty());
  // Stale again in an image that has nvme: reason enough to change it.
  guest.add_file("/etc/initramfs-tools/conf.d/resume", "RESUME=none\n");
  ASSERT_EQ(plan_drivers(guest).edits.size(), 1U);
  EXPECT_TRUE(addition(plan_drivers(guest)).modules.empty());
  apply(guest, plan_drivers(guest));
  EXPECT_TRUE(plan_drivers(guest).edits.empty());
}

Inspection with_first_initramfs(const MemoryGuest& guest, const GuestPath& path) {
  Inspection inspection = inspect(guest);
  KernelImage& kernel = inspection.kernels.at(0);
  kernel.other_initramfs = {*kernel.initramfs};
  kernel.initramfs = path;
  return inspection;
}

TEST(DriverFixes, ServeEveryCopyOfAnInitramfs) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  const GuestPath copy("/boot/efi/tok/" + std::string(kRelease) + "/initrd");
  guest.add_file(copy.str(), guest.read(kImage, kMaxInitramfsBytes).value());
  const Inspection inspection = with_first_initramfs(guest, copy);
  const FixResult result = row("initramfs-drivers").plan(guest, inspection, {});
  ASSERT_EQ(result.edits.size(), 2u);
  EXPECT_EQ(edited_path(result.edits[0]), copy);
  EXPECT_EQ(edited_path(result.edits[1]), kImage);
  apply(guest, result);
  EXPECT_TRUE(row("initramfs-drivers").plan(guest, inspection, {}).edits.empty());
}

TEST(DriverFixes, LeaveAUnifiedKernelAloneAndSaySo) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  const GuestPath unified("/boot/efi/EFI/Linux/a.efi");
  guest.add_file(unified.str(),
                 testing::make_unified_kernel(guest.read(kImage, kMaxInitramfsBytes).value(),
                                              std::string(kRelease), "", ""));
  Inspection inspection = inspect(guest);
  inspection.kernels.at(0).initramfs = unified;
  const FixResult result = row("initramfs-drivers").plan(guest, inspection, {});
  EXPECT_TRUE(result.edits.empty());
  EXPECT_EQ(codes(result), std::vector<std::string>{"unified-kernel-image"});
}

TEST(DriverFixes, KnowAUnifiedKernelThatHasNvme) {
  MemoryGuest guest = guest_with_codec(Codec::gzip);
  apply(guest, plan_drivers(guest));
  const GuestPath unified("/boot/efi/EFI/Linux/a.efi");
  guest.add_file(unified.str(),
                 testing::make_unified_kernel(guest.read(kImage, kMaxInitramfsBytes).value(),
                                              std::string(kRelease), "", ""));
  Inspection inspection = inspect(guest);
  inspection.kernels.at(0).initramfs = unified;
  EXPECT_TRUE(codes(row("initramfs-drivers").plan(guest, inspection, {})).empty());
}

std::vector<ArchiveEntry> initramfs_with(const std::string& path, const std::string& content) {
  std::vector<ArchiveEntry> entries = debian_initramfs();
  for (size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    entries.push_back(directory_entry(path.substr(0, slash)));
  }
  entries.push_back(file_entry(path, content));
  return entries;
}

// The copy of a file in the image after the fix. `in_guest` is what bootfix has made of it.
std::string refreshed(const std::string& path, const std::string& in_image,
                      const std::string& in_guest) {
  MemoryGuest guest = debian_guest(write_cpio(initramfs_with(path, in_image)));
  guest.add_file("/" + path, in_guest);
  apply(guest, plan_drivers(guest));
  EXPECT_TRUE(plan_drivers(guest).edits.empty()) << "planned twice";
  const Initramfs image(guest.read(kImage, kMaxInitramfsBytes).value());
  return std::string(image.read(path).value_or("(no such file)"));
}

// dracut changes other lines of its copy, and has reasons.
TEST(InitramfsDrivers, ACopiedLvmFilterFollowsTheGuests) {
  EXPECT_EQ(
      refreshed("etc/lvm/lvm.conf", "locking_type = 4\nfilter = [ \"a|sda|\",\n  \"r|.*|\" ]\n",
                "locking_type = 1\nfilter = [ \"a|^/dev/nvme|\", \"a|sda|\",\n  \"r|.*|\" ]\n"),
      "locking_type = 4\nfilter = [ \"a|^/dev/nvme|\", \"a|sda|\",\n  \"r|.*|\" ]\n");
}

TEST(InitramfsDrivers, ACopiedMdadmConfFollowsTheGuests) {
  EXPECT_EQ(
      refreshed("etc/mdadm/mdadm.conf", "#CREATE owner=root\nDEVICE /dev/sd*\nARRAY /dev/md0\n",
                "CREATE owner=root\nDEVICE /dev/sd* partitions\nARRAY /dev/md0\n"),
      "#CREATE owner=root\nDEVICE /dev/sd* partitions\nARRAY /dev/md0\n");
}

// What is indented belongs to the line above.
TEST(InitramfsDrivers, ACopiedMdadmConfMayHaveLinesThatGoOn) {
  EXPECT_EQ(refreshed("etc/mdadm.conf", "DEVICE /dev/sda1\n  /dev/sdb1\nARRAY /dev/md0\n",
                      "DEVICE /dev/sda1\n  /dev/sdb1 partitions\nARRAY /dev/md0\n"),
            "DEVICE /dev/sda1\n  /dev/sdb1 partitions\nARRAY /dev/md0\n");
}

// dracut on Debian.
TEST(InitramfsDrivers, ACopiedMdadmConfMayHaveMovedToEtc) {
  MemoryGuest guest =
      debian_guest(write_cpio(initramfs_with("etc/mdadm.conf", "DEVICE /dev/sd*\n")));
  guest.add_file("/etc/mdadm/mdadm.conf", "DEVICE /dev/sd* partitions\n");
  apply(guest, plan_drivers(guest));
  EXPECT_TRUE(plan_drivers(guest).edits.empty()) << "planned twice";
  const Initramfs image(guest.read(kImage, kMaxInitramfsBytes).value());
  EXPECT_EQ(image.read("etc/mdadm.conf"), "DEVICE /dev/sd* partitions\n");
}

// The guest got a second array after its last update-initramfs.
TEST(InitramfsDrivers, AnOlderCopyOfMdadmConfSeesTheSameDisksAsTheGuests) {
  EXPECT_EQ(refreshed("etc/mdadm/mdadm.conf", "DEVICE /dev/sd*\nARRAY /dev/md0\n",
                      "DEVICE /dev/sd* partitions\nARRAY /dev/md0\nARRAY /dev/md1\n"),
            "DEVICE /dev/sd* partitions\nARRAY /dev/md0\n");
  EXPECT_EQ(refreshed("etc/mdadm/mdadm.conf", "DEVICE /dev/sd*\nARRAY /dev/md0\n", "\n"),
            "ARRAY /dev/md0\n");
}

TEST(InitramfsDrivers, ACopyThatDiffersInOtherWaysIsLeftAlone) {
  const std::string in_image = "filter = [ \"a|sda|\", \"r|.*|\" ]\n";
  EXPECT_EQ(refreshed("etc/lvm/lvm.conf", in_image, "locking_type = 1\n"), in_image);
}

TEST(InitramfsDrivers, ADevicesFileThatTheGuestHasNoMoreIsSwitchedOff) {
  const std::string path = "etc/lvm/devices/system.devices";
  MemoryGuest guest = debian_guest(write_cpio(initramfs_with(path, "IDTYPE=sys_wwid\n")));
  guest.add_file("/" + path, "IDTYPE=sys_wwid\n");
  const auto switched_off = [&] {
    const Initramfs image(guest.read(kImage, kMaxInitramfsBytes).value());
    return image.read("etc/lvm/lvmlocal.conf").value_or("").find("use_devicesfile = 0") !=
           std::string_view::npos;
  };
  apply(guest, plan_drivers(guest));
  EXPECT_FALSE(switched_off());
  guest.remove(GuestPath("/" + path));
  apply(guest, plan_drivers(guest));
  EXPECT_TRUE(switched_off());
  EXPECT_TRUE(plan_drivers(guest).edits.empty());
}

}  // namespace
}  // namespace rehost
