"""The guest for Graviton: Debian for arm64, built and converted on any machine."""
from guests.recipe import DEFAULT_GRUB, FSTAB_HEAD, INTERFACES_HEAD, ForeignBase, Recipe, identity

BOOKWORM_ARM64 = ForeignBase(
    "bookworm",
    tuple(
        "udev systemd-sysv kmod procps less e2fsprogs iproute2 ifupdown initramfs-tools zstd linux-image-arm64 "
        "grub-efi-arm64 grub-efi-arm64-signed shim-signed isc-dhcp-client".split()
    ),
    "arm64",
)

ROOT_UUID = "4c1f8a36-55b0-4b0e-9c0e-6f6a5d1d2b71"

# As in make_initramfs(); the hardware is what a machine of this architecture has at its old home.
MAKE_INITRAMFS = """\
echo FSTYPE=ext4 >/etc/initramfs-tools/conf.d/root-type
update-initramfs -c -k "$(ls /lib/modules)"
rm /etc/initramfs-tools/conf.d/root-type
lsinitramfs /boot/initrd.img-* >/tmp/listing
if grep nvme /tmp/listing; then echo "the initramfs holds nvme" >&2; exit 1; fi
grep -q /virtio_scsi.ko /tmp/listing
"""

# What grub-install --uefi-secure-boot puts there: signed programs, and a grub.cfg that leads to the one in /boot.
INSTALL_GRUB = f"""\
esp=/boot/efi/EFI/debian
mkdir -p $esp
cp /usr/lib/shim/shimaa64.efi.signed $esp/shimaa64.efi
cp /usr/lib/shim/mmaa64.efi.signed $esp/mmaa64.efi
cp /usr/lib/shim/fbaa64.efi.signed $esp/fbaa64.efi
cp /usr/lib/shim/BOOTAA64.CSV $esp/
cp /usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed $esp/grubaa64.efi
cat >$esp/grub.cfg <<'EOF'
search.fs_uuid {ROOT_UUID} root
set prefix=($root)'/boot/grub'
configfile $prefix/grub.cfg
EOF
"""

# update-grub asks grub-probe about disks, which are made later.
MAKE_MENU = f"""\
mkdir -p /boot/grub
mv /usr/sbin/grub-probe /usr/sbin/grub-probe.real
cat >/usr/sbin/grub-probe <<'EOF'
#!/bin/sh
case "$*" in
  *--target=device*) echo /dev/sda2 ;;
  *--target=fs_uuid*) echo {ROOT_UUID} ;;
  *--target=fs*) echo ext2 ;;
  *--target=partmap*) echo gpt ;;
  *--target=compatibility_hint*) echo hd0,gpt2 ;;
esac
EOF
chmod 755 /usr/sbin/grub-probe
update-grub
mv /usr/sbin/grub-probe.real /usr/sbin/grub-probe
grep -q 'root=/dev/sda2 ' /boot/grub/grub.cfg
grep -q 'search --no-floppy --fs-uuid --set=root {ROOT_UUID}' /boot/grub/grub.cfg
"""

DEBIAN12_ARM64 = Recipe(
    name="debian12-arm64",
    summary="Debian 12 for arm64, UEFI, GPT, an ESP with EFI/debian only, ext4, /dev/sdXN names",
    base=BOOKWORM_ARM64,
    files=(
        *identity("debian12-arm64"),
        ("/etc/default/grub", DEFAULT_GRUB),
        ("/etc/initramfs-tools/modules", "sd_mod\nahci\nvirtio_pci\nvirtio_blk\nvirtio_scsi\next4\n"),
        ("/etc/initramfs-tools/conf.d/driver-policy", "MODULES=list\n"),
        ("/etc/initramfs-tools/conf.d/resume", "RESUME=none\n"),
        ("/etc/network/interfaces", INTERFACES_HEAD + """\
allow-hotplug enp1s0
iface enp1s0 inet dhcp
"""),
        ("/etc/fstab", FSTAB_HEAD + """\
/dev/sda2       /               ext4    errors=remount-ro 0       1
/dev/sda1       /boot/efi       vfat    umask=0077      0       1
"""),
    ),
    dress=MAKE_INITRAMFS + INSTALL_GRUB + MAKE_MENU,
    disks=("4G",),
    storage=f"""\
part-init /dev/sda gpt
part-add /dev/sda primary 2048 133119
part-add /dev/sda primary 133120 -2048
part-set-gpt-type /dev/sda 1 C12A7328-F81F-11D2-BA4B-00A0C93EC93B
mkfs vfat /dev/sda1
mkfs ext4 /dev/sda2
set-uuid /dev/sda2 {ROOT_UUID}
mount /dev/sda2 /
mkdir-p /boot/efi
mount /dev/sda1 /boot/efi
""",
    boot_loader="",  # nothing of this guest runs in the appliance
    firmware="uefi",
    efi_entry="/EFI/debian/shimaa64.efi",
    bus="virtio",
)

RECIPES = (DEBIAN12_ARM64,)
