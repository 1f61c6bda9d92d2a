#!/usr/bin/env python3
"""scripts/image builds the OCI image; the program in it answers, and converts a disk as the image's own user.

The guest is debian12-bios of scripts/make-guest. Launches the appliance.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from rehost_cli import REHOST, RUN_HANGS  # noqa: E402

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
DISKS = ("disk0.raw", "disk1.raw")
USER = 1000
MIB = 1 << 20
LARGEST = 400 * MIB  # as an archive; somebody waits for it on every new worker


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = subprocess.run([SCRIPTS / "make-guest", "debian12-bios"], check=True, stdout=subprocess.PIPE, text=True)
        cls.guest = pathlib.Path(made.stdout.strip().splitlines()[-1])
        holder = tempfile.TemporaryDirectory(prefix="rehost-image-test-", dir="/var/tmp")
        cls.addClassCleanup(holder.cleanup)
        cls.dir = pathlib.Path(holder.name)
        cls.dir.chmod(0o755)
        built = subprocess.run([SCRIPTS / "image"], check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=RUN_HANGS,
                               env={**os.environ, "REHOST_BUILD": str(pathlib.Path(REHOST).parent)})
        assert built.returncode == 0, built.stderr[-5000:]
        cls.archive = SCRIPTS.parent / built.stdout.strip()
        cls.container = cls.buildah("from", "--quiet", f"oci-archive:{cls.archive}").stdout.strip()
        cls.addClassCleanup(cls.buildah, "rm", cls.container)

    @classmethod
    def buildah(cls, *words, check=True):
        # chroot isolation and the vfs driver work where containers do not; what they cannot show is that the root may be read-only.
        return subprocess.run(["buildah", f"--root={cls.dir}/store", f"--runroot={cls.dir}/run", "--storage-driver=vfs", *map(str, words)],
                              check=check, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=RUN_HANGS,
                              env={**os.environ, "BUILDAH_ISOLATION": "chroot"})

    def run_in_it(self, *words, volumes=()):
        return self.buildah("run", *(f"--volume={v}" for v in volumes), self.container, "--", *words, check=False)

    def answer_in_it(self, *words):
        """What a program there prints, by way of a file: buildah has been seen to lose the output of one that ends at once."""
        answers = self.dir / "answers"
        answers.mkdir(exist_ok=True)
        os.chown(answers, USER, USER)
        done = self.run_in_it("sh", "-c", 'exec "$@" >/answers/stdout', "sh", *words, volumes=[f"{answers}:/answers"])
        self.assertEqual(done.returncode, 0, done.stderr)
        return (answers / "stdout").read_text()

    def test_the_program_answers_as_it_does_outside(self):
        for words in (("--version",), ("list", "formats"), ("list", "errors")):
            outside = subprocess.run([REHOST, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
            self.assertEqual(self.answer_in_it("rehost", *words), outside)

    def test_it_is_small_and_runs_as_nobody_special(self):
        self.assertLess(self.archive.stat().st_size, LARGEST)
        self.assertEqual(self.answer_in_it("id", "-u").strip(), str(USER))
        config = json.loads(self.buildah("inspect", self.container).stdout)["OCIv1"]["config"]
        self.assertIn("/var/lib/rehost", config["Volumes"])
        self.assertEqual((config["User"], config["Entrypoint"], config["StopSignal"]), (f"{USER}:{USER}", ["rehost"], "SIGTERM"))

    def test_it_converts_a_disk(self):
        jobs = self.dir / "jobs"
        (jobs / "out").mkdir(parents=True)
        for disk in DISKS:
            subprocess.run(["cp", "--sparse=always", self.guest / disk, jobs / disk], check=True)
        (jobs / "web01.json").write_text(json.dumps({
            "version": 1, "id": "web01", "mode": "test",
            "volumes": [{"path": disk, "role": "data" if i else "boot"} for i, disk in enumerate(DISKS)],
            "action": {"type": "image", "directory": "out", "format": "qcow2"}, "options": {"initramfs": "append", "no_manifest": True}}))
        (jobs / "jobs.list").write_text("web01.json\n")
        subprocess.run(["chown", "-R", f"{USER}:{USER}", jobs], check=True)
        done = self.run_in_it("rehost-task", "/jobs/jobs.list", "/jobs/results", "0", volumes=[f"{jobs}:/jobs"])
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads((jobs / "results/web01/report.json").read_text())
        self.assertEqual(report["outcome"], "done")
        for disk in DISKS:
            image = (jobs / "out" / disk).with_suffix(".qcow2")
            self.assertEqual(image.stat().st_uid, USER)
            subprocess.run(["qemu-img", "check", "-q", image], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    unittest.main(verbosity=2)
