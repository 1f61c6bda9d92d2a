"""What a guest is made from: Recipe and Base, and the pieces that several guests share.

A recipe is read top to bottom in the order it is carried out: the packages of a Debian suite, files put over
them, a shell script run in that tree (natively, so that making an initramfs takes seconds), the disks, the
guestfish lines that partition and mount them, and a shell script run inside the mounted guest (emulated and slow:
only what needs the real disks, that is the boot loader).
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Base:
    """Packages of a suite. Guests with the same base share one cached tree."""

    suite: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class ForeignBase(Base):
    """Packages for another architecture than the builder's, which has dpkg's name."""

    architecture: str


@dataclass(frozen=True)
class Recipe:
    """A guest: what is in it and how its disks are laid out."""

    name: str
    summary: str
    base: Base
    files: tuple[tuple[str, str], ...]  # path, text
    dress: str  # shell, as root in the tree, before there are disks
    disks: tuple[str, ...]  # sizes; the first is the boot disk
    storage: str  # guestfish: partitions, file systems, mounts; /dev/sda is the first disk
    boot_loader: str  # shell, as root in the mounted guest, /dev/sdX being the emulator's own names
    firmware: str = "bios"
    efi_entry: str = ""  # the loader that its firmware remembers
    bus: str = "scsi"  # at its original home, as boot-guest --bus takes it
    mac: str = "00:50:56:a1:2b:3c"
    root_password: str = "rehost"


MACHINE = (
    "udev systemd-sysv kmod procps less fdisk e2fsprogs iproute2 iputils-ping ifupdown openssh-server initramfs-tools "
    "zstd linux-image-amd64 open-vm-tools"
).split()

BOOKWORM_BIOS = Base("bookworm", (*MACHINE, "grub-pc", "isc-dhcp-client"))

# What a Debian machine would load on VMware, Hyper-V, VirtualBox or QEMU. No nvme: that is the point.
VIRTUAL_HARDWARE = """\
# List of modules that you want to include in your initramfs.
sd_mod
sr_mod
ata_piix
ata_generic
ahci
mptspi
mptsas
megaraid_sas
sym53c8xx
vmw_pvscsi
hv_storvsc
virtio_pci
virtio_blk
virtio_scsi
"""

FSTAB_HEAD = """\
# /etc/fstab: static file system information.
#
# Use 'blkid' to print the universally unique identifier for a
# device; this may be used with UUID= as a more robust way to name devices
# that works even if disks are added and removed. See fstab(5).
#
# systemd generates mount units based on this file, see systemd.mount(5).
# Please run 'systemctl daemon-reload' after making changes here.
#
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
"""

# An answer for every question of a distribution kernel's GRUB, names instead of UUIDs.
DEFAULT_GRUB = """\
# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.

GRUB_DEFAULT=0
GRUB_TIMEOUT=2
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""

# Uncomment to disable graphical terminal (grub-pc only)
GRUB_TERMINAL=console

# Uncomment if you don't want GRUB to pass "root=UUID=xxx" parameter to Linux
GRUB_DISABLE_LINUX_UUID=true
"""


def identity(name: str) -> tuple[tuple[str, str], ...]:
    """The files that make the machine this one. A machine-id, or systemd takes it for a first boot."""
    return (
        ("/etc/hostname", f"{name}\n"),
        ("/etc/hosts", f"127.0.0.1\tlocalhost\n127.0.1.1\t{name}.example.com\t{name}\n"),
        ("/etc/machine-id", "5f3c1d0e9b7a46c28e14d2f6a0b9c837\n"),
        ("/etc/resolv.conf", "search example.com\nnameserver 10.20.30.2\nnameserver 10.20.30.3\n"),
        ("/etc/apt/sources.list", "# This guest has no mirror.\n"),
        ("/etc/default/grub", DEFAULT_GRUB),
        ("/etc/systemd/system.conf.d/slow-machine.conf", SLOW_MACHINE),
    )


# systemd gives a device 90 s. An emulated machine on a busy host has been seen to need more for its own disk, and then
# to stop in emergency mode with nothing wrong in it. (The second is what systemd from 253 on takes for devices.)
SLOW_MACHINE = """\
[Manager]
DefaultTimeoutStartSec=900s
DefaultDeviceTimeoutSec=900s
"""

INTERFACES_HEAD = """\
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface
"""

# As Debian's installer writes it for a static address, plus the pins that old templates collect.
VMWARE_NETWORK = (
    ("/etc/network/interfaces", INTERFACES_HEAD + """\
allow-hotplug ens192
iface ens192 inet static
\taddress 10.20.30.41/24
\tgateway 10.20.30.1
\thwaddress ether 00:50:56:a1:2b:3c
\t# dns-* options are implemented by the resolvconf package, if installed
\tdns-nameservers 10.20.30.2 10.20.30.3
\tdns-search example.com
"""),
    ("/etc/udev/rules.d/70-persistent-net.rules", """\
# This file was automatically generated by the /lib/udev/write_net_rules
# program, run by the persistent-net-generator.rules rules file.

# PCI device 0x15ad:0x07b0 (vmxnet3)
SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="00:50:56:a1:2b:3c", ATTR{dev_id}=="0x0", \
ATTR{type}=="1", KERNEL=="eth*", NAME="ens192"
"""),
)


# Linux probes disks in parallel: without this, one boot in a few calls the second disk sda. It comes with the
# initramfs too.
DISKS_IN_ORDER = (
    ("/etc/modprobe.d/disk-order.conf", """\
# The disks of this machine are known by their names (ticket 4712).
options scsi_mod scan=sync
softdep vmw_pvscsi pre: sd_mod
softdep mptspi pre: sd_mod
softdep ahci pre: sd_mod
"""),
)


def initramfs(*file_systems: str, resume: str) -> tuple[tuple[str, str], ...]:
    """Configuration for an initramfs with a short list of modules."""
    return (
        ("/etc/initramfs-tools/modules", VIRTUAL_HARDWARE + "".join(f"{name}\n" for name in file_systems)),
        ("/etc/initramfs-tools/conf.d/driver-policy", "# Driver inclusion policy selected during installation\n"
                                                      "MODULES=list\n"),
        ("/etc/initramfs-tools/conf.d/resume", f"RESUME={resume}\n"),
    )


def make_initramfs(root_type: str) -> str:
    """Shell that makes the initramfs. A guest that finds its root on NVMe proves nothing: building one fails.

    The root's type is given because there is no device to ask yet; with it the initramfs holds fsck, as on an
    installed machine.
    """
    return f"echo FSTYPE={root_type} >/etc/initramfs-tools/conf.d/root-type\n" + """\
update-initramfs -u -k all
rm /etc/initramfs-tools/conf.d/root-type
for image in /boot/initrd.img-*; do
  lsinitramfs "$image" >/tmp/listing
  if grep nvme /tmp/listing; then echo "$image holds nvme" >&2; exit 1; fi
  grep -q /vmw_pvscsi.ko /tmp/listing || { echo "$image holds no vmw_pvscsi" >&2; exit 1; }
done
"""


def insist_on(device: str, mount_point: str) -> str:
    """Shell that makes sure of a device name before the boot loader is installed by name.

    The appliance's kernel probes disks in parallel too. guestfish translates the names in its own commands, not those
    that the guest's tools see. Status 75 asks make-guest for another try.
    """
    return f'set -e\n[ "$(grub-probe -t device {mount_point})" = {device} ] || exit 75\n'
