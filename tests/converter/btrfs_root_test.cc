#include "converter/btrfs_root.h"

#include <gtest/gtest.h>

#include "tests/support/memory_guest.h"

namespace rehost {
namespace {

std::vector<std::string> paths(const std::vector<Subvolume>& subvolumes) {
  std::vector<std::string> paths;
  for (const Subvolume& subvolume : subvolumes) {
    paths.push_back(subvolume.path);
  }
  return paths;
}

std::optional<SubvolumeName> by_path(std::string path) {
  return SubvolumeName{.id = std::nullopt, .path = std::move(path)};
}

using Paths = std::vector<std::string>;

constexpr const char* kGrubCfg = R"(set default="0"
menuentry 'Debian GNU/Linux' {
	linux	/@rootfs/boot/vmlinuz-5.10.0-46-amd64 root=/dev/sda1 ro rootflags=subvol=@rootfs  quiet
	initrd	/@rootfs/boot/initrd.img-5.10.0-46-amd64
}
)";

MemoryGuest tree_with(std::string fstab) {
  MemoryGuest guest;
  guest.add_file("/etc/fstab", std::move(fstab));
  return guest;
}

TEST(BtrfsRoot, MountOptionsNameASubvolumeByPathOrId) {
  EXPECT_EQ(subvolume_in({"noatime", "subvol=/@var/"})->path, "@var");
  EXPECT_EQ(subvolume_in({"subvolid=257"})->id, 257u);
  EXPECT_EQ(subvolume_in({"subvolid=0"})->id, kTopLevelSubvolume);
  EXPECT_EQ(subvolume_in({"subvol=/"})->path, "");
  EXPECT_FALSE(subvolume_in({"defaults", "compress=zstd:1"}));
}

TEST(BtrfsRoot, AnIdThatIsNoNumberNamesNothing) {
  EXPECT_FALSE(subvolume_in({"subvolid=twelve"}));
  EXPECT_FALSE(subvolume_in({"subvolid=12x"}));
  EXPECT_FALSE(subvolume_in({"subvolid=99999999999999999999999"}));
}

TEST(BtrfsRoot, TheBootMenuOutweighsFstab) {
  MemoryGuest tree = tree_with("/dev/sda1 / btrfs subvol=@old 0 0\n");
  tree.add_file("/boot/grub/grub.cfg", kGrubCfg);
  EXPECT_EQ(root_named_in(tree, Firmware::bios), by_path("@rootfs"));
}

// Fedora: /boot is a file system of its own, and not mounted yet.
TEST(BtrfsRoot, WithoutABootMenuFstabTells) {
  const MemoryGuest tree = tree_with("UUID=1 / btrfs subvol=root,compress=zstd:1 0 0\n");
  EXPECT_EQ(root_named_in(tree, Firmware::bios), by_path("root"));
}

// openSUSE: the default subvolume is the root, and nothing names it.
TEST(BtrfsRoot, ARootMayBeNamedNowhere) {
  const MemoryGuest tree =
      tree_with("UUID=1 / btrfs defaults 0 0\nUUID=1 /var btrfs subvol=/@/var 0 0\n");
  EXPECT_FALSE(root_named_in(tree, Firmware::bios));
}

TEST(BtrfsRoot, SnapshotsNameAnotherSubvolumeThanTheirOwn) {
  const auto rootfs = by_path("@rootfs");
  const std::vector<RootCandidate> candidates = {
      {{.id = 261, .path = "@snapshots/1/snapshot"}, rootfs},
      {{.id = 256, .path = "@rootfs"}, rootfs},
      {{.id = 262, .path = "@snapshots/2/snapshot"}, rootfs}};
  EXPECT_EQ(paths(roots_among(candidates, kTopLevelSubvolume)), Paths{"@rootfs"});
}

// openSUSE after a rollback to snapshot 7: "@/.snapshots/1/snapshot" was the root before.
TEST(BtrfsRoot, UnnamedRootsAreToldApartByTheDefaultSubvolume) {
  const std::vector<RootCandidate> candidates = {
      {{.id = 265, .path = "@/.snapshots/1/snapshot"}, std::nullopt},
      {{.id = 280, .path = "@/.snapshots/6/snapshot"}, std::nullopt},
      {{.id = 281, .path = "@/.snapshots/7/snapshot"}, std::nullopt}};
  EXPECT_EQ(paths(roots_among(candidates, 281)), Paths{"@/.snapshots/7/snapshot"});
}

TEST(BtrfsRoot, ContainerLayersAreNoRoots) {
  const std::vector<RootCandidate> candidates = {
      {{.id = kTopLevelSubvolume, .path = ""}, std::nullopt},
      {{.id = 300, .path = "var/lib/docker/btrfs/subvolumes/0a1b"}, std::nullopt},
      {{.id = 301, .path = "var/lib/docker/btrfs/subvolumes/0a1c"}, std::nullopt}};
  EXPECT_EQ(paths(roots_among(candidates, kTopLevelSubvolume)), Paths{""});
}

TEST(BtrfsRoot, TwoSystemsThatNameThemselvesAreBothFound) {
  const std::vector<RootCandidate> candidates = {
      {{.id = 256, .path = "@debian"}, by_path("@debian")},
      {{.id = 257, .path = "@fedora"}, by_path("@fedora")}};
  EXPECT_EQ(paths(roots_among(candidates, kTopLevelSubvolume)), (Paths{"@debian", "@fedora"}));
}

// The tree was moved after its fstab had been written: the default subvolume is mounted, or
// nothing.
TEST(BtrfsRoot, WhereNoneNamesItselfTheDefaultIsTheRoot) {
  const std::vector<RootCandidate> candidates = {{{.id = 256, .path = "@a"}, by_path("@gone")},
                                                 {{.id = 257, .path = "@b"}, by_path("@gone")}};
  EXPECT_EQ(paths(roots_among(candidates, 257)), Paths{"@b"});
  EXPECT_EQ(paths(roots_among(candidates, kTopLevelSubvolume)), (Paths{"@a", "@b"}));
}

TEST(BtrfsRoot, PathAndIdMustBothFit) {
  const SubvolumeName name{.id = 256, .path = "@"};
  EXPECT_TRUE(name.means({.id = 256, .path = "@"}));
  EXPECT_FALSE(name.means({.id = 300, .path = "@"}));
  EXPECT_FALSE(name.means({.id = 256, .path = "@old"}));
}

TEST(BtrfsRoot, AMountLeadsToItsSubvolume) {
  const DeviceName device("/dev/sda2");
  const BtrfsLayout layout{.default_id = 256, .subvolumes = {{256, "@"}, {257, "@var"}}};
  EXPECT_EQ(mounted_subvolume(device, layout, {"defaults"})->str(), "/dev/sda2");
  EXPECT_EQ(mounted_subvolume(device, layout, {"subvol=/@var"})->str(), "btrfsvol:/dev/sda2/@var");
  EXPECT_EQ(mounted_subvolume(device, layout, {"subvolid=257"})->str(), "btrfsvol:/dev/sda2/@var");
  EXPECT_EQ(mounted_subvolume(device, layout, {"subvol=/"})->str(), "btrfsvol:/dev/sda2//");
  EXPECT_FALSE(mounted_subvolume(device, layout, {"subvol=@gone"}));
  EXPECT_FALSE(mounted_subvolume(device, layout, {"subvolid=999"}));
}

}  // namespace
}  // namespace rehost
