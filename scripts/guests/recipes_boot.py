"""Guests that differ in what boots them: firmware, boot loader, initramfs, architecture."""
from guests.recipe import (
    DISKS_IN_ORDER, FSTAB_HEAD, INTERFACES_HEAD, MACHINE, Base, Recipe, identity, initramfs, insist_on, make_initramfs,
)  # fmt: skip

TRIXIE_UEFI = Base("trixie", (*MACHINE, "grub-efi-amd64", "grub-efi-amd64-signed", "shim-signed", "dhcpcd-base"))

DEBIAN13_UEFI = Recipe(
    name="debian13-uefi",
    summary="Debian 13, UEFI, GPT, an ESP with EFI/debian only, ext4, /dev/sdXN names, DHCP on ens192",
    base=TRIXIE_UEFI,
    files=(
        *identity("debian13-uefi"),
        *DISKS_IN_ORDER,
        *initramfs("ext4", resume="/dev/sda3"),
        ("/etc/network/interfaces", INTERFACES_HEAD + """\
allow-hotplug ens192
iface ens192 inet dhcp
"""),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/sda2       /               ext4    errors=remount-ro 0       1
/dev/sda1       /boot/efi       vfat    umask=0077      0       1
/dev/sda3       none            swap    sw              0       0
"""),
    ),
    dress=make_initramfs("ext4"),
    disks=("4G",),
    storage="""\
part-init /dev/sda gpt
part-add /dev/sda primary 2048 526335
part-add /dev/sda primary 526336 7340031
part-add /dev/sda primary 7340032 -2048
part-set-gpt-type /dev/sda 1 C12A7328-F81F-11D2-BA4B-00A0C93EC93B
part-set-gpt-type /dev/sda 3 0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
mkfs vfat /dev/sda1
mkfs ext4 /dev/sda2
mkswap /dev/sda3
mount /dev/sda2 /
mkdir-p /boot/efi
mount /dev/sda1 /boot/efi
""",
    boot_loader=insist_on("/dev/sda2", "/") + """\
grub-install --target=x86_64-efi --efi-directory=/boot/efi --bootloader-id=debian --no-nvram
[ "$(ls /boot/efi/EFI)" = debian ]
update-grub
grep -q 'root=/dev/sda2 ' /boot/grub/grub.cfg
""",
    firmware="uefi",
    efi_entry="/EFI/debian/shimx64.efi",
    bus="sata",  # Debian's OVMF does not drive pvscsi
)

RECIPES = (DEBIAN13_UEFI,)
