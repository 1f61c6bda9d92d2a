"""The data plane alone, against qemu-img and nbdcopy on the same disk with a warm cache; and conversions of a disk that
was grown to 400 GiB beside the same disk as it is; and what O_DIRECT would change.

Every result is compared with its source, so a fast wrong copy does not count. rehost hashes every block and its result is
on the disk when it ends; its peers do neither, unless the row says "flushed".
"""
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from .tools import MIB, guest_disks, median, must, sparse_copy

GROWN = 400 << 30


@dataclasses.dataclass(frozen=True)
class Format:
    """A kind of result and the peers that can make it: (name, command); {source} and {result} are put in."""
    name: str
    qemu: str
    peers: tuple


QEMU = ("qemu-img", "convert", "-f", "raw")
FLUSHED = ("-t", "writeback")  # the default of convert is to drop every flush

UNSYNCED = "rehost, with hashes"
SYNCED_OURS = "the same, synced"

FORMATS = (
    Format("raw", "raw", (
        ("qemu-img convert -m 8 -W", (*QEMU, "-m", "8", "-W", "-O", "raw")),
        ("the same, flushed", (*QEMU, *FLUSHED, "-m", "8", "-W", "-O", "raw")),
        ("nbdcopy", ("nbdcopy",)),
    )),
    Format("vmdk", "vmdk", (
        ("qemu-img convert, streamOptimized", (*QEMU, "-O", "vmdk", "-o", "subformat=streamOptimized")),
    )),
    Format("qcow2-compressed", "qcow2", (
        ("qemu-img convert -c -m 8 -W", (*QEMU, "-c", "-m", "8", "-W", "-O", "qcow2")),
        ("qemu-img convert -c", (*QEMU, "-c", "-O", "qcow2")),
    )),
    Format("qcow2", "qcow2", (("qemu-img convert -m 8 -W", (*QEMU, "-m", "8", "-W", "-O", "qcow2")),)),
    Format("vhd", "vpc", (("qemu-img convert -m 8 -W", (*QEMU, "-m", "8", "-W", "-O", "vpc", "-o", "force_size=on")),)),
)


def warm(disk):
    """Reads it, so that nobody waits for the first reading."""
    with open(disk, "rb") as file:
        while file.read(8 * MIB):
            pass


def without_sync(run):
    """A run of image_copy until all is written, which is where qemu-img and nbdcopy end."""
    return dataclasses.replace(run, seconds=run.seconds - float(run.output.split()[0]))


def allocated(path):
    return os.stat(path).st_blocks * 512


def measure_format(format_, copier, disk, work, runs):
    """Prints the rows of one kind of result: the contestants take turns, each begins with nothing there."""
    contestants = {SYNCED_OURS: (copier, disk, format_.name)}
    contestants |= {name: (*command, disk) for name, command in format_.peers}
    done = {name: [] for name in contestants}
    sizes = {}
    for turn in range(runs):
        for name, command in contestants.items():
            result = work / "result"
            os.sync()
            done[name].append(must(*command, result))
            sizes[name] = allocated(result)
            if turn == 0:
                must("qemu-img", "compare", "-f", "raw", "-F", format_.qemu, disk, result)
            result.unlink()
    done = {UNSYNCED: [without_sync(run) for run in done[SYNCED_OURS]], **done}
    sizes[UNSYNCED] = sizes[SYNCED_OURS]
    ours, _ = median(done[UNSYNCED])
    for name, its_runs in done.items():
        seconds, peak = median(its_runs)
        print(f"| {format_.name} | {name} | {seconds:.2f} | {seconds / ours:.2f} | {sizes[name] / MIB:.0f} | {peak / MIB:.0f} |", flush=True)


def converted(rehost, disk, work, *options):
    """Seconds of a whole conversion, of what comes after the appliance is closed, and of all processors, the appliance's too."""
    report = work / "report.json"
    before = os.times()
    run = must(rehost, "convert", "--quiet", disk, "--report", report, *options)
    after = os.times()
    phases = json.loads(report.read_text())["phases"]
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return run.seconds, sum(p["seconds"] for p in phases if p["phase"] in ("manifest", "image")), busy


def measure_growth(rehost, disk, work, runs):
    """In place and as delta: the disk as it is, and with a hole of hundreds of GiB behind it, in turns."""
    sizes = (disk.stat().st_size, GROWN)
    print("\n| conversion | size | whole, s | manifest and image, s | processor, s |\n| --- | --- | --- | --- | --- |")
    for what in ("--in-place", "delta"):
        done = {size: [] for size in sizes}
        for _ in range(runs):
            for size in sizes:
                copy = sparse_copy(disk, work, size)
                out = work / "out"
                out.mkdir()
                options = ("--in-place",) if what == "--in-place" else ("--output", out, "--format", "delta")
                done[size].append(converted(rehost, copy, work, *options))
                subprocess.run(["rm", "-rf", copy, out], check=True)
        medians = {size: [statistics.median(column) for column in zip(*runs_of_size)] for size, runs_of_size in done.items()}
        for size, (whole, last, busy) in medians.items():
            print(f"| {what} | {size / (1 << 30):.0f} GiB | {whole:.1f} | {last:.2f} | {busy:.1f} |", flush=True)
        small, grown = medians.values()
        print(f"| {what} | ratio | {grown[0] / small[0]:.2f} | | {grown[2] / small[2]:.2f} |", flush=True)


def forget(path):
    """So that the next reading comes from the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_direct(reader, disk, work, runs):
    """Reading a raw disk through the page cache and with O_DIRECT, as the copier reads: 512 KiB at a time, four threads."""
    source = work / "direct.raw"
    subprocess.run(["cp", "--sparse=never", disk, source], check=True)
    loop = subprocess.run(["losetup", "--find", "--show", "--read-only", "--direct-io=on", source], stdout=subprocess.PIPE, text=True, check=False)
    devices = [("file", source)] + ([("block device", loop.stdout.strip())] if loop.returncode == 0 else [])
    print("\n| reading | cache | buffered, s | O_DIRECT, s | O_DIRECT / buffered |\n| --- | --- | --- | --- | --- |")
    try:
        for what, path in devices:
            for cache in ("cold", "warm"):
                seconds = {"buffered": [], "direct": []}
                for _ in range(runs):
                    for how, its in seconds.items():
                        forget(path) if cache == "cold" else warm(path)
                        forget(source) if cache == "cold" and path != source else None
                        its.append(float(must(reader, path, how).output.split()[0]))
                buffered, direct = (statistics.median(s) for s in seconds.values())
                print(f"| {what}, {source.stat().st_size / (1 << 30):.0f} GiB | {cache} | {buffered:.2f} | {direct:.2f} | {direct / buffered:.2f} |", flush=True)
    finally:
        if loop.returncode == 0:
            subprocess.run(["losetup", "--detach", loop.stdout.strip()], check=True)
        source.unlink()


def measure(rehost, runs, parts):
    """Prints a table for each of the parts."""
    build = rehost.resolve().parent
    must("ninja", "-C", build, "image_copy", "direct_reads")
    disk = guest_disks("debian12-bios")[0]
    with tempfile.TemporaryDirectory(prefix="rehost-bench-", dir="/var/tmp") as name:
        work = pathlib.Path(name)
        if "formats" in parts:
            source = sparse_copy(disk, work)
            warm(source)
            print(f"{source.stat().st_size / (1 << 30):.0f} GiB, {allocated(source) / MIB:.0f} MiB of data, medians of {runs}\n")
            print("| result | program | seconds | to rehost's | MiB written | peak MiB |\n| --- | --- | --- | --- | --- | --- |")
            for format_ in FORMATS:
                measure_format(format_, build / "tests/image_copy", source, work, runs)
            source.unlink()
        if "direct" in parts:
            measure_direct(build / "tests/direct_reads", disk, work, runs)
        if "growth" in parts:
            measure_growth(rehost, disk, work, min(runs, 3))
