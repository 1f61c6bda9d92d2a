#include "drivers/initramfs.h"

#include <gtest/gtest.h>

#include "converter/core/error.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

std::string microcode() {
  std::string bytes =
      write_cpio(std::vector{directory_entry("kernel"), directory_entry("kernel/x86"),
                             file_entry("kernel/x86/GenuineIntel.bin", "microcode")});
  bytes.resize(bytes.size() + 512);
  return bytes;
}

std::string main_archive() {
  return write_cpio(debian_initramfs());
}

std::string text_of(const std::string& image, std::string_view path) {
  const Initramfs initramfs(image);
  return std::string(initramfs.read(path).value_or("(no such file)"));
}

const std::vector<ArchiveEntry> kDriver{
    file_entry("lib/modules/6.1.0-10-amd64/kernel/drivers/nvme/host/nvme.ko", "driver"),
    file_entry("lib/modules/6.1.0-10-amd64/modules.dep", "new index")};
constexpr std::string_view kDriverPath =
    "usr/lib/modules/6.1.0-10-amd64/kernel/drivers/nvme/host/nvme.ko";

std::string name_of(const testing::TestParamInfo<Codec>& row) {
  return std::string(to_string(row.param));
}

class WithCodec : public testing::TestWithParam<Codec> {
 protected:
  std::string image() const { return microcode() + compress(GetParam(), main_archive()); }
};

TEST_P(WithCodec, IsReadPartByPart) {
  const Initramfs initramfs(image());
  ASSERT_EQ(initramfs.segments().size(), 3u);
  EXPECT_EQ(initramfs.segments()[0].codec, Codec::plain);
  EXPECT_EQ(initramfs.segments()[1].kind, SegmentKind::zeros);
  EXPECT_EQ(initramfs.segments()[2].codec, GetParam());
  EXPECT_EQ(initramfs.segments()[2].offset, microcode().size());
  EXPECT_EQ(initramfs.segments()[2].length, image().size() - microcode().size());
  EXPECT_FALSE(initramfs.unknown_contents());
  EXPECT_EQ(initramfs.read("init"), "#!/bin/sh\n");
  EXPECT_EQ(initramfs.read("/kernel/x86/GenuineIntel.bin"), "microcode");
  EXPECT_EQ(initramfs.read("lib/modules/6.1.0-10-amd64/kernel/fs/ext4/../ext4/ext4.ko"),
            initramfs.read("usr/lib/modules/6.1.0-10-amd64/kernel/fs/ext4/ext4.ko"));
}

TEST_P(WithCodec, IsRepackedWithTheSameCodecAndEveryOtherByteKept) {
  const std::string repacked = repack_initramfs(image(), kDriver);
  EXPECT_TRUE(repacked.starts_with(microcode()));
  const Initramfs initramfs(repacked);
  ASSERT_EQ(initramfs.segments().size(), 3u);
  EXPECT_EQ(initramfs.segments()[2].codec, GetParam());
  EXPECT_EQ(initramfs.read(kDriverPath), "driver");
  EXPECT_EQ(initramfs.read("lib/modules/6.1.0-10-amd64/modules.dep"), "new index");
  // Taking the new entries out again leaves the main archive as it was, but for the replaced index.
  const std::string archive_before = main_archive();
  const std::string_view before = archive_before;
  const std::string_view after = initramfs.contents(initramfs.segments()[2]);
  const CpioArchive old_archive = parse_cpio(before);
  const CpioArchive new_archive = initramfs.segments()[2].archives[0];
  std::vector<std::string> old_entries;
  std::vector<std::string> new_entries;
  for (const CpioEntry& entry : old_archive.entries) {
    if (!entry.path.ends_with("/modules.dep")) {
      old_entries.emplace_back(before.substr(entry.offset, entry.end - entry.offset));
    }
  }
  for (size_t i = 0; i < old_entries.size(); ++i) {
    const CpioEntry& entry = new_archive.entries[i];
    new_entries.emplace_back(after.substr(entry.offset, entry.end - entry.offset));
  }
  EXPECT_EQ(old_entries, new_entries);
}

TEST_P(WithCodec, IsAppendedToOnAFourByteBoundary) {
  const std::string before = image();
  const std::string appended = append_segment(before, kDriver);
  EXPECT_TRUE(appended.starts_with(before));
  const Initramfs initramfs(appended);
  EXPECT_FALSE(initramfs.unknown_contents());
  EXPECT_EQ(initramfs.main_segment()->codec, Codec::plain);
  EXPECT_EQ(initramfs.main_segment()->offset % 4, 0u);
  EXPECT_EQ(initramfs.read(kDriverPath), "driver");
  EXPECT_EQ(initramfs.read("lib/modules/6.1.0-10-amd64/modules.dep"), "new index");
}

TEST_P(WithCodec, KeepsWhatStandsBehindTheMainArchive) {
  const std::string behind = std::string(508, '\0');
  const std::string repacked = repack_initramfs(image() + behind, kDriver);
  EXPECT_TRUE(repacked.ends_with(behind));
  EXPECT_EQ(text_of(repacked, kDriverPath), "driver");
}

TEST_P(WithCodec, IsTheSameAfterASecondTime) {
  const std::string once = repack_initramfs(image(), kDriver);
  EXPECT_TRUE(place_entries(Initramfs(once), kDriver).size() == kDriver.size())
      << "no directory is missing any more";
  EXPECT_TRUE(repack_initramfs(once, kDriver) == once);
}

TEST_P(WithCodec, IsReadWithoutHarmWhenCutOffAnywhere) {
  const std::string whole =
      microcode() +
      compress(GetParam(), write_cpio(std::vector{file_entry("init", "x"), directory_entry("a")}));
  for (size_t length = 0; length < whole.size(); ++length) {
    const Initramfs initramfs(whole.substr(0, length));
    const size_t padding = GetParam() == Codec::plain ? 3 : 0;  // behind the trailer
    if (length > microcode().size() + 8 && length + padding < whole.size()) {
      EXPECT_TRUE(initramfs.unknown_contents()) << length;
      EXPECT_TRUE(repack_obstacle(initramfs));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Initramfs, WithCodec,
                         testing::Values(Codec::plain, Codec::gzip, Codec::xz, Codec::zstd,
                                         Codec::lz4_legacy),
                         name_of);

// Debian 13: the modules in a plain archive, the rest and the index in a compressed one behind it.
TEST(Initramfs, FindsModulesInALeadingPlainArchive) {
  const std::string leading = write_cpio(std::vector{
      directory_entry("usr"), directory_entry("usr/lib"), directory_entry("usr/lib/modules"),
      directory_entry("usr/lib/modules/6.12"), file_entry("usr/lib/modules/6.12/a.ko.xz", "a")});
  const std::string main = write_cpio(
      std::vector{link_entry("lib", "usr/lib"), directory_entry("usr"), directory_entry("usr/lib"),
                  directory_entry("usr/lib/modules"), directory_entry("usr/lib/modules/6.12"),
                  file_entry("usr/lib/modules/6.12/modules.dep", "a.ko.xz:")});
  const Initramfs initramfs(leading + compress(Codec::zstd, main));
  EXPECT_EQ(initramfs.tree().files_below("lib/modules/6.12"),
            (std::vector<std::string>{"usr/lib/modules/6.12/a.ko.xz",
                                      "usr/lib/modules/6.12/modules.dep"}));
  EXPECT_EQ(initramfs.main_segment(), &initramfs.segments()[1]);
}

TEST(Initramfs, LetsTheLaterOfTwoFilesWin) {
  EXPECT_EQ(text_of(write_cpio(std::vector{file_entry("a", "1")}) +
                        write_cpio(std::vector{file_entry("./a", "2")}),
                    "a"),
            "2");
}

TEST(Initramfs, LosesFilesWithoutADirectoryAsTheKernelDoes) {
  EXPECT_EQ(
      text_of(write_cpio(std::vector{file_entry("no/such/directory", "x")}), "no/such/directory"),
      "(no such file)");
}

TEST(Initramfs, PutsNoDirectoryOverALink) {
  const Initramfs initramfs(main_archive());
  const std::vector<ArchiveEntry> placed = place_entries(
      initramfs, std::vector{directory_entry("lib"), directory_entry("lib/modules"), kDriver[0]});
  std::vector<std::string> paths;
  paths.reserve(placed.size());
  for (const ArchiveEntry& entry : placed) {
    paths.push_back(entry.path);
  }
  const std::string base = "usr/lib/modules/6.1.0-10-amd64/kernel/drivers";
  EXPECT_EQ(paths, (std::vector<std::string>{base, base + "/nvme", base + "/nvme/host",
                                             base + "/nvme/host/nvme.ko"}));
}

TEST(Initramfs, FollowsLinksThatGoRoundOnlySoFar) {
  const Initramfs initramfs(
      write_cpio(std::vector{link_entry("a", "b"), link_entry("b", "a"),
                             link_entry("up", "../../x"), file_entry("x", "found")}));
  EXPECT_EQ(initramfs.read("a/file"), std::nullopt);
  EXPECT_EQ(initramfs.read("up"), "found");
}

TEST(Initramfs, ReadsArchivesBehindOneAnotherInOneStream) {
  const std::string stream = write_cpio(std::vector{file_entry("a", "1")}) +
                             std::string(100, '\0') + write_cpio(std::vector{file_entry("b", "2")});
  const std::string image = compress(Codec::gzip, stream);
  EXPECT_EQ(text_of(image, "a") + text_of(image, "b"), "12");
  const std::string repacked = repack_initramfs(image, std::vector{file_entry("a", "new")});
  EXPECT_EQ(text_of(repacked, "a") + text_of(repacked, "b"), "new2");
}

TEST(Initramfs, ReportsUnknownContentsAsAState) {
  const Initramfs lzo(microcode() + "\x89LZO and so on");
  EXPECT_TRUE(lzo.unknown_contents());
  EXPECT_TRUE(repack_obstacle(lzo));
  EXPECT_FALSE(append_obstacle(lzo)) << "the kernel may know lzo";
  const Initramfs garbage(main_archive() + "garbage");
  EXPECT_TRUE(repack_obstacle(garbage));
  EXPECT_TRUE(append_obstacle(garbage)) << "the kernel stops there";
  EXPECT_EQ(garbage.read("init"), "#!/bin/sh\n");
  EXPECT_THROW(repack_initramfs(garbage, kDriver), Error);
  EXPECT_THROW(append_segment(garbage, kDriver), Error);
  EXPECT_TRUE(Initramfs("").unknown_contents());
  EXPECT_TRUE(Initramfs(std::string(64, '\0')).unknown_contents());
}

TEST(Initramfs, FindsWhatWasAppendedBehindAnUnknownCodec) {
  const std::string image = append_segment("\x89LZO and so on", kDriver);
  EXPECT_EQ(text_of(image, "lib/modules/6.1.0-10-amd64/kernel/drivers/nvme/host/nvme.ko"),
            "driver");
  const Initramfs initramfs(image);
  for (const CpioEntry& entry : initramfs.main_segment()->archives[0].entries) {
    EXPECT_NE(entry.path, "lib") << "it may be a link";
  }
}

TEST(Initramfs, CutsAHardLinkBeforeItReplacesOneOfItsNames) {
  std::string old = write_cpio(std::vector{file_entry("a", "both"), file_entry("b", "")});
  for (const CpioEntry& entry : parse_cpio(old).entries) {
    old.replace(entry.offset + 6, 8, "00000009");
    old.replace(entry.offset + 6 + 8 * 4, 8, "00000002");
  }
  const std::vector<ArchiveEntry> replacement{file_entry("a", "new")};
  const Initramfs appended(append_segment(old, replacement));
  EXPECT_EQ(appended.read("a"), "new");
  EXPECT_EQ(appended.main_segment()->archives[0].entries[0].mode & kFileTypeMask, kDirectory);
  const Initramfs repacked(repack_initramfs(old, replacement));
  EXPECT_EQ(repacked.read("a"), "new");
  EXPECT_EQ(repacked.read("b"), "both");
}

TEST(Initramfs, RefusesToPutFilesBelowAFile) {
  EXPECT_THROW(place_entries(Initramfs(main_archive()), std::vector{file_entry("init/x", "")}),
               Error);
  EXPECT_THROW(place_entries(Initramfs(main_archive()), std::vector{file_entry("usr", "")}), Error);
}

TEST(Initramfs, AppliesAnEditByItsStrategy) {
  AddToInitramfs edit{.path = GuestPath("/boot/initrd"),
                      .strategy = InitramfsStrategy::append,
                      .entries = kDriver,
                      .modules = {},
                      .expects = {}};
  EXPECT_TRUE(apply_to_initramfs(main_archive(), edit) == append_segment(main_archive(), kDriver));
  edit.strategy = InitramfsStrategy::repack;
  EXPECT_TRUE(apply_to_initramfs(main_archive(), edit) ==
              repack_initramfs(main_archive(), kDriver));
}

}  // namespace
}  // namespace rehost
