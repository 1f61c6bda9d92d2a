"""Runs the rehost program for the tests of this directory, and makes small disks for it."""
import contextlib
import fcntl
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import time
import unittest

REHOST = os.environ.get("REHOST", str(pathlib.Path(__file__).resolve().parents[2] / "build/rehost"))
MIB = 1 << 20
# Seconds. No test measures time: machines are busy. Past these something hangs.
RUN_HANGS = 1800
STOP_HANGS = 300  # of a run that was told to stop; the program promises 10 s on a machine that has nothing else to do


def processes_of(directory):
    """Processes that know a path, as pgrep lists them: what has been killed is given its time to end."""
    deadline = time.monotonic() + STOP_HANGS
    while True:
        found = subprocess.run(["pgrep", "-fa", str(directory)], check=False, stdout=subprocess.PIPE, text=True).stdout
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


class CliTest(unittest.TestCase):
    """Gives each test a directory of its own, and looks for debris behind it."""

    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="rehost-cli-", dir="/var/tmp")
        self.dir = pathlib.Path(self.holder.name)
        self.work = self.dir / "work"
        self.work.mkdir()
        self.out = self.dir / "out"
        self.out.mkdir()

    def tearDown(self):
        processes = processes_of(self.dir)
        left = sorted(p.name for p in self.work.iterdir())
        self.holder.cleanup()
        self.assertEqual(left, [], "temporary files are left")
        self.assertEqual(processes, "", "processes are left")

    def rehost(self, *words, **options):
        command = [REHOST, *map(str, words)]
        if words and words[0] in ("inspect", "check", "plan", "convert", "commit", "rollback", "manifest", "verify", "apply-delta"):
            command += ["--work-dir", str(self.work)]
        return subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=RUN_HANGS, **options)

    def refuses(self, code, sentence, *words, **options):
        """The run ends with this exit status and a sentence that has these words."""
        result = self.rehost(*words, **options)
        self.assertEqual(result.returncode, code, f"{words}: {result.stderr}")
        self.assertIn(sentence, result.stderr)
        self.assertNotIn("bug in rehost", result.stderr)
        return result

    def refuses_to_convert(self, code, sentence, *sources):
        """convert refuses, writes a report that says why, and leaves no image."""
        result = self.refuses(code, sentence, "convert", *sources, "--output", self.out)
        report = json.loads((self.out / "report.json").read_text())
        self.assertEqual(report["exit_code"], code)
        self.assertIn(sentence, report["error"])
        self.assertEqual([p.name for p in self.out.iterdir()], ["report.json"])
        return result

    def disk(self, name, size=MIB, content=b""):
        path = self.dir / name
        with open(path, "wb") as file:
            file.write(content)
            file.truncate(size)
        return path

    @contextlib.contextmanager
    def small_disk(self, name, size):
        """A directory of its own file system, so large; what is on it is gone afterwards."""
        where = self.dir / name
        where.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where], check=False).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        try:
            yield where
        finally:
            subprocess.run(["umount", where], check=True)


def sparse_copy(source, target):
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, target], check=True)
    os.chmod(target, 0o644)


def boot_sector(*partitions):
    """An MBR with (start, sectors) partitions of type Linux."""
    sector = bytearray(512)
    for i, (start, sectors) in enumerate(partitions):
        struct.pack_into("<B3sB3sII", sector, 446 + 16 * i, 0, b"\0\0\0", 0x83, b"\0\0\0", start, sectors)
    sector[510:] = b"\x55\xaa"
    return bytes(sector)


def lock_as_qemu_does(path):
    """A writing qemu holds byte 201 of an image (block/file-posix.c, RAW_LOCK_SHARED_BASE + write). Keep the file open."""
    file = open(path, "r+b")
    fcntl.fcntl(file, 37, struct.pack("hhqqixxxx", fcntl.F_RDLCK, os.SEEK_SET, 101, 1, 0))  # F_OFD_SETLK
    fcntl.fcntl(file, 37, struct.pack("hhqqixxxx", fcntl.F_RDLCK, os.SEEK_SET, 201, 1, 0))
    return file
