#include "drivers/required_modules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "drivers/codec.h"
#include "drivers/kernel_image.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

const std::string kModules = "usr/lib/modules/" + std::string(kRelease);

ArchiveEntry module_entry(const std::string& name) {
  return file_entry(fmt::format("{}/{}.ko", kModules, name), make_module({"name=" + name}));
}

// The initramfs with nvme and all that it needs, and the index that knows it.
std::vector<ArchiveEntry> initramfs_with_nvme() {
  std::vector<ArchiveEntry> entries = debian_initramfs();
  for (const std::string name : {"nvme", "nvme-core", "t10-pi"}) {
    entries.push_back(module_entry(name));
  }
  ModuleIndex index;
  index.add({.name = "t10_pi", .path = "t10-pi.ko"});
  index.add({.name = "nvme_core", .path = "nvme-core.ko", .dependencies = {"t10_pi"}});
  index.add({.name = "nvme", .path = "nvme.ko", .dependencies = {"nvme_core", "t10_pi"}});
  for (const IndexFile& file : index_files(index)) {
    entries.push_back(file_entry(kModules + "/" + file.name, file.content));
  }
  return entries;
}

void drop(std::vector<ArchiveEntry>& entries, const std::string& ending) {
  std::erase_if(entries, [&](const ArchiveEntry& entry) { return entry.path.ends_with(ending); });
}

DriverState state_of(const MemoryGuest& guest, const std::string& module) {
  const std::vector<KernelImage> kernels = find_kernels(guest);
  for (const DriverState& state : driver_states(guest, Inspection{}, kernels.at(0))) {
    if (state.module == module) {
      return state;
    }
  }
  throw std::runtime_error("no state for " + module);
}

DriverPlace nvme_in(const std::vector<ArchiveEntry>& initramfs) {
  return state_of(debian_guest(write_cpio(initramfs)), "nvme").place;
}

TEST(DriverState, IsInTheInitramfsWithAllThatItNeeds) {
  EXPECT_EQ(nvme_in(initramfs_with_nvme()), DriverPlace::in_initramfs);
  EXPECT_EQ(nvme_in(debian_initramfs()), DriverPlace::in_root);
}

TEST(DriverState, IsNotInTheInitramfsWhenADependencyIsNot) {
  std::vector<ArchiveEntry> entries = initramfs_with_nvme();
  drop(entries, "/t10-pi.ko");
  EXPECT_EQ(nvme_in(entries), DriverPlace::in_root);
}

TEST(DriverState, IsNotInTheInitramfsWhenTheIndexDoesNotKnowIt) {
  std::vector<ArchiveEntry> entries = debian_initramfs();
  for (const std::string name : {"nvme", "nvme-core", "t10-pi"}) {
    entries.push_back(module_entry(name));
  }
  EXPECT_EQ(nvme_in(entries), DriverPlace::in_root);
}

TEST(DriverState, DoesNotTrustTheTextWhereKmodReadsTheBin) {
  std::vector<ArchiveEntry> entries = initramfs_with_nvme();
  entries.push_back(file_entry(kModules + "/modules.dep.bin", "damaged"));
  EXPECT_EQ(nvme_in(entries), DriverPlace::in_root);
  drop(entries, "/modules.dep.bin");
  EXPECT_EQ(nvme_in(entries), DriverPlace::in_initramfs) << "busybox reads the text";
}

TEST(DriverState, IsFoundAcrossArchives) {
  std::vector<ArchiveEntry> leading = initramfs_with_nvme();
  std::vector<ArchiveEntry> main = leading;
  std::erase_if(leading, [](const ArchiveEntry& entry) {
    return entry.path.find("modules.") != std::string::npos;
  });
  drop(main, ".ko");
  const std::string image = write_cpio(leading) + compress(Codec::zstd, write_cpio(main));
  EXPECT_EQ(state_of(debian_guest(image), "nvme").place, DriverPlace::in_initramfs);
}

TEST(DriverState, CannotBeToldOfAnUnknownInitramfs) {
  EXPECT_EQ(state_of(debian_guest("\x89LZO"), "nvme").place, DriverPlace::cannot_tell);
  EXPECT_EQ(state_of(debian_guest(write_cpio(initramfs_with_nvme()) + "junk"), "nvme").place,
            DriverPlace::in_initramfs);
}

TEST(DriverState, IsBuiltInWhereTheKernelSaysSo) {
  MemoryGuest guest = debian_guest(write_cpio(debian_initramfs()));
  guest.add_file("/" + kModules + "/modules.builtin", "kernel/drivers/nvme/host/nvme.ko\n");
  EXPECT_EQ(state_of(guest, "nvme").place, DriverPlace::built_in);
  guest.remove(GuestPath("/" + kModules + "/modules.builtin"));
  guest.add_file("/boot/config-" + std::string(kRelease), "# x\nCONFIG_BLK_DEV_NVME=y\n");
  EXPECT_EQ(state_of(guest, "nvme").place, DriverPlace::built_in)
      << "a kernel without modules.builtin";
}

TEST(DriverState, IsMissingWhereNobodyHasIt) {
  MemoryGuest guest = debian_guest(write_cpio(debian_initramfs()));
  EXPECT_EQ(state_of(guest, "xen-blkfront").place, DriverPlace::missing);
  EXPECT_EQ(state_of(guest, "ena").place, DriverPlace::in_root);
  EXPECT_TRUE(state_of(guest, "ena").in_root);
  guest.remove(GuestPath("/" + kModules + "/kernel/drivers/net/ethernet/amazon/ena/ena.ko"));
  EXPECT_EQ(state_of(guest, "ena").place, DriverPlace::missing) << "modules.dep alone is no module";
}

TEST(DriverState, CountsModulesThatAScriptLoadsByName) {
  const std::string image =
      write_cpio(std::vector{directory_entry("bin"), file_entry("bin/nash", ""),
                             directory_entry("lib"), file_entry("lib/nvme.ko", "")});
  EXPECT_EQ(state_of(debian_guest(image), "nvme").place, DriverPlace::in_initramfs);
  EXPECT_EQ(state_of(debian_guest(image), "ena").place, DriverPlace::in_root);
}

TEST(DriverState, FollowsLinksOfWeakUpdates) {
  MemoryGuest guest = debian_guest(write_cpio(debian_initramfs()));
  guest.add_file("/usr/lib/modules/6.0.0/extra/ena.ko", make_module({"name=ena"}));
  guest.add_symlink("/" + kModules + "/weak-updates/ena.ko", "/lib/modules/6.0.0/extra/ena.ko");
  guest.add_file("/" + kModules + "/modules.dep", "weak-updates/ena.ko:\n");
  EXPECT_TRUE(state_of(guest, "ena").in_root);
}

TEST(RequiredModules, AreNamedOnce) {
  std::set<std::string_view> names;
  for (const RequiredModule& module : required_modules()) {
    EXPECT_TRUE(names.insert(module.name).second);
    EXPECT_TRUE(module.config_symbol.starts_with("CONFIG_"));
    EXPECT_FALSE(module.what.ends_with("."));
  }
}

}  // namespace
}  // namespace rehost
