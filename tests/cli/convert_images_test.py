#!/usr/bin/env python3
"""What convert makes of a real guest in every kind of result: delta, streamOptimized VMDK, another disk. Launches the appliance.

The guest is debian12-lvm of scripts/make-guest, which has one disk.
"""
import json
import pathlib
import subprocess
import time
import unittest

from rehost_cli import MIB, CliTest

MAKE_GUEST = pathlib.Path(__file__).resolve().parents[2] / "scripts/make-guest"


class ConvertImages(CliTest):
    @classmethod
    def setUpClass(cls):
        made = subprocess.run([MAKE_GUEST, "debian12-lvm"], check=True, stdout=subprocess.PIPE, text=True)
        cls.guest = pathlib.Path(made.stdout.strip().splitlines()[-1]) / "disk0.raw"

    def converts(self, *words):
        """Converts with these words; the report."""
        result = self.rehost("convert", *words, "--verify")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = self.out / "report.json" if "--output" in words else self.dir / "report.json"
        return json.loads(report.read_text())

    def verifies(self, image, manifest):
        result = self.rehost("verify", image, "--manifest", manifest)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_a_delta_from_an_nbd_server(self):
        socket = self.dir / "nbd.sock"
        manifest = self.dir / "source.manifest"
        server = subprocess.Popen(["qemu-nbd", "-r", "-t", "-e", "8", "-f", "raw", "-x", "web01", "-k", socket, self.guest])
        try:
            while not socket.exists():
                time.sleep(0.02)
            uri = f"nbd+unix:///web01?socket={socket}"
            self.assertEqual(self.rehost("manifest", uri, "--manifest", manifest).returncode, 0)
            report = self.converts(uri, "--output", self.out, "--format", "delta", "--source-manifest", manifest)
        finally:
            server.terminate()
            server.wait()
        delta = self.out / "web01.delta"
        self.assertLess(delta.stat().st_size, 64 * MIB)
        self.assertEqual(report["outputs"][0]["manifest"], str(self.out / "web01.manifest"))
        copy = self.dir / "copy.raw"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.guest, copy], check=True)
        copy.chmod(0o600)
        self.verifies(copy, manifest)
        self.assertEqual(self.rehost("apply-delta", delta, copy).returncode, 0)
        self.verifies(copy, self.out / "web01.manifest")
        self.assertEqual(self.rehost("apply-delta", delta, copy).returncode, 0, "a second time changes nothing")
        self.verifies(copy, self.out / "web01.manifest")

    def test_a_vmdk_for_vm_import(self):
        self.converts(self.guest, "--output", self.out, "--format", "vmdk")
        vmdk = self.out / "disk0.vmdk"
        subprocess.run(["qemu-img", "check", "-q", vmdk], check=True)
        raw = self.dir / "back.raw"
        subprocess.run(["qemu-img", "convert", "-f", "vmdk", "-O", "raw", vmdk, raw], check=True)
        self.verifies(raw, self.out / "disk0.manifest")

    def test_a_disk_that_was_used_before(self):
        size = self.guest.stat().st_size
        target = self.dir / "used.raw"
        with open(target, "wb") as file:
            for _ in range(size // MIB + 1):
                file.write(b"\xee" * MIB)
        report = self.converts(self.guest, "--output-disk", target, "--report", self.dir / "report.json")
        self.assertEqual(report["outputs"][0]["path"], str(target))
        with open(target, "r+b") as file:
            file.truncate(size)
        self.verifies(target, self.dir / "rehost-disk0.manifest")


if __name__ == "__main__":
    unittest.main()
