#!/usr/bin/env python3
"""The real program under real faults: killed, stopped, run twice, on full disks. Afterwards a source is untouched or completely
converted, and no final name holds a partial file. Launches the appliance.

The guest is debian12-bios of scripts/make-guest, which has two disks. REHOST_SEED repeats the random times of an earlier run.
"""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from rehost_cli import REHOST, RUN_HANGS, STOP_HANGS, CliTest, processes_of, sparse_copy

MAKE_GUEST = pathlib.Path(__file__).resolve().parents[2] / "scripts/make-guest"
DISKS = ("disk0.raw", "disk1.raw")
SEED = int(os.environ.get("REHOST_SEED", random.SystemRandom().randrange(1 << 32)))
APPEND = ("--initramfs", "append")  # the shortest apply; what it writes is not the question here


def manifest(*disks):
    """What these disks hold."""
    words = [[REHOST, "manifest", "--quiet", str(disk)] for disk in disks]
    return [subprocess.run(w, check=True, stdout=subprocess.PIPE, text=True).stdout for w in words]


class Run:
    """A rehost that is under way. Its directory gets its work files, events and report."""

    def __init__(self, directory, *words):
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.work = directory / "work"
        self.work.mkdir(exist_ok=True)
        self.events = directory / "events.jsonl"
        self.events.write_text("")
        self.report = directory / "report.json"
        self.process = subprocess.Popen(
            [REHOST, *map(str, words), "--quiet", "--work-dir", self.work, "--events", self.events, "--report", self.report],
            stderr=subprocess.PIPE, text=True)

    def wait_for(self, phase, times=1):
        """Until the phase has begun for the nth time, or the run is over."""
        while self.process.poll() is None and self.events.read_text().count(f'"phase_started","phase":"{phase}"') < times:
            time.sleep(0.005)

    def end(self, timeout=RUN_HANGS):
        """Exit status and what it said."""
        _, stderr = self.process.communicate(timeout=timeout)
        return self.process.returncode, stderr

    def kill(self):
        self.process.kill()
        self.end()

    def left_behind(self):
        """Files in its work directory, and processes that know it, a little later."""
        found = processes_of(self.directory)
        return sorted(p.name for p in self.work.iterdir()), found


class Journal:
    """What images/journal.h says, read from here: (disk, offset, before, after) of every entry."""

    def __init__(self, path):
        data = path.read_bytes()
        magic, volumes, entries, table, _ = struct.unpack_from("<8s4Q", data)
        assert magic == b"RHJRNL02"
        at = table
        self.disks = []

        def texts(count):
            nonlocal at
            for _ in range(count):
                length, = struct.unpack_from("<I", data, at)
                at += 4 + length
                yield data[at - length:at].decode()

        for _ in range(volumes):
            at += 8  # size
            _, path, _ = texts(3)
            at += 8  # inode
            self.disks.append(path)
            _, _ = texts(2)  # as seen from the journal; the manifest
        self.entries = []
        for _ in range(entries):
            disk, offset, length, position = struct.unpack_from("<4Q", data, at)
            at += 64
            self.entries.append((disk, offset, data[position:position + length], data[position + length:position + 2 * length]))

    def put(self, which):
        """Writes all bytes as they were before (0) or as they shall be (1)."""
        files = [open(disk, "r+b") for disk in self.disks]
        for disk, offset, *bytes_ in self.entries:
            files[disk].seek(offset)
            files[disk].write(bytes_[which])
        for file in files:
            file.close()

    def hold(self, which):
        """Do the disks hold these bytes, all of them?"""
        files = [open(disk, "rb") for disk in self.disks]
        with contextlib.ExitStack() as stack:
            for file in files:
                stack.enter_context(file)
            for disk, offset, *bytes_ in self.entries:
                files[disk].seek(offset)
                if files[disk].read(len(bytes_[which])) != bytes_[which]:
                    return False
        return True


class Faults(CliTest):
    @classmethod
    def setUpClass(cls):
        print(f"REHOST_SEED={SEED}", file=sys.stderr)
        made = subprocess.run([MAKE_GUEST, "debian12-bios"], check=True, stdout=subprocess.PIPE, text=True)
        cache = pathlib.Path(made.stdout.strip().splitlines()[-1])
        holder = tempfile.TemporaryDirectory(prefix="rehost-cli-", dir="/var/tmp")
        cls.addClassCleanup(holder.cleanup)
        cls.guest = pathlib.Path(holder.name)
        for name in DISKS:  # the cached ones may be in use by another test
            sparse_copy(cache / name, cls.guest / name)
        cls.originals = manifest(*(cls.guest / name for name in DISKS))

    def setUp(self):
        super().setUp()
        self.random = random.Random(f"{SEED} {self.id()}")

    def copies(self, where, *names):
        where.mkdir(exist_ok=True)
        for name in names:
            sparse_copy(self.guest / name, where / name)
        return [where / name for name in names]

    def assert_ended(self, run, wanted, *sentences):
        status, stderr = run.end()
        self.assertEqual(status, wanted, stderr)
        report = json.loads(run.report.read_text())
        self.assertEqual(report["exit_code"], wanted)
        for sentence in sentences:
            self.assertIn(sentence, report["error"])
        self.assertEqual(run.left_behind(), ([], ""))

    # Killed.

    def test_kill_9_before_the_commit_and_then_in_it(self):
        disks = self.copies(self.dir / "machine", *DISKS)
        words = ("convert", *disks, "--in-place", *APPEND)
        phase = self.random.choice(("launch", "inspect", "plan", "apply", "close"))
        run = Run(self.dir / "early", *words)
        run.wait_for(phase)
        if phase != "close":  # what follows it is the commit
            time.sleep(self.random.random())
        run.kill()
        self.assertEqual(run.left_behind()[1], "", f"killed in {phase}")
        self.assertEqual(manifest(*disks), self.originals, f"killed in {phase}")
        self.assertEqual(sorted(p.name for p in (self.dir / "machine").iterdir()), list(DISKS))

        journal_path = self.dir / "machine/disk0.raw.rehost-journal"
        mark = self.dir / "machine/disk1.raw.rehost-journal"
        run = Run(self.dir / "early", *words)  # what the killed one left in its work directory does not matter
        self.kill_in_the_commit(run, journal_path, mark)
        self.refuse_half_written(disks)
        self.commit_elsewhere(journal_path)
        self.commit_or_roll_back(disks, Journal(journal_path), journal_path, mark)

    def kill_in_the_commit(self, run, journal_path, mark):
        """A commit may be over before anybody sees its journal. Then the journal is put back where it was: so it is after a kill between
        the last write and the removal."""
        kept = self.dir / "journal"
        kept.touch()
        os.link(kept, f"{journal_path}.partial")  # the run writes into what a killed one has left there, and so into the kept one
        while run.process.poll() is None and not journal_path.exists():
            pass
        run.process.kill()
        status, stderr = run.end()
        if not journal_path.exists():
            print("the commit was over before it was killed", file=sys.stderr)
            self.assertIn(status, (0, -signal.SIGKILL), stderr)
            self.assertGreater(kept.stat().st_size, 0)
            os.link(kept, journal_path)
        if not mark.is_symlink():  # made after the journal, before anything is written
            mark.symlink_to(journal_path.name)

    def refuse_half_written(self, disks):
        """One disk alone, too, is known to be half of something."""
        for words in (("inspect", *disks), ("manifest", disks[0]), ("manifest", disks[1]), ("inspect", disks[1]),
                      ("convert", disks[1], "--output", self.out), ("commit", disks[1]), ("rollback", disks[0])):
            result = self.refuses(5, "rehost rollback", *words)
            self.assertIn("disk0.raw.rehost-journal", result.stderr)
        (self.out / "report.json").unlink()

    def commit_elsewhere(self, journal_path):
        """A copy of the whole directory, elsewhere, is finished there, and gets the manifests that the killed run owed. What lies here
        stays as it is."""
        copy = self.dir / "elsewhere"
        subprocess.run(["cp", "-r", "--sparse=always", "--preserve=links,xattr", journal_path.parent, copy], check=True)
        for owed in (self.dir / "early").glob("*.manifest*"):
            owed.unlink()
        words = ("commit", *(copy / name for name in DISKS), "--report", self.dir / "early/commit.json")
        result = self.rehost(*words)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(p.name for p in copy.iterdir()), list(DISKS))
        owed = [self.dir / f"early/rehost-disk{i}.manifest" for i in range(2)]
        self.assertEqual([p.read_text() for p in owed], manifest(*(copy / name for name in DISKS)))
        outputs = json.loads((self.dir / "early/commit.json").read_text())["outputs"]
        self.assertEqual([o["manifest"] for o in outputs], [str(p) for p in owed])
        self.assertTrue(journal_path.exists())

    def commit_or_roll_back(self, disks, journal, journal_path, mark):
        """One situation, put up again and again: commit and rollback are killed at random times until one of them is done."""
        content = journal_path.read_bytes()
        journal_path.unlink()  # with it nobody would look at the disks, nor with a mark
        mark.unlink()
        for disk in disks:
            with contextlib.suppress(OSError):  # killed before it was made
                os.removexattr(disk, "user.rehost.journal")
        self.assertEqual([pathlib.Path(d).name for d in journal.disks], list(DISKS))
        journal.put(1)
        converted = manifest(*disks)
        self.assertNotEqual(converted, self.originals)
        journal.put(0)
        self.assertEqual(manifest(*disks), self.originals)

        def put_up():
            journal.put(0)
            journal_path.write_bytes(content)
            if not mark.is_symlink():
                mark.symlink_to(journal_path.name)

        def start(command):
            return subprocess.Popen([REHOST, command, "--quiet", *disks, "--work-dir", self.work], stderr=subprocess.PIPE, text=True)

        def complete(command):
            """Seconds that it took."""
            began = time.monotonic()
            process = start(command)
            _, stderr = process.communicate(timeout=RUN_HANGS)
            self.assertEqual(process.returncode, 0, stderr)
            return time.monotonic() - began

        put_up()
        took = whole = complete("commit")
        kills = {"commit": 0, "rollback": 0}
        i = 0
        while i < 12 or (kills["commit"] <= 5 and i < 200):
            put_up()
            command = "commit"
            for _ in range(self.random.randint(1, 4)):
                command = self.random.choice(("commit", "commit", "rollback"))
                process = start(command)
                time.sleep((0.1 + self.random.random() ** 2) * whole)  # rather early: the manifests take most of it
                process.kill()
                process.communicate()
                kills[command] += process.returncode == -signal.SIGKILL
                if not journal_path.exists():
                    whole *= 0.9  # the machine may be less busy than it was
                    break
                whole = min(took, whole * 1.05)
            if journal_path.exists():
                command = self.random.choice(("commit", "rollback"))
                complete(command)
            self.assertTrue(journal.hold(int(command == "commit")), f"round {i}: {command} ended, and that is not what the disks hold")
            self.assertFalse(mark.exists(), f"round {i}")
            if i % 4 == 0:
                self.assertEqual(manifest(*disks), converted if command == "commit" else self.originals, f"round {i}")
            i += 1
        for command, which in (("commit", 1), ("rollback", 0)):  # SIGTERM waits for the end of what has begun
            put_up()
            process = start(command)
            time.sleep(self.random.random() * took)
            process.terminate()
            process.communicate(timeout=STOP_HANGS)
            self.assertIn(process.returncode, (0, 9, -signal.SIGTERM))
            self.assertNotEqual(process.returncode == 0, journal_path.exists())
            if journal_path.exists():
                complete(command)
            self.assertTrue(journal.hold(which), f"{command}, stopped")
        print(f"killed: {kills}; a commit takes {took:.2f} s", file=sys.stderr)
        self.assertGreater(kills["commit"], 5)
        self.rehost("inspect", self.disk("any.raw"))  # whoever is next cleans up what the killed ones left in the work directory
        put_up()
        self.assertEqual(self.rehost("rollback", *disks).returncode, 0)
        self.assertEqual(manifest(*disks), self.originals)
        self.assertEqual(sorted(p.name for p in (self.dir / "machine").iterdir()), list(DISKS))

    # Stopped.

    def test_sigterm_in_every_phase(self):
        phases = [("verify-source", 1), ("open", 1), ("launch", 1), ("inspect", 1), ("check", 1), ("plan", 1), ("apply", 1), ("check", 2),
                  ("close", 1), ("manifest", 1), ("image", 1), ("verify", 1), ("commit", 1)]
        (self.dir / "source.manifest").write_text(self.originals[0])
        machines = [self.copies(self.dir / f"machine{i}", DISKS[0])[0] for i in range(2)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            # An odd and an even one at the same time, each from a source of its own.
            lanes = [pool.submit(lambda lane: [self.stopped(machines[lane], *phase) for phase in phases[lane::2]], lane) for lane in range(2)]
        for lane in lanes:
            lane.result()

    def stopped(self, disk, phase, times):
        directory = self.dir / f"{phase}-{times}"
        out = directory / "out"
        out.mkdir(parents=True)
        # A commit is short: with its journal on the way it is the image phase in place.
        place = ("--in-place", "--no-manifest") if phase == "commit" else ("--output", out, "--verify")
        if phase == "manifest":
            place += ("--format", "delta")
        if phase == "verify-source":
            place += ("--source-manifest", self.dir / "source.manifest")
        run = Run(directory, "convert", disk, *place, *APPEND)
        run.wait_for("image" if phase == "commit" else phase, times)
        run.process.send_signal(signal.SIGTERM)
        status, stderr = run.end(STOP_HANGS)
        report = json.loads(run.report.read_text())
        with self.subTest(phase=phase, times=times):
            self.assertEqual(report["exit_code"], status)
            self.assertEqual(run.left_behind(), ([], ""))
            self.assertEqual(list(out.iterdir()), [])
            self.assertEqual([p.name for p in disk.parent.iterdir()], [disk.name])
            if phase == "commit" and status == 0:  # its journal was complete, and then it goes on to the end
                self.assertNotEqual(manifest(disk), self.originals[:1])
                self.assertEqual(report["outcome"], "done")
                return
            self.assertEqual(status, 9, stderr)
            self.assertEqual(report["outcome"], "cancelled")
            self.assertEqual(manifest(disk), self.originals[:1])

    # Two at once.

    def test_the_second_run_ends_at_once(self):
        (self.dir / "other").mkdir()
        disk, = self.copies(self.dir / "machine", DISKS[0])
        other = self.dir / "other/disk0.raw"
        os.link(disk, self.dir / "other/link.raw")
        sparse_copy(self.guest / DISKS[0], other)
        first = Run(self.dir / "first", "convert", disk, "--output", self.out)
        try:
            self.hold(first)
            for words in (("convert", disk, "--output", self.dir), ("convert", disk, "--in-place"), ("commit", disk), ("rollback", disk),
                          ("inspect", disk), ("plan", disk), ("manifest", disk), ("convert", self.dir / "other/link.raw", "--in-place")):
                self.at_once("is in use: rehost (pid ", *words)
            self.at_once("is in use by another run or process", "convert", other, "--output", self.out)
        finally:
            first.process.terminate()
            first.process.send_signal(signal.SIGCONT)
        self.assert_ended(first, 9)
        self.assertEqual(list(self.out.iterdir()), [])

        target = self.disk("target.raw", other.stat().st_size)
        first = Run(self.dir / "first", "convert", disk, "--output-disk", target)
        try:
            self.hold(first)
            self.at_once("target.raw is in use", "convert", other, "--output-disk", target)
            self.at_once("target.raw is in use", "inspect", target)
        finally:
            first.process.terminate()
            first.process.send_signal(signal.SIGCONT)
        self.assert_ended(first, 9)
        self.assertEqual(manifest(disk, other), self.originals[:1] * 2)

    def hold(self, first):
        """Stands still with what it has locked: whoever waits for it waits for ever."""
        first.wait_for("launch")
        first.process.send_signal(signal.SIGSTOP)
        self.assertIsNone(first.process.poll())

    def at_once(self, sentence, *words):
        report = ("--report", self.dir / "second.json")
        self.refuses(6, sentence, *words, *report)

    # Full.

    def test_a_disk_that_is_full(self):
        machines = [self.copies(self.dir / f"machine{i}", DISKS[0])[0] for i in range(2)]
        lanes = ((self.full_for_copies, machines[0]), (self.full_for_the_rest, machines[1]))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = [pool.submit(lane, disk) for lane, disk in lanes]
        for lane in running:
            lane.result()
        self.assertEqual(manifest(*machines), self.originals[:1] * 2)

    def full_for_copies(self, disk):
        """There is room when it is asked for, and then there is none."""
        for image_format in ("raw", "qcow2", "vmdk"):
            with self.subTest(full=image_format), self.small_disk(f"full-{image_format}", "4g") as out:
                run = Run(self.dir / f"run-{image_format}", "convert", disk, "--output", out, "--format", image_format, *APPEND)
                run.wait_for("launch")
                subprocess.run(["mount", "-o", "remount,size=8m", out], check=True)
                self.assert_ended(run, 6, "No space left on device")
                self.assertEqual(list(out.iterdir()), [])

    def full_for_the_rest(self, disk):
        with self.subTest(full="delta"), self.small_disk("full-delta", "1m") as out:
            run = Run(self.dir / "run-delta", "convert", disk, "--output", out, "--format", "delta", *APPEND)
            self.assert_ended(run, 6, "not enough space")
            self.assertEqual(list(out.iterdir()), [])
        with self.subTest(full="disk"), self.small_disk("full-disk", "8m") as where:
            target = where / "target.raw"
            target.touch()
            os.truncate(target, disk.stat().st_size)
            run = Run(self.dir / "run-disk", "convert", disk, "--output-disk", target, *APPEND)
            self.assert_ended(run, 6, "No space left on device")
            self.assertEqual(list(where.iterdir()), [target])
        with self.subTest(full="journal"), self.small_disk("full-journal", "2m") as where:
            image = where / "disk0.qcow2"
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", "raw", image], check=True)
            before = image.read_bytes()
            run = Run(self.dir / "run-journal", "convert", image, "--allow-backing", "--in-place", "--no-manifest", *APPEND)
            self.assert_ended(run, 6, "space")  # not for the journal, and not for what the image will grow by
            self.assertEqual(list(where.iterdir()), [image])
            self.assertEqual(image.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
