#!/usr/bin/env python3
"""rehost@.service under a real systemd, booted by systemd-nspawn from a copy-on-write view of this machine's own root: inside its
sandbox a job is stopped, started again and converts a disk; a final exit status ends it, a retryable one is tried three times.

The guest is debian12-bios of scripts/make-guest. Launches the appliance. Needs root, and takes it with sudo.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from rehost_cli import REHOST, RUN_HANGS  # noqa: E402

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
STATE = "var/lib/rehost"
DISKS = ("disk0.raw", "disk1.raw")
FACTS = ("Result", "ExecMainStatus", "NRestarts")

# Runs in there, as a service, and leaves what it saw in /share/seen.json.
INSIDE = '''#!/usr/bin/python3
import json, pathlib, subprocess, time
RESULTS = pathlib.Path("/var/lib/rehost/results")

def systemctl(*words):
    return subprocess.run(["systemctl", *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout

def facts(job):
    shown = systemctl("show", "--property=ActiveState,SubState,Result,ExecMainStatus,NRestarts,UID", f"rehost@{job}")
    return dict(line.split("=", 1) for line in shown.splitlines())

def wait(job):
    while facts(job)["ActiveState"] not in ("inactive", "failed"):
        time.sleep(0.5)
    return {**facts(job), "report": json.loads((RESULTS / job / "report.json").read_text()),
            "journal": subprocess.run(["journalctl", "--no-pager", "-u", f"rehost@{job}"], check=False, stdout=subprocess.PIPE, text=True).stdout}

def phase(job, name):
    events = RESULTS / job / "events.jsonl"
    while f'"phase":"{name}"' not in (events.read_text() if events.exists() else ""):
        if facts(job)["ActiveState"] in ("inactive", "failed"):
            return
        time.sleep(0.2)

seen = {}
try:
    systemctl("start", "rehost@cut", "rehost@blank")
    seen["cut"], seen["blank"] = wait("cut"), wait("blank")
    seen["none"] = systemctl("start", "rehost@none")
    systemctl("start", "rehost@good")
    phase("good", "launch")
    began = time.monotonic()
    systemctl("stop", "rehost@good")
    seen["stopped"] = {**wait("good"), "seconds": time.monotonic() - began}
    (RESULTS / "good/events.jsonl").unlink()
    systemctl("start", "rehost@good")
    seen["good"] = wait("good")
finally:
    pathlib.Path("/share/seen.json").write_text(json.dumps(seen))
    systemctl("--no-block", "--force", "poweroff")
'''


def in_own_namespace():
    """What this mounts vanishes with it, however it ends."""
    if "REHOST_OWN_NAMESPACE" not in os.environ:
        os.environ["REHOST_OWN_NAMESPACE"] = "1"
        sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive", "--preserve-env"]
        os.execvp((sudo or ["unshare"])[0], [*sudo, "unshare", "--mount", "--propagation=private", sys.executable, *sys.argv])


class Systemd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = subprocess.run([SCRIPTS / "make-guest", "debian12-bios"], check=True, stdout=subprocess.PIPE, text=True)
        guest = pathlib.Path(made.stdout.strip().splitlines()[-1])
        holder = tempfile.TemporaryDirectory(prefix="rehost-systemd-", dir="/var/tmp")
        cls.addClassCleanup(holder.cleanup)
        directory = pathlib.Path(holder.name)
        cls.root = directory / "root"
        for name in ("root", "upper", "workdir", "share"):
            (directory / name).mkdir()
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir=/,upperdir={directory}/upper,workdir={directory}/workdir", cls.root], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", cls.root], check=True)
        cls.install()
        cls.write_jobs(guest)
        cls.console = cls.boot(directory / "share")
        cls.seen = json.loads((directory / "share/seen.json").read_text())

    @classmethod
    def install(cls):
        """As docs/engines.md says, with a second between the attempts instead of thirty."""
        shutil.copy(REHOST, cls.root / "usr/local/bin/rehost")
        units = cls.root / "etc/systemd/system"
        shutil.copy(SCRIPTS / "engines/rehost@.service", units)
        shutil.copy(SCRIPTS / "engines/rehost.conf", cls.root / "usr/lib/sysusers.d/rehost.conf")
        subprocess.run(["systemd-sysusers", f"--root={cls.root}", SCRIPTS / "engines/rehost.conf"], check=True)
        (units / "rehost@.service.d").mkdir(exist_ok=True)
        (units / "rehost@.service.d/soon.conf").write_text("[Service]\nRestartSec=1\n")
        (units / "rehost-test.service").write_text("[Unit]\nAfter=basic.target\nRequires=basic.target\n[Service]\nExecStart=/share/inside\n")
        (units / "rehost-test.target").write_text("[Unit]\nRequires=basic.target rehost-test.service\nAllowIsolate=yes\n")

    @classmethod
    def write_jobs(cls, guest):
        state = cls.root / STATE
        shutil.rmtree(state, ignore_errors=True)
        for name in ("jobs", "results", "out", "replicas"):
            (state / name).mkdir(parents=True)
        for disk in DISKS:
            subprocess.run(["cp", "--sparse=always", guest / disk, state / "replicas" / disk], check=True)
        with open(state / "replicas/blank.raw", "wb") as file:
            file.truncate(8 << 20)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", state / "replicas/cut.qcow2", "1G"], check=True)
        os.truncate(state / "replicas/cut.qcow2", 70000)
        for name, disks in (("good", DISKS), ("blank", ["blank.raw"]), ("cut", ["cut.qcow2"])):
            (state / "jobs" / f"{name}.json").write_text(json.dumps({
                "version": 1, "id": name, "mode": "test",
                "volumes": [{"path": f"../replicas/{disk}", "role": "data" if i else "boot"} for i, disk in enumerate(disks)],
                "action": {"type": "image", "directory": "../out", "format": "qcow2"}, "options": {"initramfs": "append", "no_manifest": True}}))
        subprocess.run(["chroot", cls.root, "chown", "-R", "rehost:rehost", f"/{STATE}"], check=True)
        for disk in DISKS:
            (state / "replicas" / disk).chmod(0o640)

    @classmethod
    def boot(cls, share):
        (share / "inside").write_text(INSIDE)
        (share / "inside").chmod(0o755)
        done = subprocess.run(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={cls.root}", f"--bind={share}:/share",
                               "--machine=rehost-test", "--boot", "systemd.unit=rehost-test.target"],
                              check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=RUN_HANGS,
                              errors="replace")
        if not (share / "seen.json").exists():
            raise AssertionError(f"systemd did not come so far:\n{done.stdout[-5000:]}")
        return done.stdout

    def assert_ended(self, name, *wanted):
        seen = self.seen.get(name)
        self.assertIsNotNone(seen, self.console[-3000:])
        self.assertEqual(tuple(seen[fact] for fact in FACTS), wanted, seen["journal"][-3000:])
        return seen["report"]

    def test_a_good_job_is_done_as_a_user_of_its_own(self):
        report = self.assert_ended("good", "success", "0", "0")
        self.assertEqual((report["outcome"], len(report["outputs"])), ("done", len(DISKS)))
        for output in report["outputs"]:
            image = self.root / output["path"].lstrip("/")
            self.assertNotEqual(image.stat().st_uid, 0)
            subprocess.run(["qemu-img", "check", "-q", image], check=True, stdout=subprocess.DEVNULL)

    def test_a_final_exit_status_ends_a_job(self):
        report = self.assert_ended("blank", "exit-code", "3", "0")
        self.assertEqual(report["outcome"], "unsupported-guest")

    def test_a_retryable_one_is_tried_three_times(self):
        report = self.assert_ended("cut", "exit-code", "7", "3")  # with the one that systemd refused
        self.assertEqual(report["outcome"], "image-io")
        self.assertEqual(self.seen["cut"]["journal"].count("Started rehost@cut.service"), 3, self.seen["cut"]["journal"])

    def test_stop_ends_a_job_with_a_report_and_nothing_starts_it_again(self):
        report = self.assert_ended("stopped", "exit-code", "9", "0")
        self.assertEqual(report["outcome"], "cancelled")
        self.assertLess(self.seen["stopped"]["seconds"], 20, "it had to be killed")

    def test_a_service_without_a_job_does_not_start(self):
        self.assertIn("Assertion failed", self.seen["none"])


if __name__ == "__main__":
    in_own_namespace()
    unittest.main(verbosity=2)
