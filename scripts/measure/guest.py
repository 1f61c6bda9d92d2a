"""A whole conversion of the sample guest, beside the launch of guestfish alone and virt-v2v-in-place.

One launch is that of the stock appliance; rehost converts with its own, which scripts/make-appliance builds first.
"""
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

from .tools import EMULATED, ROOT, guest_disks, must, sparse_copy, timed


def launch(path=None):
    """Seconds that guestfish needs to launch an appliance: the stock one, or that in a directory."""
    environment = {name: value for name, value in EMULATED.items() if name != "LIBGUESTFS_PATH"}
    return must("guestfish", "-a", "/dev/null", "run", env={**environment, **({"LIBGUESTFS_PATH": path} if path else {})}).seconds


def conversion(rehost, appliance, disks, work):
    for old in work.iterdir():
        old.unlink()
    run = must(rehost, "convert", "--quiet", "--appliance", appliance, *disks, "--output", work)
    return run.seconds, json.loads((work / "report.json").read_text())


def in_place(rehost, appliance, disks, work, *options):
    report = work / "report.json"
    copies = [sparse_copy(d, work) for d in disks]
    run = must(rehost, "convert", "--quiet", "--appliance", appliance, *copies, "--in-place", "--report", report, *options)
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
    own = must(ROOT / "scripts/make-appliance").output.splitlines()[-1]
    with tempfile.TemporaryDirectory(prefix="rehost-bench-", dir="/var/tmp") as name:
        work = pathlib.Path(name)
        stock_launches, own_launches, conversions, with_stock = [], [], [], []
        for _ in range(runs):
            stock_launches.append(launch())
            own_launches.append(launch(own))
            conversions.append(conversion(rehost, own, disks, work))
            with_stock.append(conversion(rehost, "stock", disks, work)[0])
        append_seconds, append_bytes = in_place(rehost, own, disks, work, "--initramfs", "append")
        repack_seconds, repack_bytes = in_place(rehost, own, disks, work)
        peer = virt_v2v(disks, work) if with_peer else None
    one_launch = statistics.median(stock_launches)
    rows = [("guestfish launch alone, stock appliance", one_launch), ("the same with rehost's appliance", statistics.median(own_launches))]
    rows += [(f"phase {p}", s) for p, s in phase_medians([report for _, report in conversions]).items()]
    rows += [
        ("rehost convert --output, whole", statistics.median(seconds for seconds, _ in conversions)),
        ("the same with the stock appliance", statistics.median(with_stock)),
        ("rehost convert --in-place, whole", repack_seconds),
        ("the same with --initramfs append", append_seconds),
    ]
    if peer is not None:
        rows.append(("virt-v2v-in-place, first disk only", peer))
    print("| what | seconds | in stock launches |\n| --- | --- | --- |")
    for what, seconds in rows:
        print(f"| {what} | {seconds:.1f} | {seconds / one_launch:.2f} |")
    if peer is not None:
        print(f"\nrehost convert --in-place is {peer / repack_seconds:.1f} times as fast as virt-v2v-in-place")
    print(f"bytes changed in place: {repack_bytes / 2**20:.1f} MiB, with --initramfs append {append_bytes / 2**20:.1f} MiB")
