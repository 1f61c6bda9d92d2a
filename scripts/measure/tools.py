"""What every measurement needs: a program's seconds and memory, a guest of make-guest, a copy of a disk."""
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EMULATED = {**os.environ, "LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a program."""
    seconds: float
    peak_bytes: int   # of the process itself, not of its children
    status: int
    output: str


def peak_so_far(pid):
    """VmHWM of proc(5). The ru_maxrss of getrusage(2) would count what this Python had when it forked."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def timed(*words, env=None):
    """Runs a program to its end."""
    started = time.monotonic()
    process = subprocess.Popen([str(w) for w in words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak = 0
    while True:
        try:
            output, _ = process.communicate(timeout=0.02)
            return Run(time.monotonic() - started, peak, process.returncode, output)
        except subprocess.TimeoutExpired:
            peak = max(peak, peak_so_far(process.pid))


def must(*words, env=None):
    """As timed(); a program that fails ends the measurement."""
    run = timed(*words, env=env)
    if run.status != 0:
        sys.exit(f"bench: {' '.join(str(w) for w in words)} fails: {run.output}")
    return run


def median(runs):
    """The median of their seconds and the largest of their peaks, as (seconds, bytes)."""
    return statistics.median(r.seconds for r in runs), max(r.peak_bytes for r in runs)


def guest_disks(name):
    """The disks of a guest, which must not be written."""
    made = subprocess.run([ROOT / "scripts/make-guest", name], check=True, stdout=subprocess.PIPE, text=True)
    guest = pathlib.Path(made.stdout.split()[-1])
    return [guest / disk for disk in json.loads((guest / "guest.json").read_text())["disks"]]


def sparse_copy(disk, directory, size=None):
    """A copy that may be written, with as much hole at its end as makes `size`."""
    copy = directory / pathlib.Path(disk).name
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", disk, copy], check=True)
    copy.chmod(0o644)
    if size is not None:
        os.truncate(copy, size)
    return copy
