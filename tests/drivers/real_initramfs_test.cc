// The whole way on the initramfs and the modules of the machine that runs the tests, with its own
// tools as judges.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "drivers/codec.h"
#include "drivers/fixes.h"
#include "drivers/kernel_image.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

// A guest with the newest kernel of the host. Its initramfs is the host's without any module but
// those of ext4, so that it is small and has no nvme.
class RealInitramfs : public testing::TestWithParam<Codec> {
 protected:
  void SetUp() override {
    for (const std::string tool : {"lsinitramfs", "modprobe", "cpio"}) {
      if (!has_tool(tool)) {
        GTEST_SKIP() << tool << " is not installed";
      }
    }
    find_kernel();
    if (release.empty()) {
      GTEST_SKIP() << "no kernel with an initramfs on this machine";
    }
    const std::string modules = "/lib/modules/" + release + "/";
    guest.add_file("/boot/vmlinuz-" + release, "MZ");
    for (const std::string name :
         {"modules.dep", "modules.alias", "modules.symbols", "modules.softdep", "modules.devname",
          "modules.builtin", "modules.builtin.modinfo"}) {
      guest.add_file(modules + name, read_host_file(modules + name));
    }
    const std::vector<std::string> wanted{"nvme", "ena", "xen-blkfront", "xen-netfront", "ext4"};
    full_index = load_module_index(guest, GuestPath(modules), IndexDetail::all, {});
    for (const ModuleRecord* module : full_index.closure(wanted)) {
      guest.add_file(modules + module->path, read_host_file(modules + module->path));
    }
    guest.add_file(image_path.str(), compress(GetParam(), small_archive()));
  }

  void find_kernel() {
    if (!std::filesystem::exists("/lib/modules")) {
      return;
    }
    for (const auto& entry : std::filesystem::directory_iterator("/lib/modules")) {
      const std::string name = entry.path().filename().string();
      if (std::filesystem::exists("/boot/initrd.img-" + name) &&
          std::filesystem::exists(entry.path() / "modules.dep")) {
        release = name;
        image_path = GuestPath("/boot/initrd.img-" + name);
      }
    }
  }

  std::string small_archive() const {
    const Initramfs host(read_host_file(image_path.str()));
    const std::string_view bytes = host.contents(*host.main_segment());
    const CpioArchive& archive = host.main_segment()->archives.back();
    std::set<std::string> kept;
    for (const ModuleRecord* module : full_index.closure("ext4")) {
      kept.insert(module->name);
    }
    ModuleIndex inside;
    for (const ModuleRecord& module : full_index.modules()) {
      if (kept.contains(module.name)) {
        inside.add(module);
      }
    }
    std::vector<ArchiveEntry> index;
    for (IndexFile& file : index_files(inside)) {
      index.push_back(
          file_entry("usr/lib/modules/" + release + "/" + file.name, std::move(file.content)));
    }
    std::vector<size_t> dropped;
    for (size_t i = 0; i < archive.entries.size(); ++i) {
      const std::string& path = archive.entries[i].path;
      const bool replaced = std::any_of(index.begin(), index.end(), [&](const ArchiveEntry& entry) {
        return entry.path == path;
      });
      if (replaced || (is_module_file(path) && !kept.contains(module_name(path)))) {
        dropped.push_back(i);
      }
    }
    return splice_cpio(bytes, archive, dropped, index);
  }

  FixResult plan(std::optional<InitramfsStrategy> strategy = std::nullopt) const {
    Inspection inspection;
    inspection.kernels = find_kernels(guest);
    return driver_fixes()[2].plan(guest, inspection, {.initramfs = strategy});
  }

  std::string apply(const FixResult& result) const {
    const auto& edit = std::get<AddToInitramfs>(result.edits.at(0).action);
    return apply_to_initramfs(guest.read(image_path, kMaxInitramfsBytes).value(), edit);
  }

  std::string release;
  GuestPath image_path;
  MemoryGuest guest;
  ModuleIndex full_index;
};

TEST_P(RealInitramfs, LoadsNvmeAndEnaAfterRepacking) {
  const FixResult result = plan();
  ASSERT_EQ(result.edits.size(), 1u);
  EXPECT_TRUE(result.warnings.empty());
  const std::string changed = apply(result);
  const ScratchDirectory scratch;
  const std::string file = scratch.write("initrd.img", changed);
  const std::string listing = run_tool("lsinitramfs " + file).output;
  EXPECT_NE(listing.find("/nvme.ko"), std::string::npos);
  EXPECT_NE(listing.find("/ena.ko"), std::string::npos);
  EXPECT_NE(listing.find("lib/rehost/initramfs"), std::string::npos);

  const Initramfs initramfs(changed);
  scratch.write("main.cpio", initramfs.contents(*initramfs.main_segment()));
  const std::string tree = scratch / "tree";
  ASSERT_EQ(run_tool("mkdir " + tree + " && cd " + tree +
                     " && cpio -idm --quiet --no-absolute-filenames < ../main.cpio 2>&1")
                .status,
            0);
  EXPECT_TRUE(std::filesystem::is_symlink(tree + "/lib"));
  for (const std::string module : {"nvme", "ena", "xen-blkfront", "ext4",
                                   "pci:v00001D0Fd00008061sv00000000sd00000000bc01sc08i02"}) {
    const ToolResult depends = run_tool(
        fmt::format("modprobe -d {} -S {} --show-depends '{}' 2>&1", tree, release, module));
    EXPECT_EQ(depends.status, 0) << depends.output;
  }
  // depmod over what is now in the image writes the same indexes.
  if (has_tool("depmod")) {
    ASSERT_EQ(run_tool("depmod -b " + tree + " " + release + " 2>&1").status, 0);
    for (const std::string name :
         {"modules.alias.bin", "modules.symbols.bin", "modules.softdep", "modules.alias"}) {
      const std::string path = fmt::format("lib/modules/{}/{}", release, name);
      EXPECT_TRUE(read_host_file(fmt::format("{}/{}", tree, path)) == initramfs.read(path)) << name;
    }
  }
}

TEST_P(RealInitramfs, HasNothingToPlanTheSecondTime) {
  for (const InitramfsStrategy strategy : {InitramfsStrategy::repack, InitramfsStrategy::append}) {
    const FixResult first = plan(strategy);
    MemoryGuest changed = guest;
    changed.add_file(image_path.str(), apply(first));
    std::swap(guest, changed);
    EXPECT_TRUE(plan(strategy).edits.empty());
    std::swap(guest, changed);
  }
}

// One codec: the others differ in drivers/codec.cc only, which has its own tests.
INSTANTIATE_TEST_SUITE_P(Codec, RealInitramfs, testing::Values(Codec::zstd),
                         [](const testing::TestParamInfo<Codec>& row) {
                           return std::string(to_string(row.param));
                         });

}  // namespace
}  // namespace rehost
