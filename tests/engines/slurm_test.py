#!/usr/bin/env python3
"""An array of jobs in a real Slurm: slurmctld, slurmd and munged from Debian, on this machine. The good disks are converted, a bad
one says what it is, a killed worker's job is queued again and finishes, and so is the job of a node that is lost.

The guest is debian12-bios of scripts/make-guest. Launches the appliance.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from rehost_cli import REHOST, RUN_HANGS, processes_of  # noqa: E402
from slurm_cluster import NODE_LOST, Cluster, until  # noqa: E402

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
DISKS = ("disk0.raw", "disk1.raw")


class Slurm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = subprocess.run([SCRIPTS / "make-guest", "debian12-bios"], check=True, stdout=subprocess.PIPE, text=True)
        cls.guest = pathlib.Path(made.stdout.strip().splitlines()[-1])

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="rehost-slurm-", dir="/var/tmp")
        self.addCleanup(holder.cleanup)
        self.dir = pathlib.Path(holder.name)
        self.dir.chmod(0o755)
        (self.dir / "work").mkdir()
        self.results = self.dir / "results"
        self.cluster = Cluster(self.dir / "cluster")
        self.cluster.environment.update(REHOST=REHOST, TMPDIR=str(self.dir / "work"), LIBGUESTFS_CACHEDIR="/var/tmp")
        self.addCleanup(self.leave_no_process)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()

    def leave_no_process(self):
        self.assertEqual(processes_of(self.dir), "", "processes are left")

    def job(self, name, volumes, action):
        """Writes a job file; volumes are (path, format)."""
        document = {
            "version": 1, "id": name, "mode": "test",
            "volumes": [{"path": str(path), "format": form, "role": "data" if i else "boot"} for i, (path, form) in enumerate(volumes)],
            "action": action, "options": {"initramfs": "append", "allow_backing": True, "no_manifest": True}}
        if "directory" in action:
            pathlib.Path(action["directory"]).mkdir()
        path = self.dir / f"{name}.json"
        path.write_text(json.dumps(document))
        return path

    def overlays(self, name):
        """Disks like those of the guest, in no time."""
        made = []
        for disk in DISKS:
            made.append((self.dir / f"{name}-{pathlib.Path(disk).stem}.qcow2", "qcow2"))
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", self.guest / disk, made[-1][0]], check=True)
        return made

    def image_job(self, name):
        return self.job(name, self.overlays(name), {"type": "image", "directory": str(self.dir / f"{name}-out"), "format": "qcow2"})

    def submit(self, *jobs, cpus=1, **options):
        """scripts/slurm as a user runs it; (array, what it printed, exit status)."""
        run = subprocess.run([SCRIPTS / "slurm", "--results", self.results, *(["--wait"] if options.pop("wait", True) else []),
                              *jobs, "--", f"--cpus-per-task={cpus}"], check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, timeout=RUN_HANGS, env=self.cluster.environment)
        self.assertIn("submitted", run.stdout, f"{run.stderr}\n{self.cluster.logs()}")
        return run.stdout.split(" as ")[1].split(";")[0], run.stdout, run.returncode

    def report(self, name):
        return json.loads((self.results / name / "report.json").read_text())

    def worker_of(self, name):
        """The process of rehost that does this job; None when there is none."""
        listed = subprocess.run(["pgrep", "-f", f"^{re.escape(REHOST)} run --job {self.dir}/{name}\\.json "], check=False, stdout=subprocess.PIPE,
                                text=True).stdout.split()
        return int(listed[0]) if listed else None

    def wait_for_phase(self, name, phase):
        """Until the job's worker, alive, has begun this phase."""
        events = self.results / name / "events.jsonl"

        def begun():
            seen = list(map(json.loads, self.whole_lines(events))) if events.exists() else []
            self.assertNotIn("finished", [event["event"] for event in seen], seen[-1:])
            return any(event.get("phase") == phase for event in seen)
        until(f"{name} begins {phase}\n{self.cluster.logs()}", begun, RUN_HANGS)

    @staticmethod
    def whole_lines(path):
        return [line for line in path.read_text().split("\n")[:-1] if line]

    def assert_converted(self, name):
        report = self.report(name)
        self.assertEqual((report["outcome"], report["exit_code"]), ("done", 0), report)
        for disk in DISKS:
            image = self.dir / f"{name}-out" / f"{name}-{pathlib.Path(disk).stem}.qcow2"
            checked = subprocess.run(["qemu-img", "check", "-q", image], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(checked.returncode, 0, checked.stdout)

    def assert_would_boot(self, name):
        """As the program sees it from outside, whatever the worker said."""
        outputs = [output["path"] for output in self.report(name)["outputs"]]
        answers = subprocess.run([REHOST, "check", "--quiet", *outputs, "--work-dir", self.dir / "work"], check=False, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        self.assertEqual(answers.returncode, 0, answers.stdout)

    def log(self, index):
        log, = self.results.glob(f"task-*_{index}.log")
        return log.read_text()

    def test_an_array_with_a_bad_disk_a_killed_worker_and_one_that_never_succeeds(self):
        blank = self.dir / "blank.raw"
        with open(blank, "wb") as file:
            file.truncate(8 << 20)
        cut = self.dir / "cut.qcow2"  # as a copy that is still under way: it may be whole the next time
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", cut, "1G"], check=True)
        os.truncate(cut, 70000)
        jobs = [self.image_job("good"), self.image_job("killed"),
                self.job("bad", [(blank, "raw")], {"type": "image", "directory": str(self.dir / "bad-out"), "format": "raw"}),
                self.job("cut", [(cut, "qcow2")], {"type": "image", "directory": str(self.dir / "cut-out"), "format": "raw"})]

        def kill():
            self.wait_for_phase("killed", "apply")
            worker = self.worker_of("killed")
            if worker is not None:  # else the assertion on restarts fails below
                os.kill(worker, signal.SIGKILL)
        killer = threading.Thread(target=kill)
        killer.start()
        array, said, status = self.submit(*jobs)
        killer.join()

        tasks = self.cluster.tasks(array)
        everything = f"{tasks}\n{said}\n" + "\n".join(self.log(i) for i in range(4)) + self.cluster.logs()
        self.assertEqual(tasks[0], ("COMPLETED", 0, 0), everything)
        self.assertEqual(tasks[1], ("COMPLETED", 0, 1), everything)
        self.assertEqual(tasks[2], ("FAILED", 3, 0), everything)
        self.assertEqual(tasks[3], ("FAILED", 7, 2), everything)
        self.assert_converted("good")
        self.assert_converted("killed")
        self.assert_would_boot("killed")
        self.assertEqual((self.report("bad")["outcome"], self.report("bad")["retryable"]), ("unsupported-guest", False))
        self.assertEqual((self.report("cut")["outcome"], self.report("cut")["retryable"]), ("image-io", True))
        self.assertEqual(status, 1)
        for line in ("good: done", "killed: done", "bad: unsupported-guest: ", "cut: image-io: "):
            self.assertIn(f"\n{line}", said)
        self.assertIn("given up after 3 attempts", self.log(3))
        self.assertEqual(list((self.dir / "work").glob("rehost*")), [], "temporary files are left")

    def test_the_job_of_a_node_that_is_lost_is_done_by_the_next(self):
        job = self.image_job("moved")
        array, _, _ = self.submit(job, cpus=2, wait=False)
        self.wait_for_phase("moved", "apply")
        self.cluster.lose_node()
        self.assertIsNone(self.worker_of("moved"))
        until(f"Slurm misses the node\n{self.cluster.logs()}", lambda: self.cluster.tasks(array)[0][0] == "PENDING", 30 * NODE_LOST)
        self.cluster.start_node()
        until(f"the job ends\n{self.cluster.logs()}", lambda: self.cluster.tasks(array)[0][0] not in ("PENDING", "RUNNING", "COMPLETING"), RUN_HANGS)
        self.assertEqual(self.cluster.tasks(array)[0], ("COMPLETED", 0, 1), self.log(0))
        self.assert_converted("moved")

    def test_scancel_ends_a_worker_and_nothing_starts_it_again(self):
        job = self.image_job("cancelled")
        array, _, _ = self.submit(job, cpus=2, wait=False)
        self.wait_for_phase("cancelled", "launch")
        self.cluster.ask("scancel", array)
        until("the job ends", lambda: self.cluster.tasks(array)[0][0] in ("CANCELLED", "FAILED"), 120)
        until("the worker ends", lambda: self.worker_of("cancelled") is None, 120)
        self.assertEqual((self.report("cancelled")["outcome"], self.report("cancelled")["exit_code"]), ("cancelled", 9))
        time.sleep(3 * 2)  # the scheduler has looked three times
        self.assertEqual(self.cluster.tasks(array)[0][2], 0)
        self.assertEqual(list((self.dir / "cancelled-out").iterdir()), [], "an image is left")
        self.assertEqual(list((self.dir / "work").glob("rehost*")), [], "temporary files are left")


if __name__ == "__main__":
    unittest.main(verbosity=2)
