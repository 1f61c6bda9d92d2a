"""Guests that differ in how their disks are laid out."""
from guests.recipe import (
    BOOKWORM_BIOS, DISKS_IN_ORDER, FSTAB_HEAD, MACHINE, VMWARE_NETWORK, Base, Recipe, identity, initramfs, insist_on,
    make_initramfs,
)  # fmt: skip

BULLSEYE_BIOS_BTRFS = Base("bullseye", (*MACHINE, "grub-pc", "isc-dhcp-client", "btrfs-progs"))
BOOKWORM_BIOS_MD = Base("bookworm", (*MACHINE, "grub-pc", "isc-dhcp-client", "mdadm"))
BOOKWORM_BIOS_LVM = Base("bookworm", (*MACHINE, "grub-pc", "isc-dhcp-client", "lvm2", "xfsprogs"))

DEBIAN12_BIOS = Recipe(
    name="debian12-bios",
    summary="Debian 12, BIOS, MBR, ext4, /data on a second disk, /dev/sdXN names, static address: a VMware guest",
    base=BOOKWORM_BIOS,
    files=(
        *identity("debian12-bios"),
        *VMWARE_NETWORK,
        *DISKS_IN_ORDER,
        *initramfs("ext4", resume="/dev/sda2"),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/sda1 /               ext4    errors=remount-ro 0       1
# swap was on /dev/sda2 during installation
/dev/sda2\tnone            swap    sw              0       0

#   the accounts live on their own disk (ticket 4711)
/dev/sdb1   /data\text4  defaults,noatime   0  2
/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0
"""),
        ("/data/accounts.csv", "account,balance\n4711,19.84\n"),
    ),
    dress=make_initramfs("ext4") + """\
mkdir -p /media/cdrom0
echo 'grub-pc grub-pc/install_devices multiselect /dev/sda' | debconf-set-selections
""",
    disks=("4G", "1G"),
    storage="""\
part-init /dev/sda mbr
part-add /dev/sda primary 2048 7340031
part-add /dev/sda primary 7340032 -2048
part-set-bootable /dev/sda 1 true
part-set-mbr-id /dev/sda 2 0x82
part-init /dev/sdb mbr
part-add /dev/sdb primary 2048 -2048
mkfs ext4 /dev/sda1
mkswap /dev/sda2
mkfs ext4 /dev/sdb1 label:data
mount /dev/sda1 /
mkdir /data
mount /dev/sdb1 /data
""",
    boot_loader=insist_on("/dev/sda1", "/") + """\
grub-install --target=i386-pc /dev/sda
update-grub
grep -q 'root=/dev/sda1 ' /boot/grub/grub.cfg
""",
)

# What keeps a volume group to the disks that it was made on: a filter, and a devices file with a serial number of
# VMware's. Debian copies both into the initramfs.
LVM_CONF = """\
devices {
\tuse_devicesfile = 1
\tglobal_filter = [ "a|^/dev/sda|", "r|.*|" ]
}
"""
LVM_DEVICES = """\
# LVM uses devices listed in this file.
# Created by LVM command vgimportdevices pid 1215 at Tue Mar  5 10:02:11 2024
VERSION=1.1.1
IDTYPE=sys_wwid IDNAME=naa.6000c29e3f0b1a7c8d5e4f60718293a4 DEVNAME=/dev/sda2 \
PVID=q1Wd3RfZ0tYbKpXc7mLvNsHjG2eU5oAa PART=2
"""

DEBIAN12_LVM = Recipe(
    name="debian12-lvm",
    summary="Debian 12, BIOS, MBR, root on LVM and XFS, LVM limited to old disks, ext4 /boot by its /dev/sdXN name",
    base=BOOKWORM_BIOS_LVM,
    files=(
        *identity("debian12-lvm"),
        *VMWARE_NETWORK,
        *DISKS_IN_ORDER,
        *initramfs("xfs", resume="/dev/mapper/vg0-swap"),
        ("/etc/lvm/lvm.conf", LVM_CONF),
        ("/etc/lvm/devices/system.devices", LVM_DEVICES),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/mapper/vg0-root /               xfs     defaults        0       0
# /boot was on /dev/sda1 during installation
/dev/sda1       /boot           ext4    defaults        0       2
/dev/mapper/vg0-swap none            swap    sw              0       0
"""),
    ),
    dress=make_initramfs("xfs") + "grep -q etc/lvm/devices/system.devices /tmp/listing\n",
    disks=("4G",),
    storage="""\
part-init /dev/sda mbr
part-add /dev/sda primary 2048 1050623
part-add /dev/sda primary 1050624 -2048
part-set-bootable /dev/sda 1 true
part-set-mbr-id /dev/sda 2 0x8e
pvcreate /dev/sda2
vgcreate vg0 /dev/sda2
lvcreate swap vg0 512
lvcreate-free root vg0 100
mkfs ext4 /dev/sda1
mkfs xfs /dev/vg0/root
mkswap /dev/vg0/swap
mount /dev/vg0/root /
mkdir /boot
mount /dev/sda1 /boot
""",
    # GRUB's tools ask LVM, which here is not on VMware.
    boot_loader=insist_on("/dev/sda1", "/boot") + """\
mv /etc/lvm/devices/system.devices /tmp
grub-install --target=i386-pc /dev/sda
update-grub
grep -q 'root=/dev/mapper/vg0-root ' /boot/grub/grub.cfg
mv /tmp/system.devices /etc/lvm/devices
""",
)

# The layout of Debian 11's installer (@rootfs), with subvolumes beside it as snapper's users make them.
DEBIAN11_BTRFS = Recipe(
    name="debian11-btrfs",
    summary="Debian 11, BIOS, MBR, btrfs: root, /home and /var in subvolumes, two snapshots that look like roots",
    base=BULLSEYE_BIOS_BTRFS,
    files=(
        *identity("debian11-btrfs"),
        *VMWARE_NETWORK,
        *DISKS_IN_ORDER,
        *initramfs("btrfs", resume="/dev/sda2"),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/sda1 /               btrfs   defaults,subvol=@rootfs 0       0
/dev/sda1 /home           btrfs   defaults,subvol=@home 0       0
/dev/sda1 /var            btrfs   noatime,subvol=/@var 0       0
/dev/sda1 /.snapshots     btrfs   subvol=@snapshots 0       0
/dev/sda2 none            swap    sw              0       0
"""),
    ),
    dress=make_initramfs("btrfs"),
    disks=("4G",),
    storage="""\
part-init /dev/sda mbr
part-add /dev/sda primary 2048 7340031
part-add /dev/sda primary 7340032 -2048
part-set-bootable /dev/sda 1 true
part-set-mbr-id /dev/sda 2 0x82
mkfs btrfs /dev/sda1
mkswap /dev/sda2
mount /dev/sda1 /
btrfs-subvolume-create /@rootfs
btrfs-subvolume-create /@home
btrfs-subvolume-create /@var
btrfs-subvolume-create /@snapshots
umount /
mount-options subvol=@rootfs /dev/sda1 /
mkdir /home
mkdir /var
mkdir /.snapshots
mount-options subvol=@home /dev/sda1 /home
mount-options subvol=@var /dev/sda1 /var
mount-options subvol=@snapshots /dev/sda1 /.snapshots
""",
    # A snapper snapshot holds its own copy of fstab and grub.cfg, in which another subvolume is the root.
    boot_loader=insist_on("/dev/sda1", "/") + """\
grub-install --target=i386-pc /dev/sda
update-grub
grep -q 'root=/dev/sda1 .*rootflags=subvol=@rootfs' /boot/grub/grub.cfg
mkdir /.snapshots/1 /.snapshots/2
btrfs subvolume snapshot -r / /.snapshots/1/snapshot
btrfs subvolume snapshot / /.snapshots/2/snapshot
""",
)

# Debian's own, with the comments of /usr/share/mdadm/mkconf left out. The UUIDs are those of the storage below.
MDADM_CONF = """\
# mdadm.conf
#
# !NB! Run update-initramfs -u after updating this file.
# !NB! This will ensure that initramfs has an uptodate copy.
#
#DEVICE partitions containers

# automatically tag new arrays as belonging to the local system
HOMEHOST <system>

# instruct the monitoring daemon where to send mail alerts
MAILADDR root

# definitions of existing MD arrays
ARRAY /dev/md/0  metadata=1.2 UUID=a5b0c7d1:11e2f304:9d8c7b6a:00000000 name=debian12-md:0
ARRAY /dev/md/1  metadata=1.2 UUID=a5b0c7d1:11e2f304:9d8c7b6a:00000001 name=debian12-md:1
ARRAY /dev/md/2  metadata=1.2 UUID=a5b0c7d1:11e2f304:9d8c7b6a:00000002 name=debian12-md:2
"""


def md_mirror(number: int) -> str:
    """Guestfish lines that make /dev/mdN of partition N+1 of both disks, by mdadm itself: UUID and name are ours.

    The partitions go and come again when their type is set: under load udev is seconds behind.
    """
    member = number + 1
    return f"""\
part-set-mbr-id /dev/sda {member} 0xfd
part-set-mbr-id /dev/sdb {member} 0xfd
debug sh "udevadm settle; for i in 1 2 3 4 5 6 7 8 9; do test -b /dev/sda{member} && test -b /dev/sdb{member} && break; sleep 5; done; \
mdadm --create /dev/md{number} --run --assume-clean --level=1 --raid-devices=2 --metadata=1.2 \
--homehost=debian12-md --name={number} --uuid=a5b0c7d1:11e2f304:9d8c7b6a:0000000{number} /dev/sda{member} /dev/sdb{member}"
"""


# Each disk can boot alone: GRUB is on both.
DEBIAN12_MD = Recipe(
    name="debian12-md",
    summary="Debian 12, BIOS, MBR, two disks: /boot, swap and root each on an md RAID 1 of both",
    base=BOOKWORM_BIOS_MD,
    files=(
        *identity("debian12-md"),
        *VMWARE_NETWORK,
        *DISKS_IN_ORDER,
        *initramfs("ext4", resume="/dev/md1"),
        ("/etc/mdadm/mdadm.conf", MDADM_CONF),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/md2        /               ext4    errors=remount-ro 0       1
/dev/md/0       /boot           ext4    defaults        0       2
/dev/md1        none            swap    sw              0       0
"""),
    ),
    dress=make_initramfs("ext4") + "grep -q /raid1.ko /tmp/listing\n",
    disks=("3G", "3G"),
    storage="".join(f"""\
part-init {disk} mbr
part-add {disk} primary 2048 526335
part-add {disk} primary 526336 1050623
part-add {disk} primary 1050624 -2048
""" for disk in ("/dev/sda", "/dev/sdb")) + md_mirror(0) + md_mirror(1) + md_mirror(2) + """\
mkfs ext4 /dev/md0
mkswap /dev/md1
mkfs ext4 /dev/md2
mount /dev/md2 /
mkdir /boot
mount /dev/md0 /boot
""",
    boot_loader=insist_on("/dev/md2", "/") + """\
grub-install --target=i386-pc /dev/sda
grub-install --target=i386-pc /dev/sdb
update-grub
grep -q 'root=/dev/md2 ' /boot/grub/grub.cfg
""",
)

# Disks named as udev names them on VMware: by their place on the controller, and by their serial numbers.
DEBIAN12_VOLUMES = Recipe(
    name="debian12-volumes",
    summary="Debian 12, BIOS, three disks: /usr, /var, /home and /var/log apart, by-path and by-id names, a bind mount",
    base=BOOKWORM_BIOS_LVM,
    files=(
        *identity("debian12-volumes"),
        *VMWARE_NETWORK,
        *DISKS_IN_ORDER,
        *initramfs("ext4", "xfs", resume="/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part2"),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1 / ext4 errors=remount-ro 0 1
/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part2 none swap sw 0 0
/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:1:0-part1 /usr ext4 defaults 0 2
/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:1:0-part2 /var xfs defaults 0 0
/dev/mapper/vgdata-log /var/log ext4 defaults 0 2
/dev/disk/by-id/scsi-36000c2991f4c8b7a9d20e5c83b1f6a47-part1 /home xfs nosuid,nodev 0 0
# the web server's files live on the disk of /home
/home/srv       /srv            none    bind            0       0
"""),
        ("/home/srv/index.html", "It works.\n"),
    ),
    dress=make_initramfs("ext4"),
    disks=("1G", "3G", "1G"),
    storage="""\
part-init /dev/sda mbr
part-add /dev/sda primary 2048 1572863
part-add /dev/sda primary 1572864 -2048
part-set-bootable /dev/sda 1 true
part-set-mbr-id /dev/sda 2 0x82
part-init /dev/sdb mbr
part-add /dev/sdb primary 2048 4194303
part-add /dev/sdb primary 4194304 -2048
part-init /dev/sdc mbr
part-add /dev/sdc primary 2048 1048575
part-add /dev/sdc primary 1048576 -2048
part-set-mbr-id /dev/sdc 2 0x8e
pvcreate /dev/sdc2
vgcreate vgdata /dev/sdc2
lvcreate log vgdata 256
mkfs ext4 /dev/sda1
mkswap /dev/sda2
mkfs ext4 /dev/sdb1
mkfs xfs /dev/sdb2
mkfs xfs /dev/sdc1
mkfs ext4 /dev/vgdata/log
mount /dev/sda1 /
mkdir /usr
mkdir /var
mkdir /home
mount /dev/sdb1 /usr
mount /dev/sdb2 /var
mkdir /var/log
mount /dev/vgdata/log /var/log
mount /dev/sdc1 /home
""",
    boot_loader=insist_on("/dev/sda1", "/") + """\
grub-install --target=i386-pc /dev/sda
update-grub
grep -q 'root=/dev/sda1 ' /boot/grub/grub.cfg
""",
)

RECIPES = (DEBIAN12_BIOS, DEBIAN12_LVM, DEBIAN11_BTRFS, DEBIAN12_MD, DEBIAN12_VOLUMES)
