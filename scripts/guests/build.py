"""Turns a Recipe into disk images: mmdebstrap for the tree, one guestfish appliance for the disks.

Everything here counts as part of every guest: a change rebuilds them all.
"""
import contextlib
import inspect
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile

from guests import qemu
from guests.recipes import Base, Recipe


class BuildFailed(Exception):
    """A tool failed; the message holds the end of what it said."""


def base_recipe_text(base: Base) -> str:
    """What decides the content of a base tree, as text to be hashed."""
    return repr(base) + inspect.getsource(build_base)


def guest_recipe_text(recipe: Recipe) -> str:
    """What decides the content of a guest, as text to be hashed."""
    return repr(recipe) + pathlib.Path(__file__).read_text()


def build_base(base: Base, tree: pathlib.Path, log: pathlib.Path) -> None:
    """Installs the packages of `base` and leaves the tree as a tar file."""
    _run(
        [
            "mmdebstrap",
            "--variant=minbase",
            "--components=main",
            "--include=" + ",".join(base.packages),
            # A sandbox's mirror may be a snapshot and its clock may be wrong.
            '--aptopt=Acquire::Check-Valid-Until "false"',
            '--aptopt=Acquire::Check-Date "false"',
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            base.suite,
            str(tree),
            *_mirrors(base.suite),
        ],
        log,
    )


def build_guest(recipe: Recipe, base_tree: pathlib.Path, directory: pathlib.Path, log: pathlib.Path) -> None:
    """Makes disk0.raw, disk1.raw... of `recipe` in `directory`, and guest.json, which describes them."""
    tree = directory / "tree.tar"
    _dress(recipe, base_tree, tree, log)
    disks = [directory / f"disk{number}.raw" for number in range(len(recipe.disks))]
    for attempt in range(4):
        for disk, size in zip(disks, recipe.disks):
            disk.unlink(missing_ok=True)
            _run(["truncate", "-s", size, str(disk)], log)
        try:
            _fill(recipe, tree, disks, log)
            break
        except NamesShuffled:
            if attempt == 3:
                raise
    tree.unlink()
    for disk in disks:
        disk.chmod(0o444)
    description = {
        "name": recipe.name,
        "summary": recipe.summary,
        "suite": recipe.base.suite,
        "firmware": recipe.firmware,
        "efi_entry": recipe.efi_entry,
        "bus": recipe.bus,
        "mac": recipe.mac,
        "user": "root",
        "password": recipe.root_password,
        "disks": [disk.name for disk in disks],
    }
    (directory / "guest.json").write_text(json.dumps(description, indent=2) + "\n")


class NamesShuffled(BuildFailed):
    """The appliance's kernel numbered the disks in another order."""


def _dress(recipe: Recipe, base_tree: pathlib.Path, tree: pathlib.Path, log: pathlib.Path) -> None:
    """Puts the recipe's files over the base tree and runs its script there."""
    files = tree.with_name("files.tar")
    with tarfile.open(files, "w") as archive:
        for path, text in recipe.files:
            member = tarfile.TarInfo("." + path)
            data = text.encode()
            member.size = len(data)
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(data))
    script = f"set -e\necho 'root:{recipe.root_password}' | chpasswd -c SHA512\n{recipe.dress}"
    _run(
        [
            "mmdebstrap",
            "--variant=custom",
            # Its cleanup would empty the machine-id, which the files set.
            "--skip=update,cleanup/reproducible",
            f"--setup-hook=mmtarfilter '--path-exclude=/dev/*' <'{base_tree}' | tar -C \"$1\" -x",
            # After the setup: it copies the host's resolv.conf and hostname.
            f"--customize-hook=tar-in '{files}' /",
            '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap',
            '--customize-hook=chroot "$1" sh -c "$REHOST_DRESS"',
            "",
            str(tree),
        ],
        log,
        REHOST_DRESS=script,
    )
    files.unlink()


def _fill(recipe: Recipe, tree: pathlib.Path, disks: list[pathlib.Path], log: pathlib.Path) -> None:
    """Partitions the disks, unpacks the tree and installs the boot loader, in one appliance."""
    script = tree.with_name("boot-loader.sh")
    script.write_text(f"( {recipe.boot_loader}\n) 2>&1; echo \"boot loader status $?\"\n")
    lines = [
        *(f"add {disk} format:raw cachemode:unsafe" for disk in disks),
        "run",
        *recipe.storage.splitlines(),
        f"tar-in {tree} / xattrs:true",
        f"upload {script} /tmp/boot-loader.sh",
        'sh "sh /tmp/boot-loader.sh"',
        "rm /tmp/boot-loader.sh",
        "umount-all",
        "shutdown",
    ]
    environment = {"LIBGUESTFS_BACKEND": os.environ.get("LIBGUESTFS_BACKEND", "direct")}
    if not qemu.kvm_works():
        environment["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    said = _run(["guestfish"], log, stdin="\n".join(lines) + "\n", **environment)
    script.unlink()
    if "boot loader status 75\n" in said:
        raise NamesShuffled("the appliance's disks came up in another order, four times in a row")
    if "boot loader status 0\n" not in said:
        raise BuildFailed(f"the boot loader script of {recipe.name} failed:\n{said[-2000:]}")


def _mirrors(suite: str) -> list[str]:
    """apt lines for `suite` at the mirrors this machine uses; none means mmdebstrap's own choice."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Origin: Debian", "Identifier: Packages"],
        capture_output=True, text=True, check=False,
    ).stdout
    lines = []
    for target in sorted(set(listed.splitlines())):
        site, release = target.split()
        pocket = release.partition("-")[2]
        lines.append(f"deb {site} {suite}{'-' + pocket if pocket else ''} main")
    return [line for line in dict.fromkeys(lines) if "backports" not in line]


def _run(command: list[str], log: pathlib.Path, stdin: str = "", **environment: str) -> str:
    """Runs a tool with its words going to `log`; returns them, or raises with the last ones."""
    environment = {**os.environ, **environment}
    isolation = []
    scratch = log.with_name("tmp")
    scratch.mkdir()
    if os.geteuid() == 0:
        # What root's mmdebstrap mounts and starts must vanish with it, however it ends. Others need no help: it
        # makes a namespace itself, and a temporary directory under ~ is out of reach in there.
        isolation = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        environment["TMPDIR"] = str(scratch)
    with open(log, "a+", encoding="utf-8", errors="replace") as out:
        before = out.seek(0, os.SEEK_END)
        print("+", " ".join(command), file=out, flush=True)
        try:
            child = subprocess.Popen(
                [*isolation, *command], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, text=True,
                env=environment, start_new_session=True, preexec_fn=qemu.die_with_parent,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise BuildFailed(f"{error.filename} is not installed: run scripts/setup") from None
        try:
            child.communicate(stdin)
        except BaseException:  # also SystemExit, from a signal
            _stop(child)
            raise
        out.seek(before)
        said = out.read()
    if child.returncode != 0:
        raise BuildFailed(f"{command[0]} failed with status {child.returncode}:\n{said[-3000:]}")
    shutil.rmtree(scratch)
    return said


def _stop(tool: subprocess.Popen) -> None:
    """Ends a tool that leads a process group. Its children go first: a tool that fails cleans up behind itself."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # After the name in parentheses: state, parent, process group.
            group = int((process / "stat").read_text().rpartition(")")[2].split()[2])
            if group == tool.pid and int(process.name) != tool.pid:
                os.kill(int(process.name), signal.SIGTERM)
    try:
        tool.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(tool.pid, signal.SIGKILL)
        tool.wait()
