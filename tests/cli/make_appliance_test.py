#!/usr/bin/env python3
"""scripts/make-appliance without building anything: kernels of every codec, the choice of one, what it refuses."""
import gzip
import importlib.machinery
import importlib.util
import lzma
import pathlib
import struct
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/make-appliance"
loader = importlib.machinery.SourceFileLoader("make_appliance", str(SCRIPT))
make_appliance = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_appliance", loader))
loader.exec_module(make_appliance)


def elf(*notes):
    """An x86-64 ELF file with one segment of notes: (owner, type)."""
    body = b"".join(struct.pack("<III", len(owner), 4, kind) + owner + b"\0" * (-len(owner) % 4) + b"\0\0\0\1" for owner, kind in notes)
    header = b"\x7fELF\2\1\1" + b"\0" * 9 + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(body), len(body), 4) + body


PVH_KERNEL = elf((b"Xen\0", 6), (b"Linux\0", 1), (b"Xen\0", 18))


def bz_image(payload, protocol=0x20F):
    """A boot sector, one setup sector, and the payload some bytes into the rest."""
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<II", head, 0x248, 16, len(payload))
    return bytes(head) + b"\xCC" * 16 + payload + b"\xCC" * 100


def packed_by(*words):
    return subprocess.run(words, input=PVH_KERNEL, check=True, stdout=subprocess.PIPE).stdout


LENGTH = struct.pack("<I", len(PVH_KERNEL))   # what a kernel's Makefile puts behind all but gzip


class Kernels(unittest.TestCase):
    def test_every_codec_is_unpacked(self):
        payloads = {
            "xz": lzma.compress(PVH_KERNEL, check=lzma.CHECK_CRC32) + LENGTH,
            "gzip": gzip.compress(PVH_KERNEL),
            "zstd": packed_by("zstd", "-c", "--ultra", "-22") + LENGTH,
            "lz4": packed_by("lz4", "-l", "-c") + LENGTH,
        }
        for codec, payload in payloads.items():
            with self.subTest(codec):
                self.assertEqual(make_appliance.uncompressed(bz_image(payload)), PVH_KERNEL)

    def test_a_kernel_that_qemu_cannot_enter_stays_compressed(self):
        for kernel in (elf((b"Xen\0", 6)), elf((b"GNU\0", 18)), elf(), b"no ELF file"):
            image = bz_image(gzip.compress(kernel))
            self.assertEqual(make_appliance.uncompressed(image), image)

    def test_another_codec_or_another_image_stays_as_it_is(self):
        for image in (bz_image(b"LZO? " * 9), bz_image(gzip.compress(PVH_KERNEL), protocol=0x207), b"\0" * 5000, b"MZ"):
            self.assertEqual(make_appliance.uncompressed(image), image)

    def test_the_newest_is_told_by_its_numbers(self):
        names = [pathlib.Path(f"/boot/vmlinuz-{release}") for release in ("6.1.0-9-amd64", "6.1.0-56-amd64", "6.1.0-10-amd64", "5.10.0-99-amd64")]
        self.assertEqual(max(names, key=make_appliance.by_version).name, "vmlinuz-6.1.0-56-amd64")


class Refusals(unittest.TestCase):
    def test_a_directory_of_something_else_stays(self):
        with tempfile.TemporaryDirectory(prefix="rehost-cli-", dir="/var/tmp") as name:
            directory = pathlib.Path(name, "photos")
            directory.mkdir()
            (directory / "cat.jpg").write_text("cat")
            run = subprocess.run([SCRIPT, directory], check=False, stderr=subprocess.PIPE, text=True)
            self.assertEqual(run.returncode, 1)
            self.assertIn(f"cannot build {directory}: it is there and is no appliance", run.stderr)
            self.assertEqual([p.name for p in directory.iterdir()], ["cat.jpg"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
