"""Guests that differ in how their disks are laid out."""
from guests.recipe import (
    BOOKWORM_BIOS, DISKS_IN_ORDER, FSTAB_HEAD, MACHINE, VMWARE_NETWORK, Base, Recipe, identity, initramfs, insist_on,
    make_initramfs,
)  # fmt: skip

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

DEBIAN12_LVM = Recipe(
    name="debian12-lvm",
    summary="Debian 12, BIOS, MBR, root on LVM and XFS, ext4 /boot by its /dev/sdXN name",
    base=BOOKWORM_BIOS_LVM,
    files=(
        *identity("debian12-lvm"),
        *VMWARE_NETWORK,
        *DISKS_IN_ORDER,
        *initramfs("xfs", resume="/dev/mapper/vg0-swap"),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/mapper/vg0-root /               xfs     defaults        0       0
# /boot was on /dev/sda1 during installation
/dev/sda1       /boot           ext4    defaults        0       2
/dev/mapper/vg0-swap none            swap    sw              0       0
"""),
    ),
    dress=make_initramfs("xfs"),
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
    boot_loader=insist_on("/dev/sda1", "/boot") + """\
grub-install --target=i386-pc /dev/sda
update-grub
grep -q 'root=/dev/mapper/vg0-root ' /boot/grub/grub.cfg
""",
)

RECIPES = (DEBIAN12_BIOS, DEBIAN12_LVM)
