#!/usr/bin/env python3
"""What rehost refuses after a look at the disks, and how it behaves when it is stopped. Each test launches the appliance."""
import os
import signal
import subprocess
import time
import unittest

from rehost_cli import MIB, REHOST, STOP_HANGS, CliTest, boot_sector

GUESTFISH = {**os.environ, "LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'


class BadGuest(CliTest):
    def tree(self, name, files):
        """A directory with these files."""
        root = self.dir / name
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        root.mkdir(exist_ok=True)
        return root

    def ext4_disk(self, name, *trees):
        """A disk with one ext4 partition for each tree, made without an appliance."""
        size = 32 * MIB
        disk = self.disk(name, (1 + 33 * len(trees)) * MIB, boot_sector(*((2048 + i * 66 * 1024, size // 512) for i in range(len(trees)))))
        for i, tree in enumerate(trees):
            image = self.dir / f"{name}.{i}"
            with open(image, "wb") as file:
                file.truncate(size)
            subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", "-d", tree, image], check=True)
            subprocess.run(["dd", f"if={image}", f"of={disk}", "bs=512", f"seek={2048 + i * 66 * 1024}", "conv=notrunc,sparse", "status=none"], check=True)
        return disk

    def test_not_a_disk(self):
        self.refuses_to_convert(3, "no operating system", self.disk("text.raw", MIB, b"This is a letter, not a disk.\n" * 1000))

    def test_an_empty_disk(self):
        self.refuses_to_convert(3, "empty", self.disk("empty.raw", 8 * MIB))

    def test_a_disk_without_an_operating_system(self):
        self.refuses_to_convert(3, "no operating system", self.ext4_disk("data.raw", self.tree("data", {"photos/cat.txt": "cat"})))

    def test_two_roots(self):
        files = {"etc/os-release": OS_RELEASE, "etc/fstab": "", "sbin/init": "", "usr/lib/x": ""}
        disk = self.ext4_disk("two.raw", self.tree("a", files), self.tree("b", files))
        result = self.refuses_to_convert(3, "2 operating systems", disk)
        self.assertIn("sda2", result.stderr)

    def test_two_volume_groups_of_one_name(self):
        """A worker's own group of that name cannot get in the way: the appliance has the given disks only. Two given ones can."""
        disks = [self.disk(name, 32 * MIB) for name in ("one.raw", "two.raw")]
        # Inside the appliance the kernel gives out the names sda and sdb in whatever order it finds the disks.
        script = f"""\
run
vgcreate vg0 /dev/sda
debug sh 'used=$(pvs --noheadings -o pv_name | xargs); for disk in /dev/sd?; do if [ $(blockdev --getsize64 $disk) = {32 * MIB} ] && [ $disk != $used ]; then vgcreate --config "devices{{filter=[\\"r|$used|\\"]}}" vg0 $disk; fi; done 2>&1'
"""
        add = [word for disk in disks for word in ("--format=raw", "-a", str(disk))]
        made = subprocess.run(["guestfish", *add], input=script, text=True, env=GUESTFISH, check=False, capture_output=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        result = self.refuses_to_convert(3, "2 volume groups are called vg0", *disks)
        self.assertIn("vgrename", result.stderr)

    def test_a_distribution_that_nobody_knows(self):
        files = {"etc/os-release": "ID=plan9\nPRETTY_NAME='Plan 9 \x1b[31mred'\n", "etc/fstab": "", "usr/lib/x": "", "sbin/init": ""}
        result = self.refuses_to_convert(3, "plan9", self.ext4_disk("plan9.raw", self.tree("plan9", files)))
        self.assertNotIn("\x1b[31m", result.stderr, "a guest's escape codes reach the terminal")

    def test_windows(self):
        disk = self.disk("windows.raw", 64 * MIB)
        script = "run\npart-disk /dev/sda mbr\nmkfs ntfs /dev/sda1\nmount /dev/sda1 /\nmkdir-p /Windows/System32\nmkdir /Users\n"
        made = subprocess.run(["guestfish", "--format=raw", "-a", str(disk)], input=script, text=True, env=GUESTFISH, check=False, stderr=subprocess.PIPE)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.refuses_to_convert(3, "Windows", disk)

    def test_a_damaged_file_system(self):
        disk = self.ext4_disk("damaged.raw", self.tree("root", {"etc/os-release": OS_RELEASE, "usr/lib/x": "", "sbin/init": ""}))
        with open(disk, "r+b") as file:
            file.seek(MIB + 2048)
            file.write(b"\xff" * 64 * 1024)  # the group descriptors; the superblock stays
        self.refuses_to_convert(4, "repair", disk)

    def stopped_in(self, phase, number):
        disk = self.ext4_disk("disk.raw", self.tree("data", {"x": "y"}))
        events = self.dir / "events.jsonl"
        events.touch()
        process = subprocess.Popen([REHOST, "convert", str(disk), "--output", str(self.out), "--work-dir", str(self.work), "--events", events],
                                   stderr=subprocess.PIPE, text=True)
        while process.poll() is None and f'"phase_started","phase":"{phase}"' not in events.read_text():
            time.sleep(0.005)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=STOP_HANGS)
        self.assertEqual(process.returncode, 9, stderr)
        self.assertIn("cancelled", stderr)
        self.assertEqual([p.name for p in self.out.iterdir()], ["report.json"])

    def test_sigterm_during_the_launch(self):
        self.stopped_in("launch", signal.SIGTERM)

    def test_sigint_early(self):
        self.stopped_in("open", signal.SIGINT)


if __name__ == "__main__":
    unittest.main()
