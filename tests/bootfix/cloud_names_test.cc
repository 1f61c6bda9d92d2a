// fstab as the clouds and hypervisors have it: the names that udev rules of GCE, Azure, VMware and
// Xen make, on machines of several disks.
#include <gtest/gtest.h>

#include "bootfix/fstab.h"
#include "tests/bootfix/guests.h"

namespace rehost {
namespace {

using testing::machine_with;
using testing::partition_of;

// The device column after the fix, a line for each entry; with nofail where it was added.
std::string devices(const std::string& fstab, const Inspection& machine) {
  const std::string text = stabilise_fstab(fstab, machine).text;
  EXPECT_EQ(stabilise_fstab(text, machine).text, text) << "planned twice";
  std::string out;
  for (const FstabEntry& entry : parse_fstab(text)) {
    out +=
        entry.mount_point + " " + entry.device + (entry.has_option("nofail") ? " nofail\n" : "\n");
  }
  return out;
}

// Root and two data disks that look alike but for their partitions' types.
Inspection three_disks() {
  return machine_with({partition_of(0, 1, "ext4", "root"), partition_of(0, 2, "swap", "swap"),
                       partition_of(1, 1, "ext4", "data"), partition_of(2, 1, "xfs", "logs")});
}

// google_nvme_id and 65-gce-disk-naming.rules: google-<device name>, "persistent-disk-0" by
// default.
TEST(CloudNames, Gce) {
  EXPECT_EQ(devices("/dev/disk/by-id/google-persistent-disk-0-part1 / ext4 defaults 0 1\n"
                    "/dev/disk/by-id/google-data-part1 /srv/data ext4 discard,defaults 0 2\n"
                    "/dev/disk/by-id/google-logs-part1 /var/log xfs discard,defaults 0 2\n",
                    three_disks()),
            "/ UUID=root\n/srv/data UUID=data\n/var/log UUID=logs\n");
}

// Google's guide formats data disks as a whole.
TEST(CloudNames, GceWithoutPartitions) {
  const Inspection machine =
      machine_with({partition_of(0, 1, "ext4", "root"), partition_of(1, 0, "ext4", "data")});
  EXPECT_EQ(devices("UUID=root / ext4 defaults 0 1\n"
                    "/dev/disk/by-id/google-data /mnt/disks/data ext4 discard,defaults 0 2\n",
                    machine),
            "/ UUID=root\n/mnt/disks/data UUID=data\n");
}

// 66-azure-storage.rules of WALinuxAgent; the resource disk is mounted by cloud-init.
TEST(CloudNames, Azure) {
  EXPECT_EQ(
      devices("/dev/disk/azure/root-part1 / ext4 defaults 0 1\n"
              "/dev/disk/azure/scsi1/lun0-part1 /srv/data ext4 defaults 0 2\n"
              "/dev/disk/azure/scsi1/lun1-part1 /var/log xfs defaults 0 2\n"
              "/dev/disk/cloud/azure_resource-part1 /mnt auto defaults,comment=cloudconfig 0 2\n"
              "/dev/disk/azure/resource-part1 /mnt/old ext4 defaults 0 2\n",
              three_disks()),
      "/ UUID=root\n/srv/data UUID=data\n/var/log UUID=logs\n"
      "/mnt /dev/disk/cloud/azure_resource-part1 nofail\n"
      "/mnt/old /dev/disk/azure/resource-part1 nofail\n");
}

// 60-persistent-storage.rules: the place on the controller, and the serial number that
// disk.EnableUUID makes VMware tell.
TEST(CloudNames, Vmware) {
  EXPECT_EQ(
      devices(
          "/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1 / ext4 defaults 0 1\n"
          "/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part2 none swap sw 0 0\n"
          "/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:1:0-part1 /home ext4 defaults 0 2\n"
          "/dev/disk/by-id/wwn-0x6000c2991f4c8b7a9d20e5c83b1f6a47-part1 /logs xfs defaults 0 2\n",
          three_disks()),
      "/ UUID=root\nnone UUID=swap\n/home UUID=data\n/logs UUID=logs\n");
}

TEST(CloudNames, Xen) {
  EXPECT_EQ(
      devices("/dev/xvda1 / ext4 defaults 0 1\n/dev/xvda2 none swap sw 0 0\n"
              "/dev/xvdb1 /home ext4 defaults 0 2\n/dev/xvdc1 /logs xfs defaults 0 2\n"
              "/dev/xvdd1 /gone ext4 defaults 0 2\n",
              three_disks()),
      "/ UUID=root\nnone UUID=swap\n/home UUID=data\n/logs UUID=logs\n/gone /dev/xvdd1 nofail\n");
}

TEST(CloudNames, TheSecondOfTwoDisksAlikeIsWhatRemains) {
  const Inspection machine =
      machine_with({partition_of(0, 1, "ext4", "root"), partition_of(1, 1, "ext4", "home")});
  EXPECT_EQ(devices("/dev/disk/by-path/pci-0-scsi-0:0:1:0-part1 /home ext4 defaults 0 2\n"
                    "/dev/disk/by-path/pci-0-scsi-0:0:0:0-part1 / ext4 defaults 0 1\n",
                    machine),
            "/home UUID=home\n/ UUID=root\n");
}

TEST(CloudNames, TwoDisksAlikeBesideTheRootAreNotGuessed) {
  const Inspection machine =
      machine_with({partition_of(0, 1, "ext4", "root"), partition_of(1, 1, "ext4", "a"),
                    partition_of(2, 1, "ext4", "b")});
  EXPECT_EQ(devices("UUID=root / ext4 defaults 0 1\n"
                    "/dev/disk/azure/scsi1/lun0-part1 /a ext4 defaults 0 2\n"
                    "/dev/disk/azure/scsi1/lun1-part1 /b ext4 defaults 0 2\n",
                    machine),
            "/ UUID=root\n/a /dev/disk/azure/scsi1/lun0-part1 nofail\n"
            "/b /dev/disk/azure/scsi1/lun1-part1 nofail\n");
}

// Where the first plan has written a UUID, the second must not find the disk free again.
TEST(CloudNames, APartitionInUseUnderAnotherNameIsTaken) {
  const Inspection machine = machine_with({partition_of(0, 1, "ext4", "root")});
  EXPECT_EQ(devices("/dev/disk/by-id/scsi-1-part1 / ext4 defaults 0 1\n"
                    "/dev/disk/by-id/scsi-2-part1 /home ext4 defaults 0 2\n",
                    machine),
            "/ UUID=root\n/home /dev/disk/by-id/scsi-2-part1 nofail\n");
}

}  // namespace
}  // namespace rehost
