#include "bootfix/fstab.h"

#include <gtest/gtest.h>

#include "bootfix/fixes.h"
#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::codes;
using testing::machine_with;
using testing::partition_of;

// Short UUIDs, to be read: root, swap, data.
Inspection machine() {
  return machine_with({partition_of(0, 1, "ext4", "root"), partition_of(0, 2, "swap", "swap"),
                       partition_of(1, 1, "xfs", "data"), partition_of(0, 10, "ext4", "ten")});
}

std::string stabilised(std::string_view text) {
  return stabilise_fstab(text, machine()).text;
}

TEST(Fstab, NamesFileSystemsByUuid) {
  EXPECT_EQ(stabilised("/dev/sda1 / ext4 defaults 0 1\n"), "UUID=root / ext4 defaults 0 1\n");
  EXPECT_EQ(stabilised("/dev/sda2 none swap sw 0 0\n"), "UUID=swap none swap sw 0 0\n");
  EXPECT_EQ(stabilised("/dev/vdb1 /data xfs defaults 0 0\n"), "UUID=data /data xfs defaults 0 0\n");
}

TEST(Fstab, KeepsCommentsAndOddSpacing) {
  EXPECT_EQ(stabilised("# disks\n\n  # more\n\t/dev/sda1\t /  \text4\tdefaults  0 1 # why\n"),
            "# disks\n\n  # more\n\tUUID=root\t /  \text4\tdefaults  0 1 # why\n");
}

TEST(Fstab, KeepsCarriageReturnsAndAMissingLastNewline) {
  EXPECT_EQ(stabilised("/dev/sda1 / ext4 defaults 0 1\r\n/dev/sda2 none swap sw 0 0"),
            "UUID=root / ext4 defaults 0 1\r\nUUID=swap none swap sw 0 0");
}

TEST(Fstab, KeepsNulBytes) {
  const std::string text("a\0b /x y\n\0\n", 11);
  EXPECT_EQ(stabilised(text), text);
}

TEST(Fstab, Sda1NeverTouchesSda10) {
  EXPECT_EQ(stabilised("/dev/sda10 /ten ext4 defaults 0 2\n"), "UUID=ten /ten ext4 defaults 0 2\n");
}

TEST(Fstab, LeavesWhatIsStable) {
  const std::string text =
      "UUID=root / ext4 defaults 0 1\nLABEL=x /x ext4 noauto 0 0\nproc /proc proc defaults 0 0\n"
      "nas:/export /mnt nfs defaults 0 0\n/dev/loop0 /iso auto defaults 0 0\n/srv /srv2 none bind "
      "0 0\n"
      "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n";
  EXPECT_EQ(stabilised(text), text);
}

TEST(Fstab, LeavesCommentedEntries) {
  EXPECT_EQ(stabilised("#/dev/sda1 / ext4 defaults 0 1\n"), "#/dev/sda1 / ext4 defaults 0 1\n");
}

TEST(Fstab, ADiskNotGivenMustNotStopTheBoot) {
  const FstabRewrite rewrite = stabilise_fstab("/dev/sdc1 /backup ext4 defaults 0 2\n", machine());
  EXPECT_EQ(rewrite.text, "/dev/sdc1 /backup ext4 defaults,nofail 0 2\n");
  EXPECT_EQ(codes(rewrite.warnings), std::vector<std::string>{"fstab-disk-not-given"});
}

TEST(Fstab, AUuidNotGivenMustNotStopTheBootEither) {
  EXPECT_EQ(stabilised("UUID=beef /backup ext4 defaults 0 2\n"),
            "UUID=beef /backup ext4 defaults,nofail 0 2\n");
}

TEST(Fstab, AddsOptionsWhereThereAreNone) {
  EXPECT_EQ(stabilised("/dev/sdc1 /backup ext4\n"), "/dev/sdc1 /backup ext4 nofail\n");
}

TEST(Fstab, LeavesEntriesThatNobodyWaitsFor) {
  const std::string text = "/dev/sdc1 /a ext4 noauto 0 0\n/dev/sdc2 /b ext4 defaults,nofail 0 0\n";
  EXPECT_EQ(stabilised(text), text);
}

TEST(Fstab, AMissingRootIsSaidAndNotHidden) {
  const FstabRewrite rewrite = stabilise_fstab("/dev/sdc1 / ext4 defaults 0 1\n", machine());
  EXPECT_EQ(rewrite.text, "/dev/sdc1 / ext4 defaults 0 1\n");
  EXPECT_EQ(codes(rewrite.warnings), std::vector<std::string>{"fstab-root-not-found"});
}

TEST(Fstab, ANameThatCannotBeToldIsWarnedOf) {
  const FstabRewrite rewrite = stabilise_fstab("/dev/sda7 /x ext4 defaults 0 2\n", machine());
  EXPECT_EQ(rewrite.text, "/dev/sda7 /x ext4 defaults,nofail 0 2\n");
  EXPECT_EQ(codes(rewrite.warnings), std::vector<std::string>{"fstab-device-unknown"});
}

TEST(Fstab, DisksGivenInTheWrongOrderAreNotGuessedAt) {
  const FstabRewrite rewrite = stabilise_fstab(
      "/dev/sdb1 / ext4 defaults 0 1\n/dev/sda1 /data xfs defaults 0 0\n", machine());
  EXPECT_EQ(rewrite.text,
            "/dev/sdb1 / ext4 defaults 0 1\n/dev/sda1 /data xfs defaults,nofail 0 0\n");
}

TEST(Fstab, ReadsByIdNamesByWhatTheyHold) {
  EXPECT_EQ(stabilised("/dev/disk/by-id/scsi-x-part1 / ext4 defaults 0 1\n"
                       "/dev/disk/by-id/scsi-x-part2 none swap sw 0 0\n"
                       "/dev/disk/by-id/scsi-y-part1 /data xfs defaults 0 0\n"),
            "UUID=root / ext4 defaults 0 1\nUUID=swap none swap sw 0 0\n"
            "UUID=data /data xfs defaults 0 0\n");
}

TEST(Fstab, ReadsEscapedSpaces) {
  EXPECT_EQ(parse_fstab("LABEL=my\\040disk /my\\040dir ext4\n")[0].device, "LABEL=my disk");
}

TEST(Fstab, EditingTwiceIsEditingOnce) {
  const std::string once = stabilised(
      "/dev/sda1 / ext4 defaults 0 1\n/dev/sdq1 /q ext4 ro 0 0\n/dev/sda7 /x ext4\n/dev/sda2 none "
      "swap sw\n");
  EXPECT_EQ(stabilised(once), once);
}

TEST(Fstab, NothingBreaksOnATruncatedFile) {
  const std::string text = testing::file_of(testing::debian12(), "/etc/fstab");
  for (size_t length = 0; length <= text.size(); ++length) {
    const std::string once = stabilised(text.substr(0, length));
    EXPECT_EQ(stabilised(once), once) << length;
  }
}

TEST(Fstab, ConvertsTheDebianGuest) {
  const Inspection inspection = testing::debian12_inspection();
  const MemoryGuest after =
      testing::converted(testing::debian12(), inspection, Target{}, std::span(&kFstabFix, 1));
  const std::string text = testing::file_of(after, "/etc/fstab");
  EXPECT_NE(text.find("UUID=9a1ae06a-5642-4e1a-b81b-246a03f38ecf /               ext4    "
                      "errors=remount-ro 0       1\n"
                      "# swap was on /dev/sda2 during installation\n"
                      "UUID=51f5bdd0-4c7e-4a36-8f2c-0c6a4f1f0a52\tnone            swap    sw "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("ticket 4711)\nUUID=c0ffee00-1111-2222-3333-444455556666   /data\text4  "
                      "defaults,noatime   0  2\n/dev/sr0 "),
            std::string::npos)
      << text;
}

TEST(Fstab, ADiscThatIsNotInEc2DoesNotStopTheBoot) {
  const std::string text = "/dev/sr0 /mnt/repo iso9660 defaults 0 0\n";
  EXPECT_EQ(stabilised(text), "/dev/sr0 /mnt/repo iso9660 defaults,nofail 0 0\n");
  EXPECT_EQ(codes(stabilise_fstab(text, testing::two_disks()).warnings),
            std::vector<std::string>{"fstab-removable-drive"});
  const std::string usual = "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n";
  EXPECT_EQ(stabilised(usual), usual);
  EXPECT_TRUE(stabilise_fstab(usual, testing::two_disks()).warnings.empty());
}

TEST(Fstab, AFolderOfTheOldHypervisorDoesNotStopTheBoot) {
  EXPECT_EQ(stabilised(".host:/ /mnt/hgfs fuse.vmhgfs-fuse defaults,allow_other 0 0\n"),
            ".host:/ /mnt/hgfs fuse.vmhgfs-fuse defaults,allow_other,nofail 0 0\n");
  EXPECT_EQ(stabilised("share /share vboxsf uid=1000 0 0\n"),
            "share /share vboxsf uid=1000,nofail 0 0\n");
  EXPECT_EQ(stabilised("host0 /host 9p trans=virtio,rw 0 0\ntag /tag virtiofs\n"),
            "host0 /host 9p trans=virtio,rw,nofail 0 0\ntag /tag virtiofs nofail\n");
  for (const std::string text : {"nas:/x /x nfs defaults 0 0\n", "host0 /host 9p trans=tcp 0 0\n",
                                 ".host:/ /mnt/hgfs vmhgfs noauto 0 0\n"}) {
    EXPECT_EQ(stabilised(text), text);
  }
  EXPECT_EQ(testing::codes(stabilise_fstab("share /share vboxsf\n", testing::two_disks()).warnings),
            std::vector<std::string>{"fstab-host-share"});
}

}  // namespace
}  // namespace rehost
