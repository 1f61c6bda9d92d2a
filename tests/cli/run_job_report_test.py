#!/usr/bin/env python3
"""rehost run --job: where its report goes, what it may replace, and what stands of an earlier run's; no appliance is launched."""
import json
import os
import unittest

from rehost_cli import MIB, lock_as_qemu_does
from rehost_job import JobTest, job_document

IN_PLACE = {"type": "in-place"}


def volume(**fields):
    return {"volumes": [{"path": "disk0.raw", "role": "boot", **fields}]}


class Reports(JobTest):
    def setUp(self):
        super().setUp()
        self.disk("disk0.raw")

    def done_before(self, document):
        """As if this job had been done: its report and its document for EC2."""
        with lock_as_qemu_does(self.dir / "disk0.raw"):
            report = self.run_job(document).report
        self.report_file.write_text(json.dumps({**report, "outcome": "done", "exit_code": 0, "retryable": False, "error": None}))
        (self.dir / "job.register-image.json").write_text("{}")
        (self.dir / "job.report.html").write_text("done")

    def test_a_job_that_is_done_keeps_its_report_until_its_disks_are_locked(self):
        """A retry of one whose end nobody has seen changes no disk: what an earlier run says about them still holds."""
        target = self.disk("target.raw")
        for action in (IN_PLACE, job_document()["action"], {"type": "image", "disks": ["target.raw"]}):
            with self.subTest(action):
                document = job_document(action=action)
                self.done_before(document)
                before = {path.name: path.read_bytes() for path in self.dir.glob("job.re*")}
                with lock_as_qemu_does(target if "disks" in action else self.dir / "disk0.raw"):
                    self.assertEqual(self.run_job(document).status, 6)
                    self.assertEqual(self.run_job(document, "--report", self.report_file).status, 6)
                os.rename(self.dir / "disk0.raw", self.dir / "detached.raw")
                self.assertEqual(self.run_job(document).status, 2)
                os.rename(self.dir / "detached.raw", self.dir / "disk0.raw")
                self.assertEqual({path.name: path.read_bytes() for path in self.dir.glob("job.re*")}, before)
                # Another document is another job.
                with lock_as_qemu_does(self.dir / "disk0.raw"):
                    self.assertEqual(self.run_job({**document, "mode": "cutover"}).report["outcome"], "environment")
                self.assertFalse((self.dir / "job.register-image.json").exists())

    def test_a_job_in_place_that_is_done_has_the_same_answer(self):
        document = job_document(action=IN_PLACE, options={"no_manifest": True})
        self.done_before(document)
        disk = self.dir / "disk0.raw"
        report = json.loads(self.report_file.read_text())
        report["outputs"] = [{"path": str(disk), "size": MIB, "bytes_written": 0, "bytes_changed": 0, "manifest": None, "manifest_root": None,
                              "file": {"size": MIB, "modified": disk.stat().st_mtime_ns}}]
        self.report_file.write_text(json.dumps(report))
        again = self.run_job(document)
        self.assertEqual((again.status, again.report), (0, report), again.stderr)
        self.assertIn("was done before", again.events[-1]["sentence"])
        os.utime(disk)
        with lock_as_qemu_does(disk):
            self.assertEqual(self.run_job(document).status, 6, "somebody may have written to it")

    def test_a_report_of_a_job_that_cannot_be_parsed_leaves_no_documents_of_another(self):
        for name in ("job.json", "absent.json"):
            with self.subTest(name):
                for left in ("register-image.json", "run-instances.json", "report.html"):
                    (self.dir / f"job.{left}").write_text("an earlier run's")
                (self.dir / "job.json").write_text("{")
                self.job_file = self.dir / name
                self.assertEqual(self.run_job(None, "--report", self.report_file).report["outcome"], "usage")
                self.assertEqual(sorted(p.name for p in self.dir.glob("job.r*")), ["job.report.html", "job.report.json"])
                self.assertIn(self.job_file.name, (self.dir / "job.report.html").read_text())

    def test_a_report_replaces_nothing_but_a_file(self):
        self.write_job(job_document(**volume(path="absent.raw")))
        os.mkfifo(self.dir / "pipe")
        (self.dir / "directory").mkdir()
        (self.dir / "plain").touch()
        os.symlink("plain", self.dir / "link")
        os.symlink("nowhere", self.dir / "dangling")
        for name in ("pipe", "directory", "link", "dangling"):
            before = (self.dir / name).lstat()
            for words in (("run", "--job", self.job_file), ("convert", self.dir / "disk0.raw", "--output", self.out), ("inspect", self.dir / "absent.raw")):
                with self.subTest(name, command=words[0]):
                    self.refuses(2, "no file that a report may replace", *words, "--report", self.dir / name)
                    self.assertEqual((self.dir / name).lstat().st_ino, before.st_ino)
        self.assertFalse(list(self.dir.glob("*.lock")) + list(self.dir.glob("nowhere*")))
        # One that has the job's own name for it, too.
        os.symlink("plain", self.report_file)
        self.refuses(2, "no file that a report may replace", "run", "--job", self.job_file)
        self.assertTrue(self.report_file.is_symlink())

    def test_job_report_events_and_log_are_four_files(self):
        self.write_job(job_document(**volume(path="absent.raw")))
        job = self.job_file.read_text()
        other = self.dir / "other"
        os.symlink(self.dir, self.dir / "round")
        os.symlink("job.json", self.dir / "soft.json")
        os.link(self.job_file, self.dir / "hard.json")
        for words in (("--events", self.job_file), ("--log-file", self.job_file), ("--report", self.job_file),
                      ("--events", self.dir / "soft.json"), ("--events", self.dir / "hard.json"), ("--log-file", self.dir / "round/job.json"),
                      ("--events", other, "--report", other), ("--events", other, "--log-file", self.dir / "round/other"),
                      ("--report", other, "--log-file", self.dir / "round/other"), ("--events", self.report_file)):
            with self.subTest(words=words):
                self.refuses(2, "cannot be both", "run", "--job", self.job_file, *words)
                self.assertEqual(self.job_file.read_text(), job)
                self.assertFalse(other.exists() or self.report_file.exists())
        self.refuses(2, "cannot be both", "convert", self.dir / "absent.raw", "--output", self.out, "--events", self.out / "report.json")
        # What is no file takes from many.
        self.refuses(2, "absent.raw", "run", "--job", self.job_file, "--events", "/dev/null", "--log-file", "/dev/null")

    def test_a_bad_job_is_one_wherever_its_report_goes(self):
        """6 would have the orchestrator try it again, for ever."""
        (self.dir / "plain").touch()
        for document, report in ((job_document(mode="prod"), "plain/report.json"), ("{", "plain/report.json"), ("{", "no/such/report.json")):
            with self.subTest(document=document, report=report):
                result = self.run_job(document, "--report", self.dir / report)
                self.assertEqual((result.status, result.events[-1]["retryable"]), (2, False), result.stderr)
                self.assertIn(f"job {self.job_file}: ", result.events[-1]["sentence"])
        result = self.rehost("run", "--job", self.dir / "jbos" / "web01.json")
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("cannot read the job", result.stderr)


if __name__ == "__main__":
    unittest.main()
