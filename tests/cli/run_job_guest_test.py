#!/usr/bin/env python3
"""rehost run --job on a real guest (debian12-bios of scripts/make-guest): killed and taken up, run twice, stopped, timed out, many at a
time. Launches the appliance."""
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from rehost_cli import MIB, REHOST, RUN_HANGS, STOP_HANGS, processes_of, sparse_copy
from rehost_job import JobTest, job_document

MAKE_GUEST = pathlib.Path(__file__).resolve().parents[2] / "scripts/make-guest"
DISKS = ("disk0.raw", "disk1.raw")
VOLUMES = [{"path": "disk0.raw", "role": "boot", "manifest": "disk0.manifest"}, {"path": "disk1.raw", "role": "data"}]
OPTIONS = {"initramfs": "append"}  # the shortest apply; what it writes is not the question here
IN_PLACE = {"type": "in-place"}


def manifest(disk):
    return subprocess.run([REHOST, "manifest", "--quiet", str(disk)], check=True, stdout=subprocess.PIPE, text=True).stdout


class RunJob(JobTest):
    @classmethod
    def setUpClass(cls):
        made = subprocess.run([MAKE_GUEST, "debian12-bios"], check=True, stdout=subprocess.PIPE, text=True)
        cache = pathlib.Path(made.stdout.strip().splitlines()[-1])
        holder = tempfile.TemporaryDirectory(prefix="rehost-cli-", dir="/var/tmp")
        cls.addClassCleanup(holder.cleanup)
        cls.guest = pathlib.Path(holder.name)
        for name in DISKS:  # the cached ones may be in use by another test
            sparse_copy(cache / name, cls.guest / name)
        cls.original = manifest(cls.guest / DISKS[0])

    def setUp(self):
        super().setUp()
        for name in DISKS:
            sparse_copy(self.guest / name, self.dir / name)
        (self.dir / "disk0.manifest").write_text(self.original)

    def wait_for(self, process, phase):
        """Until the phase has begun, or the run is over."""
        while process.poll() is None and f'"phase_started","phase":"{phase}"' not in self.events_file.read_text():
            time.sleep(0.005)

    def kill_in(self, phase, document):
        self.write_job(document)
        self.events_file.write_text("")
        process = self.start()
        self.wait_for(process, phase)
        process.kill()
        process.communicate()
        self.assertEqual(processes_of(self.dir), "")
        self.assertEqual(json.loads(self.report_file.read_text())["outcome"], "running")

    def names(self, directory=None):
        """Without what the test itself has put there."""
        mine = {*DISKS, "disk0.manifest", "job.json", "job.events.jsonl", "work", "out"}
        return sorted(p.name for p in (directory or self.dir).iterdir() if directory or p.name not in mine)

    def test_an_image_killed_taken_up_and_asked_for_again(self):
        document = job_document(volumes=VOLUMES, options={**OPTIONS, "verify": True}, labels={"project": "blue"},
                                target={"architecture": "x86_64", "nitro_generation": 4}, timeouts={"total": 3600})
        self.kill_in("image", document)
        # As if it had been killed a moment later: one name given, another not yet.
        (self.out / "disk0.raw").write_bytes(b"the killed worker's")
        (self.out / "disk1.raw.partial").write_bytes(b"the killed worker's")

        done = self.run_job()
        self.assertEqual(done.status, 0, done.stderr)
        self.check_done(done)
        self.assertEqual(self.names(self.out), ["disk0.manifest", "disk0.raw", "disk1.manifest", "disk1.raw"])
        self.assertEqual([manifest(self.dir / DISKS[0])], [self.original])
        content = manifest(self.out / "disk0.raw")
        self.assertNotEqual(content, self.original)

        began = (self.out / "disk0.raw").stat().st_mtime_ns
        again = self.run_job()
        self.assertEqual(again.status, 0, again.stderr)
        self.assertEqual(again.report, done.report, "the same job has the same answer")
        self.assertEqual((self.out / "disk0.raw").stat().st_mtime_ns, began)
        self.assertEqual([e["event"] for e in again.events], ["started", "finished"])
        self.assertIn("was done before", again.events[-1]["sentence"])

        # Another job may not have its results, and the answer of the first stays.
        refused = self.run_job({**document, "id": "web02"})
        self.assertEqual(refused.status, 2, refused.stderr)
        self.assertIn("exists", refused.events[-1]["sentence"])
        self.assertEqual(refused.report, done.report)
        # A result that somebody has changed is no answer.
        os.truncate(self.out / "disk0.raw", MIB)
        self.assertEqual(self.run_job(document).status, 2)
        self.assertEqual(self.names(), ["job.register-image.json", "job.report.html", "job.report.json"])

    def check_done(self, done):
        self.assertEqual([e["event"] for e in done.events if "mgn_event" in e], ["started", "finished"])
        self.assertEqual(done.events[-1]["mgn_event"], "CONVERSION_END")
        for event in done.events:
            self.assertEqual((event["job"], event["labels"]), ("web01", {"project": "blue"}))
        self.assertEqual([e["phase"] for e in done.of("phase_started")],
                         ["verify-source", "open", "launch", "inspect", "check", "plan", "apply", "check", "close", "image", "verify"])
        self.assertEqual(done.of("progress")[-1]["fraction"], 1)
        report = done.report
        self.assertEqual((report["outcome"], report["error"], report["failed_questions"]), ("done", None, []))
        self.assertEqual((report["job"]["id"], report["job"]["mode"], report["job"]["labels"]), ("web01", "test", {"project": "blue"}))
        self.assertTrue(report["versions"]["libguestfs"] and report["versions"]["qemu"])
        self.assertTrue(report["inspection"]["kernels"] and report["check_before"] and report["check_after"])
        self.assertTrue(all(e["reason"] for e in report["edits"]) and any(e["diff"] for e in report["edits"]))
        self.assertGreater(report["bytes"]["read"], report["bytes"]["written"])
        self.assertGreater(report["bytes"]["written"], report["bytes"]["changed"])
        self.assertEqual([o["path"] for o in report["outputs"]], [str(self.out / name) for name in DISKS])
        self.assertGreaterEqual(report["seconds"], sum(p["seconds"] for p in report["phases"]))

    def test_in_place_killed_taken_up_and_run_again(self):
        """The replica is what its manifest says until it is converted, and then what the conversion has made of it."""
        document = job_document(volumes=VOLUMES, action=IN_PLACE, options=OPTIONS)
        self.kill_in("apply", document)
        self.assertEqual(manifest(self.dir / DISKS[0]), self.original)
        self.kill_in("image", document)  # before its commit, in it or behind it
        done = self.run_job()
        self.assertEqual(done.status, 0, done.stderr)
        converted = manifest(self.dir / DISKS[0])
        self.assertNotEqual(converted, self.original)
        self.assertEqual((self.dir / "job.disk0.manifest").read_text(), converted)

        again = self.run_job()
        self.assertEqual(again.status, 0, again.stderr)
        self.assertEqual(again.report, done.report, "the same job has the same answer")
        self.assertEqual(manifest(self.dir / DISKS[0]), converted)
        # Somebody may have written to it: the plan finds nothing to change.
        os.utime(self.dir / DISKS[0])
        again = self.run_job()
        self.assertEqual(again.status, 0, again.stderr)
        self.assertEqual((again.report["outcome"], again.report["edits"], again.report["bytes"]["changed"]), ("done", [], 0))
        self.assertEqual(manifest(self.dir / DISKS[0]), converted)
        self.assertFalse(list(self.dir.glob("*journal*")))

        # A disk that is neither is refused as before.
        with open(self.dir / DISKS[0], "r+b") as disk:
            disk.seek(64 * MIB)
            disk.write(b"somebody else's")
        self.assertEqual(self.run_job().status, 7)

    def test_a_machine_that_does_not_fit_its_launch_and_one_that_does(self):
        launch = {"instance_type": "m7i.large", "public_ip": True, "disks": [{"volume": 0, "iops": 3000}, {"volume": 1, "type": "st1"}]}
        document = job_document(volumes=VOLUMES, action=IN_PLACE, options=OPTIONS, launch=launch)
        done = self.run_job(document)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual([w["subject"] for w in done.report["warnings"] if w["code"] == "launch-volume-grown"], ["disk1"])
        image, instance = (json.loads((self.dir / f"job.{name}.json").read_text()) for name in ("register-image", "run-instances"))
        self.assertEqual((image["BootMode"], image["Architecture"]), ("legacy-bios", "x86_64"))
        self.assertEqual([m["Ebs"]["VolumeSize"] for m in image["BlockDeviceMappings"]], [4, 125])
        self.assertTrue(instance["NetworkInterfaces"][0]["AssociatePublicIpAddress"])
        self.assertIn("What comes next", (self.dir / "job.report.html").read_text())

        converted = manifest(self.dir / DISKS[0])
        (self.dir / "disk0.manifest").write_text(converted)
        refused = self.run_job({**document, "launch": {"instance_type": "m7g.large"}})
        self.assertEqual(refused.status, 3, refused.stderr)
        self.assertIn("launch-architecture: the disks hold an x86_64 system, and m7g.large is", refused.report["error"])
        self.assertNotIn("apply", [e["phase"] for e in refused.of("phase_started")])
        self.assertEqual(manifest(self.dir / DISKS[0]), converted)
        self.assertIn("Not done: unsupported-guest", (self.dir / "job.report.html").read_text())
        self.assertEqual(list(self.dir.glob("job.r*-*.json")), [], "those of the run before would speak for this one")

    def test_a_timeout_ends_a_run_as_a_signal_does(self):
        began = time.monotonic()
        late = self.run_job(job_document(volumes=VOLUMES, options=OPTIONS, timeouts={"phases": {"launch": 1}}))
        self.assertEqual(late.status, 6, late.stderr)
        self.assertIn("the phase launch took longer than the 1 s of timeouts.phases.launch", late.report["error"])
        self.assertTrue(late.report["retryable"])
        self.assertEqual(self.names(self.out), [])
        self.assertLess(time.monotonic() - began, STOP_HANGS)

    def test_a_full_disk_for_the_report_of_what_is_done(self):
        """The result is there and nobody can be told: the next worker, with more room, says so."""
        with self.small_disk("small", "12k") as small:
            self.report_file = small / "report.json"
            document = job_document(volumes=VOLUMES, options=OPTIONS)
            full = self.run_job(document, "--report", self.report_file)
            self.assertEqual((full.status, full.events[-1]["retryable"]), (6, True), full.stderr)
            self.assertIn("No space left on device", full.events[-1]["sentence"])
            self.assertEqual(full.report["outcome"], "running")
            names = {p.name for p in small.iterdir()}
            self.assertIn("report.json", names)  # which of the documents beside it found room is another matter
            self.assertLessEqual(names, {"report.json", "report.html", "register-image.json"}, "whole files or none")
            subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
            done = self.run_job(document, "--report", self.report_file)
            self.assertEqual((done.status, done.report["outcome"]), (0, "done"), done.stderr)

    def test_many_jobs_at_a_time(self):
        """One is bad, one is stopped with all the others, and whoever comes next finishes."""
        jobs = self.dir / "jobs"
        jobs.mkdir()
        for i in range(2):
            (jobs / f"machine{i}").mkdir()
            sparse_copy(self.guest / DISKS[0], jobs / f"machine{i}/disk0.raw")
            volume = {"path": f"machine{i}/disk0.raw", "role": "boot"}
            self.write_job(job_document(id=f"machine{i}", volumes=[volume], action=IN_PLACE, options=OPTIONS), jobs / f"machine{i}.json")
        self.write_job(job_document(id="bad", volumes=[{"path": "../job.json", "role": "boot"}]), jobs / "bad.json")
        self.write_job("{}", self.job_file)
        words = [REHOST, "run", "--jobs", jobs, "--parallel", "2", "--work-dir", self.work]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        events = [jobs / f"machine{i}.events.jsonl" for i in range(2)]
        while process.poll() is None and not all(e.exists() and '"phase":"launch"' in e.read_text() for e in events):
            time.sleep(0.05)
        process.terminate()
        stdout, stderr = process.communicate(timeout=STOP_HANGS)
        rows = {row["job"]: row for row in map(json.loads, stdout.splitlines())}
        self.assertEqual(process.returncode, 9, stderr)
        self.assertEqual([rows[f"machine{i}"]["outcome"] for i in range(2)], ["cancelled", "cancelled"])
        self.assertEqual(processes_of(self.dir), "")

        result = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=RUN_HANGS)
        rows = {row["job"]: row for row in map(json.loads, result.stdout.splitlines())}
        self.assertEqual([rows[f"machine{i}"]["outcome"] for i in range(2)], ["done", "done"], result.stderr)
        self.assertNotEqual(rows["bad"]["exit_code"], 0)
        self.assertEqual(result.returncode, rows["bad"]["exit_code"])
        for i in range(2):
            self.assertNotEqual(manifest(jobs / f"machine{i}/disk0.raw"), self.original)
            self.check_events(events[i].read_text())


if __name__ == "__main__":
    unittest.main()
