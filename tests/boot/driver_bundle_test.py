#!/usr/bin/env python3
"""Takes nvme.ko and ena.ko from a real guest and gives them back from a driver bundle: then it must boot from NVMe.

  driver_bundle_test.py REHOST

REHOST is the program under test. The bundle is made with `rehost drivers add` from the modules of the guest's own
kernel package. Exit status 0 or 1; every step prints what it saw.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import boot_test  # noqa: E402
from boot_test import SCRIPTS, Expectation, boot, check, run  # noqa: E402

GUEST = "debian12-bios"
TAKEN = ("nvme/host/nvme.ko", "net/ethernet/amazon/ena/ena.ko")
INSTALLED = "/lib/modules/$(uname -r)/updates/rehost"
ASKED = [
    (f"modinfo -F filename nvme | grep -qx {INSTALLED}/nvme.ko", "modinfo finds the bundle's nvme"),
    (f"modinfo -F filename ena | grep -qx {INSTALLED}/ena.ko", "modinfo finds the bundle's ena"),
    ("modprobe ena && grep -q '^ena ' /proc/modules", "ena is loaded"),
    ("grep -q '^nvme ' /proc/modules", "nvme is loaded"),
    ("lsinitramfs /boot/initrd.img-$(uname -r) | grep -q 'updates/rehost/nvme[.]ko$'", "the initramfs has it"),
    ("grep -qx nvme /etc/initramfs-tools/modules", "later initramfs images get nvme"),
    # What the next kernel package does to this kernel's index must not undo ours. (Several orders of dependencies are right.)
    ("cd /lib/modules/$(uname -r) && words() { tr ' ' '\\n' < modules.dep | sort | cksum; } && ours=$(words) && depmod && test \"$ours\" = \"$(words)\"",
     "the guest's own depmod comes to the same modules.dep"),
    (f"modprobe --show-depends ena | grep -q {INSTALLED}/ena.ko", "and still chooses the bundle's ena"),
]


def take_drivers(disk, into):
    """Moves the modules out of the guest, as if its kernel package had never had them. Returns the kernel's release."""
    into.mkdir()
    script = ["run", "mount /dev/sda1 /"]
    for name in TAKEN:
        script += [f"glob copy-out /lib/modules/*/kernel/drivers/{name} {into}", f"glob rm /lib/modules/*/kernel/drivers/{name}"]
    script += ["sh 'depmod $(ls /lib/modules)'", "ls /lib/modules"]
    environment = dict(os.environ, LIBGUESTFS_BACKEND="direct", LIBGUESTFS_BACKEND_SETTINGS="force_tcg")
    said = subprocess.run(["guestfish", "--format=raw", "-a", disk], check=True, text=True, input="\n".join(script) + "\n",
                          stdout=subprocess.PIPE, env=environment).stdout
    return said.split()[-1]


def make_bundle(rehost, modules, bundle, release):
    files = sorted(modules.iterdir())
    result = run(rehost, "drivers", "add", bundle, *files)
    check(result.returncode == 0, f"drivers add ends with {result.returncode}, wanted 0")
    listed = json.loads(run(rehost, "drivers", "list", "--json", "--driver-bundle", bundle, stdout=subprocess.PIPE).stdout)
    found = [(m["release"], m["name"], m["license"]) for m in listed["bundles"][0]["modules"]]
    check(found == [(release, "ena", "GPL"), (release, "nvme", "GPL")], f"the bundle has {found}")
    result = run(rehost, "drivers", "verify", bundle)
    check(result.returncode == 0, f"drivers verify ends with {result.returncode}, wanted 0")


def without_bundle(rehost, disks, work):
    """The drivers are nowhere: the run says so and writes nothing."""
    output = work / "without"
    output.mkdir()
    result = run(rehost, "convert", "--quiet", *disks, "--output", output)
    check(result.returncode == 8, f"without a bundle convert ends with {result.returncode}, wanted 8")
    said = json.loads((output / "report.json").read_text())
    missing = sorted(w["sentence"].split(" has no ")[-1].split()[0] for w in said["warnings"] if w["code"] == "driver-missing")
    check(missing == ["ena", "nvme"], f"missing drivers: {missing}")
    check([p.name for p in output.iterdir()] == ["report.json"], "and nothing is written")


def test(rehost, work):
    guest = pathlib.Path(run(SCRIPTS / "make-guest", GUEST, stdout=subprocess.PIPE).stdout.strip().splitlines()[-1])
    description = json.loads((guest / "guest.json").read_text())
    originals = [guest / disk for disk in description["disks"]]
    stripped = work / "stripped.raw"
    run("cp", "--sparse=always", "--reflink=auto", originals[0], stripped)
    stripped.chmod(0o644)
    release = take_drivers(stripped, work / "modules")
    bundle = work / "bundle"
    make_bundle(rehost, work / "modules", bundle, release)

    disks = [stripped, *originals[1:]]
    without_bundle(rehost, disks, work)
    output = work / "output"
    output.mkdir()
    if not boot_test.convert(rehost, disks, "--driver-bundle", bundle, "--output", output):
        return
    converted = [output / disk.name for disk in disks]
    commands = [word for command, _ in ASKED for word in ("--run", command)]
    answer = boot(converted, Expectation(), "login", "--login", f"root:{description['password']}", *commands)
    for (command, sentence), done in zip(ASKED, answer.get("runs") or [{"status": "not run", "output": ""}] * len(ASKED)):
        check(done["status"] == 0, f"{sentence}: status {done['status']}, {done['output'][-200:].strip()!r}")
    result = run(rehost, "plan", "--json", "--quiet", "--driver-bundle", bundle, *converted, stdout=subprocess.PIPE)
    edits = json.loads(result.stdout)["edits"] if result.returncode == 0 else "no plan"
    check(edits == [], f"a second plan is empty: {edits if not edits else [e['summary'] for e in edits]}")


def main():
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rehost-bundle-", dir="/var/tmp") as work:
        test(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(work))
    print(f"driver-bundle: {len(boot_test.failures)} failures in {time.monotonic() - started:.0f} s")
    return 1 if boot_test.failures else 0


if __name__ == "__main__":
    sys.exit(main())
