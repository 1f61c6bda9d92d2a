#!/usr/bin/env python3
"""The appliance of scripts/make-appliance against the stock one: the same plans, and what happens when it does not start.

REHOST_APPLIANCE names the one under test. The guests are those of scripts/make-guest whose storage the trimmed init has to
find by itself: LVM with XFS, btrfs, and md with half of its members.
"""
import json
import os
import pathlib
import re
import subprocess
import unittest

from rehost_cli import MIB, CliTest

MAKE_GUEST = pathlib.Path(__file__).resolve().parents[2] / "scripts/make-guest"
OWN = pathlib.Path(os.environ["REHOST_APPLIANCE"])
ABOUT_THE_GUEST = ("outcome", "error", "inspection", "edits", "warnings", "check_before", "check_after")
ABOUT_THE_WORKER = ("kvm-unavailable", "appliance-mismatch", "appliance-broken")


def in_order(rows):
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


class AsTheStockOne(CliTest):
    maxDiff = None

    def planned(self, appliance, disks):
        """What a plan and its report say about the guest: the printed lines, and the report. Every launch gives md arrays other
        numbers, in the stock appliance too: here they go by their UUIDs, and lists that follow the numbers are in order."""
        report_file = self.dir / "report.json"
        result = self.rehost("plan", "--quiet", "--appliance", appliance, "--report", report_file, *disks)
        self.assertEqual(result.returncode, 0, result.stderr)
        text = report_file.read_text()
        arrays = {array["device"]: array["uuid"] for array in json.loads(text)["inspection"]["md_arrays"]}

        def by_uuid(said):
            return re.sub(r"/dev/md\d+\b", lambda name: f"/dev/md-{arrays[name[0]]}" if name[0] in arrays else name[0], said)

        report = {name: value for name, value in json.loads(by_uuid(text)).items() if name in ABOUT_THE_GUEST}
        report["warnings"] = in_order(w for w in report["warnings"] if w["code"] not in ABOUT_THE_WORKER)
        for rows in ("md_arrays", "filesystems", "mounts"):
            report["inspection"][rows] = in_order(report["inspection"][rows])
        self.assertNotEqual(report["edits"], [])
        return sorted(by_uuid(result.stdout).splitlines()), report

    def plans_as_stock(self, guest, number_of_disks):
        made = subprocess.run([MAKE_GUEST, guest], check=True, stdout=subprocess.PIPE, text=True)
        disks = sorted(pathlib.Path(made.stdout.strip().splitlines()[-1]).glob("disk*.raw"))[:number_of_disks]
        own, stock = self.planned(OWN, disks), self.planned("stock", disks)
        self.assertEqual(own[0], stock[0])
        self.assertEqual(own[1], stock[1])
        return own[1]

    def test_lvm_and_xfs(self):
        report = self.plans_as_stock("debian12-lvm", 1)
        self.assertIn("/dev/vg0/root", json.dumps(report["inspection"]))

    def test_btrfs_subvolumes(self):
        report = self.plans_as_stock("debian11-btrfs", 1)
        self.assertIn("btrfs", json.dumps(report["inspection"]))

    def test_md_with_half_of_its_members(self):
        report = self.plans_as_stock("debian12-md", 1)
        self.assertIn("md-member-missing", [w["code"] for w in report["warnings"]])


class ThatDoesNotStart(CliTest):
    """Its initrd is rubbish of the right size: the kernel panics, and QEMU ends."""

    def setUp(self):
        super().setUp()
        self.broken = self.dir / "cache/rehost/appliance"
        self.broken.mkdir(parents=True)
        for part in ("kernel", "root", "README.fixed"):
            (self.broken / part).symlink_to(OWN / part)
        with open(self.broken / "initrd", "wb") as file:
            file.truncate((OWN / "initrd").stat().st_size)
        self.empty = self.disk("empty.raw", 8 * MIB)

    def test_one_found_by_itself_gives_way_to_the_stock_one(self):
        environment = {name: value for name, value in os.environ.items() if name not in ("REHOST_APPLIANCE", "LIBGUESTFS_PATH")}
        environment["XDG_CACHE_HOME"] = str(self.dir / "cache")
        report_file = self.dir / "report.json"
        self.refuses(3, "the disks are empty", "inspect", self.empty, "--report", report_file, env=environment)
        warnings = {w["code"]: w["subject"] for w in json.loads(report_file.read_text())["warnings"]}
        self.assertEqual(warnings.get("appliance-broken"), str(self.broken))

    def test_a_named_one_is_an_error(self):
        self.refuses(6, f"cannot launch the appliance {self.broken}", "inspect", self.empty, "--appliance", self.broken)


if __name__ == "__main__":
    unittest.main(verbosity=2)
