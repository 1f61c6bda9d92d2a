"""A whole conversion of the sample guest, beside the launch of guestfish alone and virt-v2v-in-place."""
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

from .tools import EMULATED, guest_disks, must, sparse_copy, timed


def conversion(rehost, disks, work):
    for old in work.iterdir():
        old.unlink()
    run = must(rehost, "convert", "--quiet", *disks, "--output", work)
    return run.seconds, json.loads((work / "report.json").read_text())


def in_place(rehost, disks, work, *options):
    report = work / "report.json"
    run = must(rehost, "convert", "--quiet", *[sparse_copy(d, work) for d in disks], "--in-place", "--report", report, *options)
    return run.seconds, sum(o["bytes_changed"] for o in json.loads(report.read_text())["outputs"])


def virt_v2v(disks, work):
    """One disk only: its -i disk takes no second."""
    tool = shutil.which("virt-v2v-in-place") or "/usr/libexec/virt-v2v-in-place"
    if not os.path.exists(tool):
        return None
    run = timed(tool, "-i", "disk", sparse_copy(disks[0], work), env=EMULATED)
    if run.status != 0:
        print(f"virt-v2v-in-place fails after {run.seconds:.0f} s: {run.output.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return run.seconds


def phase_medians(reports):
    """Median seconds of each phase; a phase that comes twice counts once, with its sum."""
    sums = []
    for report in reports:
        sums.append({})
        for phase in report["phases"]:
            sums[-1][phase["phase"]] = sums[-1].get(phase["phase"], 0.0) + phase["seconds"]
    return {name: statistics.median(s.get(name, 0.0) for s in sums) for name in sums[0]}


def measure(rehost, runs, with_peer):
    """Prints one table."""
    disks = guest_disks("debian12-bios")
    with tempfile.TemporaryDirectory(prefix="rehost-bench-", dir="/var/tmp") as name:
        work = pathlib.Path(name)
        launches, conversions = [], []
        for _ in range(runs):
            launches.append(must("guestfish", "-a", "/dev/null", "run", env=EMULATED).seconds)
            conversions.append(conversion(rehost, disks, work))
        append_seconds, append_bytes = in_place(rehost, disks, work, "--initramfs", "append")
        repack_seconds, repack_bytes = in_place(rehost, disks, work)
        peer = virt_v2v(disks, work) if with_peer else None
    launch = statistics.median(launches)
    whole = statistics.median(seconds for seconds, _ in conversions)
    rows = [("guestfish launch alone", launch)]
    rows += [(f"phase {p}", s) for p, s in phase_medians([report for _, report in conversions]).items()]
    rows += [
        ("rehost convert --output, whole", whole),
        ("rehost convert --in-place, whole", repack_seconds),
        ("the same with --initramfs append", append_seconds),
    ]
    if peer is not None:
        rows.append(("virt-v2v-in-place, first disk only", peer))
    print("| what | seconds | in launches |\n| --- | --- | --- |")
    for what, seconds in rows:
        print(f"| {what} | {seconds:.1f} | {seconds / launch:.2f} |")
    if peer is not None:
        print(f"\nrehost convert --in-place is {peer / repack_seconds:.1f} times as fast as virt-v2v-in-place")
    print(f"bytes changed in place: {repack_bytes / 2**20:.1f} MiB, with --initramfs append {append_bytes / 2**20:.1f} MiB")
