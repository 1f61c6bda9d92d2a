#!/usr/bin/env python3
"""Boots a guest from NVMe before and after its conversion: before it must fail, after it must reach a login.

  boot_test.py REHOST GUEST

REHOST is the program under test, GUEST a recipe of scripts/make-guest. Exit status 0 or 1; every step prints what it saw.
"""
import dataclasses
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPTS = ROOT / "scripts"
MIB = 1 << 20


@dataclasses.dataclass
class Expectation:
    """What one guest must show."""
    before: str = "initramfs-shell,root-missing"
    mounts: tuple = ("/",)            # all of them from an NVMe disk, or a mapping above one
    swaps: int = 0
    boot_options: tuple = ()
    through_efi_entry: bool = False   # before: started as its old firmware did, which remembers its loader
    list_initramfs: str = "lsinitramfs"
    initramfs: str = "/boot/initrd.img-*"
    menus: str = "/boot/grub/grub.cfg"
    most_changed: int = 32 * MIB
    convert_options: tuple = ()
    in_place: bool = False            # also converted in place, with --initramfs append
    files_without_names: tuple = ("/etc/fstab",)
    half: bool = False                # also converted and booted with the first disk alone
    asked: tuple = ()                 # (shell command in the converted guest that must succeed, what it shows)


SNAPSHOT = "/.snapshots/2/snapshot"

DRACUT_MENUS = "/boot/efi/EFI/centos/grub.cfg /boot/grub2/grub.cfg"
BLS_FILES = "/boot/loader/entries/*debug.conf /etc/kernel/cmdline /boot/grub/grub.cfg /boot/grub/grubenv"
SYSTEMD_BOOT_FILES = "/boot/efi/loader/entries/*.conf /etc/kernel/cmdline"
NO_NAMES = "! grep -E 'root=/dev/(sd|nvme)' {0} && ! grep -L 'root=UUID=' {0} | grep ."

GUESTS = {
    "debian12-bios": Expectation(mounts=("/", "/data"), swaps=1, in_place=True),
    "debian13-uefi": Expectation(before="no-boot", mounts=("/", "/boot/efi"), swaps=1, boot_options=("--uefi",)),
    "debian12-lvm": Expectation(
        mounts=("/", "/boot"), swaps=1,
        asked=(
            ("! test -e /etc/lvm/devices/system.devices", "LVM is not held to the serial numbers of old disks"),
            ("pvs --noheadings -o pv_name | grep -q nvme", "and its filter lets NVMe disks through"),
        ),
    ),
    "debian12-md": Expectation(
        mounts=("/", "/boot"), swaps=1, half=True,
        asked=(("test -b /dev/md/0 -a -b /dev/md1 -a -b /dev/md2", "the arrays have the names that they had"),),
    ),
    "debian12-volumes": Expectation(
        mounts=("/", "/usr", "/var", "/var/log", "/home", "/srv"), swaps=1,
        asked=(
            ("! grep -E '^[^#]*/dev/disk/' /etc/fstab", "disks are no longer known by their places and serial numbers"),
            ("findmnt -no FSROOT /srv | grep -qx /srv && grep -q works /srv/index.html", "the bind mount is there"),
        ),
    ),
    "debian13-dracut": Expectation(
        before="root-missing,dracut-shell", through_efi_entry=True, mounts=("/", "/boot/efi"), boot_options=("--uefi",),
        list_initramfs="lsinitrd", menus=DRACUT_MENUS, most_changed=64 * MIB,
        asked=(
            ("uname -r | grep -v -e -rt-", "the kernel that was saved as default runs, not the first of the menu"),
            (NO_NAMES.format(DRACUT_MENUS), "both menus say root=UUID"),
        ),
    ),
    "debian12-bls": Expectation(
        menus=BLS_FILES,
        asked=(
            ("! grep -q systemd.log_level=debug /proc/cmdline", "the saved entry was started, not the first"),
            (NO_NAMES.format(BLS_FILES),
             "entries, cmdline, menu and grubenv say root=UUID"),
            (f"update-grub && {NO_NAMES.format('/boot/grub/grub.cfg')} && grep -q io_timeout /boot/grub/grub.cfg",
             "and so does a menu made anew"),
        ),
    ),
    "debian13-systemd-boot": Expectation(
        through_efi_entry=True, mounts=("/", "/boot/efi"), boot_options=("--uefi",),
        initramfs="/boot/initrd.img-* /boot/efi/*/*/initrd.img-*", menus=SYSTEMD_BOOT_FILES,
        asked=((NO_NAMES.format(SYSTEMD_BOOT_FILES), "entries and cmdline say root=UUID"),),
    ),
    "debian12-arm64": Expectation(before="no-boot", mounts=("/", "/boot/efi"), boot_options=("--uefi", "--arch", "arm64")),
    "debian11-btrfs": Expectation(
        mounts=("/", "/home", "/var", "/.snapshots"), swaps=1,
        asked=(
            ("findmnt -no FSROOT / | grep -qx /@rootfs", "the root is the subvolume that it was"),
            (f"grep -q '^/dev/sda1 / .*subvol=@rootfs' {SNAPSHOT}/etc/fstab", "a snapshot's fstab is untouched"),
            (f"! grep -q nvme_core {SNAPSHOT}/boot/grub/grub.cfg", "and so is its boot menu"),
        ),
    ),
}

failures = []


def check(fine, sentence):
    print(f"  {'ok  ' if fine else 'FAIL'} {sentence}", flush=True)
    if not fine:
        failures.append(sentence)


def run(*words, **options):
    print("+", " ".join(str(w) for w in words), flush=True)
    return subprocess.run([str(w) for w in words], check=False, text=True, **options)


def fingerprint(disks):
    """Content and allocation of files that must not change."""
    found = []
    for disk in disks:
        digest = hashlib.blake2b()
        with open(disk, "rb") as file:
            while chunk := file.read(MIB):
                digest.update(chunk)
        stat = os.stat(disk)
        found.append((digest.hexdigest(), stat.st_mtime_ns, stat.st_blocks))
    return found


def boot(disks, expectation, verdict, *options):
    command = [SCRIPTS / "boot-guest", "--json", "--timeout", 900, "--run-timeout", 600, "--expect", verdict, *expectation.boot_options, *options, *disks]
    result = run(*command, stdout=subprocess.PIPE)
    try:
        answer = json.loads(result.stdout)
    except json.JSONDecodeError:
        answer = {"verdict": "nothing", "seconds": 0}
    fine = result.returncode == 0
    check(fine, f"verdict {answer['verdict']} after {answer['seconds']:.0f} s, wanted {verdict}")
    for line in [] if fine else answer.get("last_words", []):
        print("    |", line)
    return answer


def convert(rehost, disks, *options):
    result = run(rehost, "convert", *disks, *options)
    check(result.returncode == 0, f"rehost convert ends with {result.returncode}, wanted 0")
    return result.returncode == 0


def changed_bytes(report):
    return sum(output["bytes_changed"] for output in report["outputs"])


def answer_sheet(answer, expectation):
    """What AWS's own checker asks (aws-support-tools, NitroInstanceChecks), and what a user would."""
    facts = answer.get("facts") or {}
    mounts = {m["target"]: m["source"] for m in facts.get("mounts") or []}
    for target in expectation.mounts:
        source = mounts.get(target, "nothing")
        check(source.startswith(("/dev/nvme", "/dev/mapper/", "/dev/md")), f"{target} is mounted from {source}")
    check(len(facts.get("swaps", [])) == expectation.swaps, f"swaps: {facts.get('swaps')}")
    check(facts.get("system_state") == "running", f"system {facts.get('system_state')}, failed units {facts.get('failed_units')}")
    check("nvme_core.io_timeout=4294967295" in facts.get("cmdline", ""), f"command line {facts.get('cmdline')}")
    runs = {r["command"]: r for r in answer.get("runs", [])}
    for command, sentence in questions(expectation):
        done = runs.get(command, {"status": "not run", "output": ""})
        check(done["status"] == 0, f"{sentence}: {command}: status {done['status']}, {done['output'][-200:].strip()!r}")


ASKED = (
    ("modinfo -F filename ena", "modinfo knows ena"),
    ("modprobe ena", "ena can be loaded"),
    ("! grep -E '^[^#]*/dev/(sd|vd|xvd|hd|nvme)' /etc/fstab", "no device names in fstab"),
    ("systemctl is-active serial-getty@ttyS0", "a login on the EC2 serial console"),
    # dhcpcd of Debian 13 probes the address that it is offered, and has it seconds after the login.
    ("timeout 60 sh -c 'until ip -4 -br address show scope global | grep \" 10[.]0[.]2[.]\"; do sleep 1; done'", "an address by DHCP"),
)


def questions(expectation):
    """Shell commands that must succeed in the converted guest, and what that shows."""
    lister, images, menus = expectation.list_initramfs, expectation.initramfs, expectation.menus
    return (
        (f"for i in {images}; do {lister} $i | grep -q '/nvme[.]ko' || exit 1; done", "every initramfs shows nvme"),
        (f"! grep -L io_timeout=4294967295 {menus} | grep .", "io_timeout in every menu"),
        *ASKED, *expectation.asked,
    )


def after(rehost, disks, expectation, password):
    commands = [word for command, _ in questions(expectation) for word in ("--run", command)]
    answer = boot(disks, expectation, "login", "--login", f"root:{password}", "--facts", *commands)
    answer_sheet(answer, expectation)
    result = run(rehost, "plan", "--json", "--quiet", *disks, stdout=subprocess.PIPE)
    edits = json.loads(result.stdout)["edits"] if result.returncode == 0 else "no plan"
    check(edits == [], f"a second plan is empty: {edits if not edits else [e['summary'] for e in edits]}")


def in_place(rehost, originals, work):
    disks = [work / f"in-place-{pathlib.Path(d).name}" for d in originals]
    for original, copy in zip(originals, disks):
        run("cp", "--sparse=always", "--reflink=auto", original, copy)
        os.chmod(copy, 0o644)
    report = work / "in-place.json"
    if convert(rehost, disks, "--in-place", "--initramfs", "append", "--report", report):
        changed = changed_bytes(json.loads(report.read_text()))
        check(changed < 8 * MIB, f"{changed / MIB:.1f} MiB changed in place with append, under 8")
        result = run(rehost, "check", *disks)
        check(result.returncode == 0, f"rehost check of what was converted in place: {result.returncode}")


def missing_disk(rehost, originals):
    """A disk that was not given must not keep the machine from booting."""
    result = run(rehost, "plan", "--json", "--quiet", originals[0], stdout=subprocess.PIPE)
    plan = json.loads(result.stdout) if result.returncode == 0 else {"warnings": [], "edits": []}
    check("fstab-disk-not-given" in [w["code"] for w in plan["warnings"]], "a missing second disk is a warning")
    diffs = "".join(e["diff"] for e in plan["edits"] if e["fix"] == "fstab")
    check(any(line.startswith("+/dev/sdb1") and "nofail" in line for line in diffs.splitlines()), "and its entry gets nofail")


def half(rehost, originals, work, expectation, password):
    """One half of a mirror is a machine, too: it starts degraded, and the plan says so."""
    out = work / "half"
    out.mkdir()
    if not convert(rehost, originals[:1], "--output", out):
        return
    report = json.loads((out / "report.json").read_text())
    subjects = sorted(w["subject"] for w in report["warnings"] if w["code"] == "md-member-missing")
    check(subjects == ["/dev/md/0", "/dev/md/1", "/dev/md/2"], f"a missing member is a warning for each array: {subjects}")
    check(changed_bytes(report) < expectation.most_changed, f"{changed_bytes(report) / MIB:.1f} MiB changed")
    after(rehost, [out / originals[0].name], expectation, password)


def efi_entry_of(description, expectation):
    """With it, what fails is Linux; without it, the firmware has nothing to start."""
    return ("--efi-entry", description["efi_entry"]) if expectation.through_efi_entry else ()


def test(rehost, name, work):
    expectation = GUESTS[name]
    guest = pathlib.Path(run(SCRIPTS / "make-guest", name, stdout=subprocess.PIPE).stdout.strip().splitlines()[-1])
    description = json.loads((guest / "guest.json").read_text())
    originals = [guest / disk for disk in description["disks"]]
    untouched = fingerprint(originals)

    boot(originals, expectation, expectation.before, *efi_entry_of(description, expectation))
    if not convert(rehost, originals, "--output", work, *expectation.convert_options):
        return
    report = json.loads((work / "report.json").read_text())
    check(report["outcome"] == "done", f"the report says {report['outcome']}")
    check(changed_bytes(report) < expectation.most_changed, f"{changed_bytes(report) / MIB:.1f} MiB changed")
    check(fingerprint(originals) == untouched, "the sources are untouched")
    after(rehost, [work / pathlib.Path(d).name for d in originals], expectation, description["password"])
    if expectation.half:
        half(rehost, originals, work, expectation, description["password"])
    if expectation.in_place:
        in_place(rehost, originals, work)
        missing_disk(rehost, originals)


def main():
    rehost, name = sys.argv[1:]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rehost-boot-", dir="/var/tmp") as work:
        test(pathlib.Path(rehost).resolve(), name, pathlib.Path(work))
        left = [p.name for p in pathlib.Path(work).iterdir() if p.name.endswith(".partial")]
        check(not left, f"no partial files are left: {left}")
    print(f"{name}: {len(failures)} failures in {time.monotonic() - started:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
