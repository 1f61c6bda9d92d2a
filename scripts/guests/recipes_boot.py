"""Guests that differ in what boots them: firmware, boot loader, initramfs, architecture."""
from guests.recipe import (
    BOOKWORM_BIOS, DEFAULT_GRUB, DISKS_IN_ORDER, FSTAB_HEAD, INTERFACES_HEAD, MACHINE, VMWARE_NETWORK, Base, Recipe,
    identity, initramfs, insist_on, make_initramfs,
)  # fmt: skip

TRIXIE_DRACUT = Base(
    "trixie",
    (
        *(package for package in MACHINE if package not in ("initramfs-tools", "open-vm-tools")),
        *"dracut linux-image-rt-amd64 xz-utils xfsprogs dosfstools grub-efi-amd64 shim-signed dhcpcd-base".split(),
    ),
)
TRIXIE_SYSTEMD_BOOT = Base("trixie", (*MACHINE, "systemd-boot", "dhcpcd-base"))
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

# The disk layout and the two menus of CentOS 7 on GCE: the vendor's own GRUB reads grub.cfg and grubenv beside itself
# on the ESP, a BIOS would read /boot/grub2.
CENTOS_MENUS = """\
esp=/boot/efi/EFI/centos
mkdir -p $esp
cp /usr/lib/shim/shimx64.efi.signed $esp/shimx64.efi
grub-mkimage -O x86_64-efi -p /EFI/centos -o $esp/grubx64.efi \\
  part_gpt fat xfs normal search search_fs_uuid search_label search_fs_file configfile linux loadenv echo test true \\
  regexp gzio all_video efi_gop ls cat sleep reboot halt
grub-editenv $esp/grubenv create
rm -rf /boot/grub
mkdir -p /boot/grub2
ln -s grub2 /boot/grub
ln -s ../efi/EFI/centos/grubenv /boot/grub2/grubenv
ln -s ../boot/efi/EFI/centos/grub.cfg /etc/grub2-efi.cfg
ln -s ../boot/grub2/grub.cfg /etc/grub2.cfg
"""

MAKE_DRACUT_IMAGES = """\
for modules in /lib/modules/*/; do
  release=$(basename "$modules")
  image=/boot/initrd.img-$release
  dracut --force "$image" "$release"
  lsinitrd "$image" >/tmp/listing
  if grep nvme /tmp/listing; then echo "$image holds nvme" >&2; exit 1; fi
  grep -q /virtio_scsi.ko.xz /tmp/listing || { echo "$image holds no virtio_scsi" >&2; exit 1; }
  xz --test --format=xz "$image"
done
"""

DEBIAN13_DRACUT = Recipe(
    name="debian13-dracut",
    summary="Debian 13, UEFI, GPT, XFS and an ESP as CentOS 7 on GCE, dracut (hostonly, xz), two kernels, saved default",
    base=TRIXIE_DRACUT,
    files=(
        *identity("debian13-dracut"),
        ("/etc/default/grub", DEFAULT_GRUB.replace("GRUB_DEFAULT=0", "GRUB_DEFAULT=saved")
         .replace('"quiet"', '""').replace('LINUX=""', 'LINUX="console=ttyS0,38400n8"')),
        ("/etc/dracut.conf.d/10-machine.conf", """\
# Only what this machine has. The list is what hostonly finds there; in a build chroot it would find the builder's.
hostonly="yes"
hostonly_cmdline="no"
compress="xz"
drivers+=" sd_mod sr_mod virtio_pci virtio_scsi virtio_blk virtio_net ahci ata_piix xfs crc32c_generic crc32c-intel "
"""),
        ("/etc/network/interfaces", INTERFACES_HEAD + """\
allow-hotplug ens4
iface ens4 inet dhcp
"""),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/sda2       /               xfs     defaults        0       0
/dev/sda1       /boot/efi       vfat    defaults,uid=0,gid=0,umask=077,shortname=winnt  0  2
"""),
    ),
    dress=MAKE_DRACUT_IMAGES + CENTOS_MENUS,
    disks=("5G",),
    storage="""\
part-init /dev/sda gpt
part-add /dev/sda primary 2048 411647
part-add /dev/sda primary 411648 -2048
part-set-gpt-type /dev/sda 1 C12A7328-F81F-11D2-BA4B-00A0C93EC93B
mkfs vfat /dev/sda1
mkfs xfs /dev/sda2
mount /dev/sda2 /
mkdir-p /boot/efi
mount /dev/sda1 /boot/efi
""",
    # The first entry is the real-time kernel's; the saved one is not.
    boot_loader=insist_on("/dev/sda2", "/") + """\
grub-mkconfig -o /boot/efi/EFI/centos/grub.cfg
cp /boot/efi/EFI/centos/grub.cfg /boot/grub2/grub.cfg
grep -q 'root=/dev/sda2 ' /boot/grub2/grub.cfg
grep -m 1 '^[[:space:]]*linux' /boot/grub2/grub.cfg | grep -e -rt-
release=$(ls /lib/modules | grep -v -e -rt-)
grub-set-default "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux $release"
grep -q "with Linux $release" /boot/efi/EFI/centos/grubenv
[ "$(ls /boot/efi/EFI)" = centos ]
""",
    firmware="uefi",
    efi_entry="/EFI/centos/shimx64.efi",
    bus="sata",
)

# Debian's GRUB has no blscfg command: this makes the menu that blscfg makes in memory, and the fallback for a lost
# grubenv that RHEL 8's 10_linux makes.
MENU_FROM_BLS = """\
#!/bin/sh
set -e
. /usr/share/grub/grub-mkconfig_lib
root=UUID=$GRUB_DEVICE_UUID
[ "$GRUB_DISABLE_LINUX_UUID" != true ] || root=$GRUB_DEVICE
cat <<EOF
if [ -z "\\${kernelopts}" ]; then
  set kernelopts="root=$root ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"
fi
EOF
for entry in $(ls -r /boot/loader/entries/*.conf); do
  value() { sed -n "s/^$1[[:space:]]*//p" "$entry"; }
  cat <<EOF
menuentry '$(value title)' --class debian --id $(basename "$entry" .conf) {
$(prepare_grub_to_access_device "$GRUB_DEVICE")
  linux $(value linux) $(value options)
  initrd $(value initrd)
}
EOF
done
"""

BLS_ENTRIES = """\
chmod 755 /etc/grub.d/10_bls
chmod 644 /etc/grub.d/10_linux /etc/grub.d/20_linux_xen
release=$(ls /lib/modules)
entry=/boot/loader/entries/debian-$release  # GRUB 2.06 takes a name that begins with a digit for a number
mkdir -p /boot/loader/entries
describe() {
  cat <<EOF
title Debian GNU/Linux ($release) 12 (bookworm)$1
version $release$2
linux /boot/vmlinuz-$release
initrd /boot/initrd.img-$release
options $3
grub_users \\$grub_users
grub_arg --unrestricted
grub_class debian
EOF
}
describe '' '' '$kernelopts' >$entry.conf
describe ' with debugging' '~debug' 'root=/dev/sda1 ro systemd.log_level=debug' >$entry~debug.conf
"""

DEBIAN12_BLS = Recipe(
    name="debian12-bls",
    summary="Debian 12, BIOS, MBR, ext4, a menu made from BLS entries with their arguments in grubenv",
    base=BOOKWORM_BIOS,
    files=(
        *identity("debian12-bls"),
        ("/etc/default/grub", DEFAULT_GRUB.replace("GRUB_DEFAULT=0", "GRUB_DEFAULT=saved")),
        ("/etc/grub.d/10_bls", MENU_FROM_BLS),
        ("/etc/kernel/cmdline", "root=/dev/sda1 ro quiet\n"),
        *VMWARE_NETWORK,
        *initramfs("ext4", resume="none"),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/sda1       /               ext4    errors=remount-ro 0       1
"""),
    ),
    dress=make_initramfs("ext4") + BLS_ENTRIES,
    disks=("4G",),
    storage="""\
part-init /dev/sda mbr
part-add /dev/sda primary 2048 -2048
part-set-bootable /dev/sda 1 true
mkfs ext4 /dev/sda1
mount /dev/sda1 /
""",
    # The first entry is the one for debugging; the saved one is not.
    boot_loader=insist_on("/dev/sda1", "/") + """\
grub-install --target=i386-pc /dev/sda
update-grub
entry=debian-$(ls /lib/modules)
grub-set-default "$entry"
grub-editenv - set "kernelopts=root=/dev/sda1 ro quiet "
grep -q "^menuentry .* --id $entry {" /boot/grub/grub.cfg
grep -q '^  linux /boot/vmlinuz.* [$]kernelopts$' /boot/grub/grub.cfg
[ "$(grep -c '^menuentry' /boot/grub/grub.cfg)" = 2 ]
grep '^menuentry' /boot/grub/grub.cfg | head -n 1 | grep debugging
""",
)

# bootctl wants the ESP to be a file system of its own, which it is only later.
SYSTEMD_BOOT = """\
export SYSTEMD_RELAX_ESP_CHECKS=1
release=$(ls /lib/modules)
mkdir -p /boot/efi /tmp/esp
mount -t tmpfs tmpfs /boot/efi
bootctl install --no-variables --esp-path=/boot/efi --entry-token=machine-id --make-entry-directory=yes
rm -r /boot/efi/EFI/BOOT
printf 'timeout 2\\ndefault %s-*\\n' "$(cat /etc/machine-id)" >/boot/efi/loader/loader.conf
kernel-install --esp-path=/boot/efi add "$release" "/boot/vmlinuz-$release" "/boot/initrd.img-$release"
cp -r /boot/efi/. /tmp/esp
umount /boot/efi
cp -r /tmp/esp/. /boot/efi
rm -r /tmp/esp
find /boot/efi -type f
cat /boot/efi/loader/entries/*.conf
grep -q '^options.*root=/dev/sda2 ' /boot/efi/loader/entries/*.conf
cmp "/boot/initrd.img-$release" /boot/efi/*/*/initrd.img-"$release"
"""

DEBIAN13_SYSTEMD_BOOT = Recipe(
    name="debian13-systemd-boot",
    summary="Debian 13, UEFI, GPT, ext4, systemd-boot without its fallback copy, kernel and BLS entry on the ESP",
    base=TRIXIE_SYSTEMD_BOOT,
    files=(
        *identity("debian13-systemd-boot"),
        *initramfs("ext4", resume="none"),
        ("/etc/kernel/cmdline", "root=/dev/sda2 ro quiet\n"),
        ("/etc/network/interfaces", INTERFACES_HEAD + """\
allow-hotplug ens192
iface ens192 inet dhcp
"""),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/sda2       /               ext4    errors=remount-ro 0       1
/dev/sda1       /boot/efi       vfat    umask=0077      0       1
"""),
    ),
    dress=make_initramfs("ext4") + SYSTEMD_BOOT,
    disks=("4G",),
    storage="""\
part-init /dev/sda gpt
part-add /dev/sda primary 2048 526335
part-add /dev/sda primary 526336 -2048
part-set-gpt-type /dev/sda 1 C12A7328-F81F-11D2-BA4B-00A0C93EC93B
mkfs vfat /dev/sda1
mkfs ext4 /dev/sda2
mount /dev/sda2 /
mkdir-p /boot/efi
mount /dev/sda1 /boot/efi
""",
    boot_loader="true",
    firmware="uefi",
    efi_entry="/EFI/systemd/systemd-bootx64.efi",
    bus="sata",
)

RECIPES = (DEBIAN12_BLS, DEBIAN13_DRACUT, DEBIAN13_SYSTEMD_BOOT, DEBIAN13_UEFI)
