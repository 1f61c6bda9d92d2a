"""Guests of another architecture than the builder's: a ForeignBase into a tree, and its Recipe into disk images.

Their programs run under qemu-user, which the kernel starts through binfmt_misc(5). Where the machine has no such entry
(a container, say), make-guest goes into a user namespace, which since Linux 6.7 has a binfmt_misc of its own: nothing
of the machine changes. In the appliance, which has the builder's architecture, nothing of such a guest can run:
its boot loader is put in place by `dress`, under the names and UUIDs that `storage` gives to the disks.

A module of its own, because every guest is rebuilt when a line of build.py changes.
"""
import ctypes
import inspect
import json
import os
import pathlib
import subprocess
import sys

from guests import build, qemu
from guests.recipe import ForeignBase, Recipe

BINFMT = pathlib.Path("/proc/sys/fs/binfmt_misc")
# architecture of dpkg: name in binfmt_misc, magic and mask of its ELF files, interpreter (qemu-user-static)
INTERPRETERS = {
    "arm64": (
        "qemu-aarch64",
        r"\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
        r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
        "/usr/bin/qemu-aarch64-static",
    ),
}
IDS = 65536  # users and groups of the guest's tree
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000


def base_recipe_text(base: ForeignBase) -> str:
    """What decides the content of a base tree, as text to be hashed."""
    return repr(base) + inspect.getsource(build_base)


def guest_recipe_text(recipe: Recipe) -> str:
    """What decides the content of a guest, as text to be hashed."""
    return build.guest_recipe_text(recipe) + inspect.getsource(build_guest) + inspect.getsource(_fill)


def run_programs_of(base: ForeignBase) -> None:
    """Sees to it that this process can run the programs of `base`. May return in a child, in a namespace of its own."""
    name, magic, mask, interpreter = INTERPRETERS[base.architecture]
    if (BINFMT / name).exists():
        return
    if not os.access(interpreter, os.X_OK):
        raise build.BuildFailed(f"{interpreter} is not installed: run scripts/setup")
    if os.geteuid() != 0:
        raise build.BuildFailed(f"binfmt_misc has no {name} here: run make-guest as root, or install binfmt-support")
    _enter_namespace()
    mount = ["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT]
    try:
        subprocess.run(mount, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise build.BuildFailed(
            f"binfmt_misc has no {name} on this machine, and a namespace cannot have its own before Linux 6.7 "
            f"({error.stderr.strip()}): install binfmt-support"
        ) from None
    # F: the interpreter is opened now, and works in a chroot.
    (BINFMT / "register").write_text(f":{name}:M::{magic}:{mask}:{interpreter}:OPF", encoding="ascii")


def build_base(base: ForeignBase, tree: pathlib.Path, log: pathlib.Path) -> None:
    """Installs the packages of `base` and leaves the tree as a tar file."""
    build._run(
        [
            "mmdebstrap",
            f"--architectures={base.architecture}",
            "--variant=minbase",
            "--components=main",
            "--include=" + ",".join(base.packages),
            '--aptopt=Acquire::Check-Valid-Until "false"',
            '--aptopt=Acquire::Check-Date "false"',
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            base.suite,
            str(tree),
            *build._mirrors(base.suite),
        ],
        log,
        INITRD="No",  # the kernel's hook would make one of all modules, for minutes; the recipe makes its own
    )


def build_guest(recipe: Recipe, base_tree: pathlib.Path, directory: pathlib.Path, log: pathlib.Path) -> None:
    """Makes disk0.raw, disk1.raw... of `recipe` in `directory`, and guest.json, which describes them."""
    tree = directory / "tree.tar"
    build._dress(recipe, base_tree, tree, log)
    disks = [directory / f"disk{number}.raw" for number in range(len(recipe.disks))]
    _fill(recipe, tree, disks, log)
    tree.unlink()
    for disk in disks:
        disk.chmod(0o444)
    description = {
        "name": recipe.name,
        "summary": recipe.summary,
        "suite": recipe.base.suite,
        "architecture": recipe.base.architecture,
        "firmware": recipe.firmware,
        "efi_entry": recipe.efi_entry,
        "bus": recipe.bus,
        "mac": recipe.mac,
        "user": "root",
        "password": recipe.root_password,
        "disks": [disk.name for disk in disks],
    }
    (directory / "guest.json").write_text(json.dumps(description, indent=2) + "\n")


def _fill(recipe: Recipe, tree: pathlib.Path, disks: list[pathlib.Path], log: pathlib.Path) -> None:
    """Partitions the disks and unpacks the tree, in one appliance."""
    for disk, size in zip(disks, recipe.disks):
        build._run(["truncate", "-s", size, str(disk)], log)
    lines = [
        *(f"add {disk} format:raw cachemode:unsafe" for disk in disks),
        "run",
        *recipe.storage.splitlines(),
        f"tar-in {tree} / xattrs:true",
        "umount-all",
        "shutdown",
    ]
    environment = {"LIBGUESTFS_BACKEND": os.environ.get("LIBGUESTFS_BACKEND", "direct")}
    if not qemu.kvm_works():
        environment["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    build._run(["guestfish"], log, stdin="\n".join(lines) + "\n", **environment)


def _enter_namespace() -> None:
    """Goes on as root of a new user namespace, in a child process; this process waits and leaves with its status."""
    child_is_in, parent_may_map = os.pipe()
    child_may_go, parent_has_mapped = os.pipe()
    child = os.fork()
    if child:
        os.close(parent_may_map)
        if os.read(child_is_in, 1):
            for kind in ("uid", "gid"):
                pathlib.Path(f"/proc/{child}/{kind}_map").write_text(f"0 0 {IDS}\n", encoding="ascii")
            os.write(parent_has_mapped, b"x")
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a user namespace", "unshare(2)")
    os.write(parent_may_map, b"x")
    os.read(child_may_go, 1)
    os.setgroups([])
    os.setgid(0)
    os.setuid(0)
    qemu.die_with_parent()
