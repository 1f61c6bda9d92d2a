#!/usr/bin/env python3
"""The commands that know disks and no guests: manifest, verify and apply-delta, on images and behind NBD. No appliance."""
import contextlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import time
import unittest

from rehost_cli import MIB, REHOST, STOP_HANGS, CliTest, boot_sector


class Images(CliTest):
    def setUp(self):
        super().setUp()
        noise = random.Random(4711).randbytes(3 * MIB)
        self.source = self.disk("disk.raw", 16 * MIB, boot_sector((2048, 2048)) + noise)
        self.manifest = self.dir / "disk.manifest"

    def write_manifest(self):
        result = self.rehost("manifest", self.source, "--manifest", self.manifest)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def change(self, offset, data=b"changed"):
        with open(self.source, "r+b") as file:
            file.seek(offset)
            file.write(data)

    @contextlib.contextmanager
    def served(self, image, export="web01"):
        """An NBD server for the image; its address."""
        path = self.dir / "nbd.sock"
        server = subprocess.Popen(["qemu-nbd", "-r", "-t", "-e", "8", "-f", "raw", "-x", export, "-k", path, image])
        try:
            while not path.exists():
                time.sleep(0.02)
            yield f"nbd+unix:///{export}?socket={path}"
        finally:
            server.terminate()
            server.wait()

    def test_a_disk_is_what_its_manifest_says(self):
        self.write_manifest()
        result = self.rehost("verify", self.source, "--manifest", self.manifest)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_bad_blocks_are_named(self):
        self.write_manifest()
        self.change(2 * MIB)
        self.change(5 * MIB)
        self.change(5 * MIB + MIB // 2)
        result = self.refuses(8, "3 of its blocks differ: 4, 10, 11", "verify", self.source, "--manifest", self.manifest)
        self.assertEqual(result.stdout, "block 4, offset 2097152\nblocks 10-11, offset 5242880\n")
        result = self.refuses(8, "differ", "verify", self.source, "--manifest", self.manifest, "--json")
        self.assertEqual(json.loads(result.stdout)["bad_blocks"], [4, 10, 11])

    def test_formats_and_nbd_have_the_manifest_of_the_disk(self):
        self.write_manifest()
        for name in ("qcow2", "vmdk", "vdi", "vhdx"):
            image = self.dir / f"copy.{name}"
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", name, self.source, image], check=True)
            self.assertEqual(self.rehost("manifest", image).stdout, self.manifest.read_text())
        with self.served(self.source) as uri:
            self.assertEqual(self.rehost("manifest", uri).stdout, self.manifest.read_text())
            self.refuses(2, "same disk", "inspect", uri, uri)
            self.refuses(2, "never written", "convert", uri, "--in-place", "--report", self.dir / "report.json")

    def test_an_nbd_server_that_is_not_there(self):
        self.refuses(7, "cannot connect to nbd+unix", "manifest", f"nbd+unix:///?socket={self.dir}/none")

    def test_a_server_that_says_nothing_does_not_keep_a_run_that_was_told_to_stop(self):
        path = self.dir / "silent.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            run = subprocess.Popen([REHOST, "manifest", f"nbd+unix:///?socket={path}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            connection, _ = listener.accept()
            with connection:
                run.send_signal(signal.SIGTERM)
                _, stderr = run.communicate(timeout=STOP_HANGS)
        self.assertEqual(run.returncode, 9, stderr)

    def test_a_disk_whose_journal_is_out_of_reach_is_not_whole(self):
        self.write_manifest()
        mark = self.dir / "disk.raw.rehost-journal"
        mark.symlink_to("/mnt/other/disk0.raw.rehost-journal")
        for words in (("inspect", self.source), ("manifest", self.source), ("commit", self.source), ("rollback", self.source), ("apply-delta", self.manifest, self.source),
                      ("convert", self.source, "--output", self.out)):
            result = self.refuses(5, "/mnt/other/disk0.raw.rehost-journal cannot be found: bring it back", *words)
            self.assertIn(f"rm {mark}", result.stderr)
        self.refuses(5, "was interrupted", "convert", self.disk("other.raw"), "--output-disk", self.source, "--report", self.dir / "report.json")
        mark.unlink()
        os.setxattr(self.source, "user.rehost.journal", b"/mnt/other/disk0.raw.rehost-journal")
        os.link(self.source, self.dir / "link.raw")
        self.refuses(5, "setfattr -x user.rehost.journal", "inspect", self.dir / "link.raw")
        os.removexattr(self.source, "user.rehost.journal")
        self.assertEqual(self.rehost("verify", self.source, "--manifest", self.manifest).returncode, 0)

    def test_a_manifest_that_says_64_TiB_needs_no_memory(self):
        self.manifest.write_text("rehost-manifest 1\nsize 70368744177664\nblock 524288\nhash xxh3-128\nroot " + 32 * "0" + "\nend 0\n")
        self.refuses(8, "is of a disk of 70368744177664", "verify", self.source, "--manifest", self.manifest)
        self.refuses(7, "is of a disk of 70368744177664", "convert", self.source, "--output", self.out, "--source-manifest", self.manifest)
        # Of the largest program that this one has waited for, in KiB. (Not a limit of address space: a sanitizer needs 16 TiB of that.)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, 1 << 20)

    def test_a_manifest_that_was_cut_short(self):
        self.write_manifest()
        self.manifest.write_text(self.manifest.read_text()[:-6])
        self.refuses(2, "disk.manifest", "verify", self.source, "--manifest", self.manifest)

    def test_a_manifest_of_another_disk(self):
        self.write_manifest()
        self.refuses(8, "bytes", "verify", self.disk("other.raw", 8 * MIB), "--manifest", self.manifest)

    def test_a_source_is_no_place_for_a_manifest(self):
        before = self.source.read_bytes()
        self.refuses(2, "is a source", "manifest", self.source, "--manifest", self.source)
        self.assertEqual(self.source.read_bytes(), before)

    def test_a_replica_that_differs_is_refused_before_the_launch(self):
        self.write_manifest()
        self.change(MIB)
        self.refuses(7, "copy it again", "convert", self.source, "--output", self.out, "--source-manifest", self.manifest)
        self.assertEqual([p.name for p in self.out.iterdir()], ["report.json"])

    def test_a_file_that_is_no_delta(self):
        self.refuses(7, "not a whole delta", "apply-delta", self.disk("no.delta", MIB), self.source)

    def test_an_image_above_another_needs_a_word(self):
        image = self.dir / "top.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", self.source, "-F", "raw", image], check=True)
        self.refuses(2, "--allow-backing", "manifest", image)
        self.write_manifest()
        self.assertEqual(self.rehost("manifest", image, "--allow-backing").stdout, self.manifest.read_text())


if __name__ == "__main__":
    unittest.main()
