#!/usr/bin/env python3
"""What rehost refuses before it launches anything: each with a clear sentence, the right exit status and no debris."""
import fcntl
import json
import os
import stat
import subprocess
import unittest

from rehost_cli import MIB, REHOST, CliTest, boot_sector, lock_as_qemu_does


class BadInput(CliTest):
    def test_no_such_file(self):
        self.refuses_to_convert(2, "nothing.raw", self.dir / "nothing.raw")

    def test_a_directory(self):
        self.refuses_to_convert(2, "directory", self.out)

    def test_a_character_device(self):
        self.refuses_to_convert(2, "/dev/null", "/dev/null")

    def test_an_empty_file(self):
        self.refuses_to_convert(7, "empty", self.disk("empty.raw", 0))

    def test_half_a_sector(self):
        self.refuses_to_convert(7, "512", self.disk("odd.raw", MIB + 100))

    def test_a_truncated_image(self):
        self.refuses_to_convert(7, "cut short", self.disk("cut.raw", MIB, boot_sector((2048, 8192))))

    def test_a_truncated_qcow2(self):
        whole = self.dir / "whole.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", whole, "10M"], check=True)
        self.refuses_to_convert(7, "cut.qcow2", self.disk("cut.qcow2", 60, whole.read_bytes()))

    def test_a_qcow2_with_a_backing_file_posing_as_raw(self):
        secret = self.disk("secret.img")
        posing = self.dir / "posing.raw"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", posing], check=True)
        result = self.refuses_to_convert(2, "backing file", posing)
        self.assertIn("posing.raw", result.stderr)

    def test_a_format_that_does_not_fit(self):
        self.refuses(2, "disk.raw", "inspect", "--source-format", "qcow2", self.disk("disk.raw"))

    def test_the_same_disk_twice(self):
        disk = self.disk("disk.raw")
        link = self.dir / "link.raw"
        os.link(disk, link)
        self.refuses(2, "same disk", "inspect", disk, link)

    def test_a_source_that_qemu_writes(self):
        disk = self.disk("disk.raw")
        with lock_as_qemu_does(disk):
            self.refuses_to_convert(6, "in use", disk)

    def test_an_output_directory_that_is_not_there(self):
        self.refuses(2, "no such directory", "convert", self.disk("disk.raw"), "--output", self.dir / "nowhere")

    def test_a_read_only_output_directory(self):
        if os.geteuid() == 0:
            directory = "/sys"  # root writes anywhere else
        else:
            directory = self.dir / "read-only"
            directory.mkdir(mode=0o555)
        self.refuses(6, str(directory), "convert", self.disk("disk.raw"), "--output", directory)

    def test_a_full_output_directory(self):
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.out], check=False).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        try:
            self.refuses_to_convert(6, "free", self.disk("disk.raw", 8 * MIB, os.urandom(8 * MIB)))
        finally:
            subprocess.run(["umount", self.out], check=True)

    def test_an_output_that_exists(self):
        (self.out / "disk.raw").write_text("precious")
        self.refuses(2, "--overwrite", "convert", self.disk("disk.raw"), "--output", self.out)
        self.assertEqual((self.out / "disk.raw").read_text(), "precious")

    def test_an_output_that_is_the_source(self):
        self.refuses(2, "is a source", "convert", self.disk("disk.raw"), "--output", self.dir, "--overwrite")

    def test_an_output_that_is_a_device_and_the_source(self):
        source = self.dir / "disk.raw"
        source.symlink_to("/dev/null")
        self.refuses(2, "cannot be written to", "convert", source, "--output", self.out, "--events", "/dev/null")
        (self.out / "disk.raw").symlink_to("/dev/null")
        self.refuses(2, "is a source", "convert", "/dev/null", source, "--output", self.out, "--overwrite")

    def test_a_source_that_a_result_would_be_written_through(self):
        disk = self.disk("disk.raw.partial")
        before = disk.read_bytes()
        self.refuses(2, "is a source", "convert", self.disk("disk.raw"), disk, "--source-format", "raw", "--output", self.dir, "--overwrite")
        self.assertEqual(disk.read_bytes(), before)

    def test_formats_that_no_kill_may_meet(self):
        for name, qemu_name in (("vhd", "vpc"), ("vhdx", "vhdx")):
            image = self.dir / f"disk.{name}"
            subprocess.run(["qemu-img", "create", "-q", "-f", qemu_name, image, "8M"], check=True)
            before = image.read_bytes()
            self.refuses(2, "--output", "convert", image, "--in-place", "--report", self.dir / "report.json")
            self.assertEqual(image.read_bytes(), before)

    def test_a_manifest_in_the_place_of_a_device(self):
        self.refuses(2, "device", "manifest", self.disk("disk.raw"), "--manifest", "/dev/null")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))

    def test_a_target_that_is_half_written(self):
        (self.dir / "a").mkdir()
        target = self.disk("target.raw")
        (self.dir / "target.raw.rehost-journal").write_text("a journal")
        before = target.read_bytes()
        source = self.disk("a/target.raw")
        self.refuses(5, "rehost commit", "convert", source, "--output-disk", target, "--report", self.dir / "report.json")
        self.refuses(5, "rehost commit", "convert", source, "--output", self.dir, "--overwrite")
        self.assertEqual(target.read_bytes(), before)

    def test_two_sources_of_one_name(self):
        (self.dir / "a").mkdir()
        self.refuses(2, "two sources", "convert", self.disk("disk.raw"), self.disk("a/disk.qcow2"), "--output", self.out)

    def test_an_image_that_is_written_once(self):
        image = self.dir / "stream.vmdk"
        subprocess.run(["qemu-img", "convert", "-O", "vmdk", "-o", "subformat=streamOptimized",
                        self.disk("disk.raw", MIB, boot_sector((64, 128))), image], check=True)
        before = image.read_bytes()
        report = ("--report", self.dir / "report.json")
        result = self.refuses(2, "streamOptimized", "convert", image, "--in-place", *report)
        self.assertIn("--output", result.stderr)
        self.refuses(2, "streamOptimized", "apply-delta", self.disk("any.delta"), image)
        self.assertEqual(image.read_bytes(), before)
        self.assertEqual(json.loads((self.dir / "report.json").read_text())["phases"], [], "before the launch")

    def test_a_disk_on_a_read_only_file_system(self):
        where = self.dir / "read-only"
        where.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", where], check=False).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        try:
            disk = self.disk("read-only/disk.raw")
            subprocess.run(["mount", "-o", "remount,ro", where], check=True)
            self.refuses(6, "disk.raw", "convert", disk, "--in-place", "--report", self.dir / "report.json")
        finally:
            subprocess.run(["umount", where], check=True)

    def convert_to_disk(self, code, sentence, source, target):
        """convert --output-disk refuses before the launch, and leaves the target alone."""
        before = target.read_bytes()
        self.refuses(code, sentence, "convert", source, "--output-disk", target, "--report", self.dir / "report.json")
        self.assertEqual(target.read_bytes(), before)
        phases = [name for name, _ in json.loads((self.dir / "report.json").read_text())["phases"]]
        self.assertNotIn("launch", phases)

    def test_a_target_that_is_too_small(self):
        self.convert_to_disk(2, "too small", self.disk("disk.raw"), self.disk("target.raw", MIB - 512, b"\xee" * 512))

    def test_a_target_that_is_a_source(self):
        disk = self.disk("disk.raw")
        link = self.dir / "link.raw"
        os.link(disk, link)
        self.convert_to_disk(2, "is a source", disk, link)

    def test_a_target_that_qemu_writes(self):
        target = self.disk("target.raw")
        with lock_as_qemu_does(target):
            self.convert_to_disk(6, "target.raw is in use", self.disk("disk.raw"), target)

    def test_one_target_for_two_sources(self):
        target = self.disk("target.raw")
        link = self.dir / "link.raw"
        os.link(target, link)
        self.refuses(6, "is in use", "convert", self.disk("a.raw"), self.disk("b.raw"), "--output-disk", target, "--output-disk", link,
                     "--report", self.dir / "report.json")

    def test_a_name_that_another_run_is_writing(self):
        with open(self.out / "disk.raw.partial", "w", encoding="utf-8") as partial:
            fcntl.flock(partial, fcntl.LOCK_EX)
            self.refuses(6, "another run or process", "convert", self.disk("disk.raw"), "--output", self.out)

    def test_a_disk_too_large_for_its_format(self):
        self.refuses_to_convert(2, "2040 GiB", self.disk("disk.raw", 3 << 40), "--format", "vhd")

    def test_an_unknown_option(self):
        self.refuses(2, "--frobnicate", "convert", "--frobnicate", self.disk("disk.raw"))

    def test_a_work_directory_that_is_not_there(self):
        result = subprocess.run([REHOST, "inspect", str(self.disk("disk.raw")), "--work-dir", "/nonexistent"],
                                check=False, text=True, stderr=subprocess.PIPE)
        self.assertIn(result.returncode, (2, 6), result.stderr)
        self.assertIn("/nonexistent", result.stderr)

    def test_an_events_descriptor_that_is_closed(self):
        self.refuses(2, "fd:77", "inspect", "--events", "fd:77", self.disk("disk.raw"))

    def test_the_last_event_tells_the_outcome(self):
        events = self.dir / "events.jsonl"
        self.refuses(7, "empty", "inspect", "--events", events, self.disk("empty.raw", 0))
        last = json.loads(events.read_text().splitlines()[-1])
        self.assertEqual((last["event"], last["outcome"], last["exit_code"]), ("finished", "image-io", 7))


class Recovery(CliTest):
    def test_nothing_to_commit_or_roll_back(self):
        for command in ("commit", "rollback"):
            self.refuses(2, "no conversion of", command, self.disk("disk.raw"))


class Words(CliTest):
    def test_help_and_version_need_nothing(self):
        self.assertEqual(self.rehost("--help").returncode, 0)
        self.assertEqual(self.rehost("convert", "--help").returncode, 0)
        self.assertRegex(self.rehost("--version").stdout, r"^rehost \d+\.\d+")

    def test_tables_are_printed(self):
        for table in ("fixes", "distros", "formats", "errors"):
            result = self.rehost("list", table)
            self.assertEqual(result.returncode, 0)
            self.assertGreater(len(result.stdout.splitlines()), 0, table)


if __name__ == "__main__":
    unittest.main()
