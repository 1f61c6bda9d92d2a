#!/usr/bin/env python3
"""rehost drivers list|verify|add, and what is refused of a bundle before anything is launched."""
import json
import pathlib
import struct
import unittest

from rehost_cli import CliTest

RELEASE = "6.1.0-56-amd64"


def module(*fields):
    """A small ELF object for x86-64 with these fields in its .modinfo."""
    info = b"".join(field.encode() + b"\0" for field in (*fields, f"vermagic={RELEASE} SMP mod_unload ", "license=GPL"))
    names = b"\0.modinfo\0.shstrtab\0"
    table = 64 + len(info) + len(names)
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, 3, 2)

    def section(name, kind, offset, size):
        return struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, offset, size, 0, 0, 1, 0)

    sections = bytes(64) + section(1, 1, 64, len(info)) + section(10, 3, 64 + len(info), len(names))
    return header + info + names + sections


class Drivers(CliTest):
    def setUp(self):
        super().setUp()
        self.bundle = self.dir / "bundle"
        self.ena = self.dir / "ena.ko"
        self.ena.write_bytes(module("name=ena", "version=2.13.0g"))

    def succeeds(self, *words):
        result = self.rehost("drivers", *words)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_add_list_verify(self):
        self.assertIn(f"{RELEASE}/ena.ko", self.succeeds("add", self.bundle, self.ena))
        self.assertIn("nothing to add", self.succeeds("add", self.bundle, self.ena))
        row = json.loads(self.succeeds("list", "--json", "--driver-bundle", self.bundle))["bundles"][0]["modules"][0]
        self.assertEqual((row["name"], row["version"], row["license"], row["release"]), ("ena", "2.13.0g", "GPL", RELEASE))
        self.assertIn("2.13.0g", self.succeeds("list", self.bundle))
        self.assertTrue(json.loads(self.succeeds("verify", "--json", self.bundle))["ok"])

    def test_verify_finds_a_changed_byte(self):
        self.succeeds("add", self.bundle, self.ena)
        file = self.bundle / RELEASE / "ena.ko"
        file.write_bytes(file.read_bytes().replace(b"2.13.0g", b"2.13.1g"))
        result = self.rehost("drivers", "verify", self.bundle)
        self.assertEqual(result.returncode, 8, result.stderr)
        self.assertRegex(result.stdout, r"(?m)^NO .*ena\.ko: .*SHA-256")

    def test_verify_finds_a_stray_file(self):
        self.succeeds("add", self.bundle, self.ena)
        (self.bundle / RELEASE / "nvme.ko").write_bytes(b"x")
        self.assertEqual(self.rehost("drivers", "verify", self.bundle).returncode, 8)

    def test_what_is_no_module(self):
        self.refuses(2, "no ELF", "drivers", "add", self.bundle, self.disk("x.ko", 100))
        self.refuses(2, "nothing.ko", "drivers", "add", self.bundle, self.dir / "nothing.ko")
        self.refuses(2, "module files", "drivers", "add", self.bundle)

    def test_what_is_no_bundle(self):
        self.refuses(2, "nowhere", "drivers", "list", self.dir / "nowhere")
        self.refuses(2, "manifest.json", "drivers", "verify", self.out)
        self.refuses(2, "verify", "drivers", "burn", self.bundle)

    def test_a_conversion_with_a_bad_manifest_does_not_begin(self):
        self.bundle.mkdir()
        (self.bundle / "manifest.json").write_text('{"version": 1, "modules": [{"release": "../.."}]}')
        self.refuses(2, "modules[0]", "convert", self.disk("disk.raw"), "--driver-bundle", self.bundle, "--output", self.out)
        self.assertEqual([p.name for p in pathlib.Path(self.out).iterdir()], ["report.json"])


if __name__ == "__main__":
    unittest.main()
