#!/usr/bin/env python3
"""rehost run --jobs: many jobs of one directory, which end before an appliance."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest

from rehost_cli import REHOST, RUN_HANGS
from rehost_job import JobTest, job_document


def volume(**fields):
    return {"volumes": [{"path": "disk0.raw", "role": "boot", **fields}]}


class Jobs(JobTest):
    """rehost run --jobs, with jobs that end before an appliance."""

    def setUp(self):
        super().setUp()
        self.jobs = self.dir / "jobs"
        self.jobs.mkdir()

    def run_jobs(self, *words, **options):
        result = subprocess.run([REHOST, "run", "--jobs", self.jobs, "--work-dir", self.work, *words], check=False, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=RUN_HANGS, **options)
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        return result, {pathlib.Path(row["file"]).name: row for row in rows}

    def test_each_job_has_its_own_answer(self):
        self.write_job(job_document(id="a", **volume(path="absent.raw")), self.jobs / "a.json")
        self.write_job("{", self.jobs / "b.json")
        self.disk("jobs/empty.raw", 0)
        (self.jobs / "out").mkdir()
        self.write_job(job_document(id="c", **volume(path="empty.raw")), self.jobs / "c.json")
        for ignored in ("a.report.json", ".hidden.json", "a.register-image.json", "a.run-instances.json", "notes.txt"):
            (self.jobs / ignored).write_text("{}")
        (self.jobs / "a.report.json").unlink()
        result, rows = self.run_jobs("--parallel", "2")
        self.assertEqual({name: (row["outcome"], row["exit_code"], row["job"]) for name, row in rows.items()},
                         {"a.json": ("usage", 2, "a"), "b.json": ("usage", 2, None), "c.json": ("image-io", 7, "c")})
        self.assertEqual(result.returncode, 2, "that of the first that is not done")
        for name, row in rows.items():
            report = json.loads(pathlib.Path(row["report"]).read_text())
            self.assertEqual(report["outcome"], row["outcome"], name)
            self.check_events((self.jobs / name).with_suffix(".events.jsonl").read_text())

    def test_a_job_that_is_killed_disturbs_no_other(self):
        """One that waits for a server that says nothing is killed; the other has its own end."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        address = self.dir / "silent.sock"
        server.bind(str(address))
        server.listen()
        self.write_job(job_document(id="a", **volume(path=f"nbd+unix:///web01?socket={address}")), self.jobs / "a.json")
        (self.jobs / "out").mkdir()
        self.write_job("{", self.jobs / "b.json")
        process = subprocess.Popen([REHOST, "run", "--jobs", self.jobs, "--parallel", "1", "--work-dir", self.work], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        report = self.jobs / "a.report.json"
        while not report.exists():
            time.sleep(0.02)
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=RUN_HANGS)
        rows = {row["job"]: row for row in map(json.loads, stdout.splitlines())}
        self.assertEqual((rows["a"]["outcome"], rows["a"]["exit_code"], rows["a"]["error"]), ("environment", 6, "killed by signal 9"), stderr)
        self.assertEqual(rows[None]["exit_code"], 2)
        self.assertEqual(process.returncode, 6)
        self.assertEqual(json.loads(report.read_text())["outcome"], "running", "the next worker takes it up")
        self.rehost("inspect", self.dir / "absent.raw")  # whoever is next removes the killed one's work directory

    def test_links_lead_no_output_elsewhere(self):
        precious = self.disk("precious", 100)
        for ending in (".events.jsonl", ".log"):
            with self.subTest(ending):
                self.write_job("{", self.jobs / "a.json")
                link = self.jobs / f"a{ending}"
                link.symlink_to(precious)
                result, rows = self.run_jobs("--job-root", self.jobs)
                self.assertEqual((result.returncode, rows["a.json"]["outcome"]), (2, "usage"), result.stderr)
                self.assertIn("is a symbolic link", rows["a.json"]["error"])
                self.assertEqual(precious.read_bytes(), bytes(100))
                link.unlink()

    def test_what_is_no_file_holds_nothing_up(self):
        os.mkfifo(self.jobs / "a.json")
        os.symlink("a.json", self.jobs / "b.json")
        self.write_job("{", self.jobs / "c.json")
        (self.jobs / "d.json").mkdir()
        result, rows = self.run_jobs()
        self.assertEqual({name: row["exit_code"] for name, row in rows.items()}, {"b.json": 2, "c.json": 2}, result.stderr)
        self.assertIn("it is no file", rows["b.json"]["error"])
        self.refuses(2, "it is no file", "run", "--job", self.jobs / "a.json", "--validate")

    def test_no_jobs(self):
        result, _ = self.run_jobs()
        self.assertEqual(result.returncode, 2)
        self.assertIn("has no file *.json", result.stderr)
        self.refuses(2, "cannot read the jobs", "run", "--jobs", self.dir / "absent")

    def test_more_at_a_time_than_there_is_memory_for(self):
        for i in range(64):
            self.write_job(job_document(id=f"job{i}"), self.jobs / f"job{i}.json")
        with open("/proc/meminfo", encoding="ascii") as file:
            available = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
        if available > 64 << 20:
            self.skipTest("this machine has memory for 64 conversions")
        result, rows = self.run_jobs("--parallel", "64")
        self.assertEqual((result.returncode, rows), (6, {}), result.stderr)
        self.assertIn("there is room for", result.stderr)

    def test_options_of_one_job(self):
        for words in (("--report", "a"), ("--events", "a"), ("--validate",), ("--parallel", "0"), ("--log-file", "a")):
            with self.subTest(words=words):
                self.assertEqual(self.run_jobs(*words)[0].returncode, 2)


if __name__ == "__main__":
    unittest.main()
