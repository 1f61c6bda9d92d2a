#!/usr/bin/env python3
"""rehost run --job, up to where an appliance would be launched: the document and its schema, bad input, locks, logs."""
import fcntl
import json
import os
import pathlib
import socket
import subprocess
import time
import unittest

from rehost_cli import MIB, REHOST, RUN_HANGS, STOP_HANGS, lock_as_qemu_does
from rehost_job import JobTest, job_document, schema

IN_PLACE = {"type": "in-place"}
TWO = [{"path": "disk0.raw", "role": "boot"}, {"path": "disk1.raw", "role": "data"}]
FULL = job_document(
    volumes=[{"path": "disk0.raw", "format": "raw", "role": "boot", "manifest": "disk0.manifest"}, {"device": "/dev/sdf", "role": "data"}],
    action={"type": "image", "directory": "out", "format": "vmdk"},
    target={"architecture": "x86_64", "boot_mode": "keep", "nitro_generation": 5, "instance_type": "m7i.large"},
    options={"initramfs": "append", "network": "keep", "keep": ["vmware", "cloud-init"], "driver_bundles": ["bundle"],
             "default_kernel": "keep", "allow_backing": True, "overwrite": True, "strict": True, "verify": True, "no_manifest": False},
    timeouts={"total": 3600, "phases": {"launch": 300, "image": 5.0}},
    labels={"project": "größe", "a.b/c": ""},
    launch={"instance_type": "m7i.large", "launch_type": "dedicated-host", "subnet_id": "subnet-0123456789abcdef0",
            "security_group_ids": ["sg-01234567"], "private_ip": "10.0.3.7", "public_ip": True, "placement_group": "pg-0123456789abcdef0",
            "iam_instance_profile": "arn:aws:iam::123456789012:instance-profile/web", "initial_state": "stopped",
            "tags": {"Name": "größe", "a b": ""},
            "disks": [{"volume": 0, "type": "gp3", "iops": 4000, "throughput": 500}, {"volume": 1, "type": "io2", "iops": 8000}]})


def volume(**fields):
    return {"volumes": [{"path": "disk0.raw", "role": "boot", **fields}]}


def launch(**fields):
    return job_document(launch={"instance_type": "m7i.large", **fields})


def without(document, name):
    return {k: v for k, v in document.items() if k != name}


GOOD = {
    "smallest": job_document(),
    "everything": FULL,
    "in place": job_document(action=IN_PLACE),
    "delta": job_document(action={"type": "delta", "directory": "out"}),
    "disks": job_document(action={"type": "image", "disks": ["/dev/sdg"]}),
    "nbd": job_document(**volume(path="nbd://user@host:10809/web01")),
    "the boot volume is not the first": job_document(volumes=TWO[::-1]),
    "a file with a colon": job_document(**volume(path="./a://b:c@d")),
    "longest id": job_document(id="_" + "x" * 63),
    "a launch and its target": job_document(target={"instance_type": "m7g.large"}, launch={"disks": [{"volume": 0, "type": "gp2"}]}),
    "empty objects": job_document(target={}, options={}, timeouts={}, labels={}),
    "a version that is a whole number": job_document(version=1.0),
}

# The parser's words for each, which the schema refuses as well.
BAD = {
    "no version": (without(job_document(), "version"), "version: is missing"),
    "version 2": (job_document(version=2), "version: is 2, and this rehost knows 1"),
    "version as a text": (job_document(version="1"), "version: must be a whole number, and is a text"),
    "no id": (without(job_document(), "id"), "id: is missing"),
    "empty id": (job_document(id=""), "id: must be"),
    "id of a path": (job_document(id="../web01"), "id: must be"),
    "id of dots": (job_document(id=".."), "id: must be"),
    "id like an option": (job_document(id="-rf"), "id: must be"),
    "id of two lines": (job_document(id="web01\n"), "id: must be"),
    "long id": (job_document(id="x" * 65), "id: must be"),
    "mode": (job_document(mode="prod"), "mode: cannot be 'prod': it is one of test, cutover"),
    "unknown field": (job_document(colour="red"), "colour: there is no such field"),
    "unknown field of a volume": (job_document(**volume(size=1)), "volumes[0].size: there is no such field"),
    "no volumes": (job_document(volumes=[]), "volumes: must have 1 to 128 rows"),
    "volumes as an object": (job_document(volumes={}), "volumes: must be a list, and is an object"),
    "many volumes": (job_document(volumes=[TWO[0], *[TWO[1]] * 128]), "volumes: must have 1 to 128 rows"),
    "a volume that is none": (job_document(volumes=[TWO[0], 7]), "volumes[1]: must be an object, and is a number"),
    "path and device": (job_document(**volume(device="/dev/sda")), "volumes[0]: must have one of path and device"),
    "neither": (job_document(volumes=[{"role": "boot"}]), "volumes[0]: must have one of path and device"),
    "empty path": (job_document(**volume(path="")), "volumes[0].path: must have 1 to 4096 characters"),
    "long path": (job_document(**volume(path="x" * 4097)), "volumes[0].path: must have 1 to 4096 characters"),
    "null path": (job_document(**volume(path=None)), "volumes[0].path: must be a text, and is null"),
    "relative device": (job_document(volumes=[{"device": "sda", "role": "boot"}]), "volumes[0].device: must begin with /"),
    "password": (job_document(**volume(path="nbd://user:hunter2@host/web01")), "volumes[0].path: has a password in its address"),
    "address": (job_document(**volume(path="https://user:hunter2@host/x.raw")), "volumes[0].path: is an address and no path"),
    "NBD, shouted": (job_document(**volume(path="NBD://user:hunter2@host/web01")), "volumes[0].path: is an address and no path"),
    "manifest of a server": (job_document(**volume(manifest="s3://user:hunter2@host/m")), "volumes[0].manifest: is an address and no path"),
    "an address to write to": (job_document(action={"type": "delta", "directory": "nbd://user:hunter2@host/a"}), "action.directory: is an address"),
    "addresses as disks": (job_document(action={"type": "image", "disks": ["nbd://user:hunter2@host/a"]}), "action.disks[0]: is an address"),
    "format": (job_document(**volume(format="iso")), "volumes[0].format: cannot be 'iso'"),
    "role": (job_document(**volume(role="root")), "volumes[0].role: cannot be 'root'"),
    "no role": (job_document(volumes=[{"path": "a"}]), "volumes[0].role: is missing"),
    "two boot volumes": (job_document(volumes=[TWO[0], TWO[0]]), "volumes[1].role: volumes[0] is the boot volume already"),
    "no boot volume": (job_document(volumes=[TWO[1]]), "volumes: one of them must have the role boot"),
    "empty manifest": (job_document(**volume(manifest="")), "volumes[0].manifest: must have 1 to 4096 characters"),
    "no action": (without(job_document(), "action"), "action: is missing"),
    "action": (job_document(action={"type": "erase"}), "action.type: cannot be 'erase'"),
    "action without a type": (job_document(action={}), "action.type: is missing"),
    "in place with a directory": (job_document(action={**IN_PLACE, "directory": "out"}), "action.directory: there is no such field"),
    "image to nowhere": (job_document(action={"type": "image"}), "action: must have one of directory and disks"),
    "image to two places": (job_document(action={"type": "image", "directory": "a", "disks": ["b"]}), "action: must have one of"),
    "a format for disks": (job_document(action={"type": "image", "disks": ["b"], "format": "raw"}), "action.format: there is no such field"),
    "a delta of a format": (job_document(action={"type": "delta", "directory": "a", "format": "raw"}), "action.format: there is no such"),
    "no disks": (job_document(action={"type": "image", "disks": []}), "action.disks: must have 1 to 128 rows"),
    "delta as a format": (job_document(action={"type": "image", "directory": "a", "format": "delta"}), "action.format: cannot be 'delta'"),
    "format that is only read": (job_document(action={"type": "image", "directory": "a", "format": "vdi"}), "action.format: cannot be"),
    "architecture": (job_document(target={"architecture": "aarch64"}), "target.architecture: cannot be 'aarch64'"),
    "boot mode": (job_document(target={"boot_mode": "bios"}), "target.boot_mode: cannot be 'bios'"),
    "old nitro": (job_document(target={"nitro_generation": 1}), "target.nitro_generation: "),
    "nitro and a half": (job_document(target={"nitro_generation": 4.5}), "target.nitro_generation: must be a whole number"),
    "instance type": (job_document(target={"instance_type": "m7i"}), "target.instance_type: "),
    "instance type of two lines": (job_document(target={"instance_type": "m7i.large\n"}), "target.instance_type: "),
    "initramfs": (job_document(options={"initramfs": "magic"}), "options.initramfs: cannot be 'magic'"),
    "network": (job_document(options={"network": "static"}), "options.network: cannot be 'static'"),
    "keep": (job_document(options={"keep": ["all", "vmwear"]}), "options.keep[1]: cannot be 'vmwear'"),
    "keep as a text": (job_document(options={"keep": "all"}), "options.keep: must be a list, and is a text"),
    "empty bundle": (job_document(options={"driver_bundles": [""]}), "options.driver_bundles[0]: must have"),
    "no kernel": (job_document(options={"default_kernel": ""}), "options.default_kernel: must have"),
    "a flag as a text": (job_document(options={"strict": "yes"}), "options.strict: must be true or false, and is a text"),
    "verify without a manifest": (job_document(options={"verify": True, "no_manifest": True}), "options.verify: needs the manifest"),
    "no time": (job_document(timeouts={"total": 0}), "timeouts.total: must be from 1 to 31536000, and is 0"),
    "all time": (job_document(timeouts={"total": 10**30}), "timeouts.total: must be from 1"),
    "no phase": (job_document(timeouts={"phases": {"lunch": 5}}), "timeouts.phases: a phase cannot be 'lunch'"),
    "a phase's time": (job_document(timeouts={"phases": {"launch": "5"}}), "timeouts.phases.launch: must be a whole number"),
    "a label that is no text": (job_document(labels={"a": 1}), "labels.a: must be a text, and is a number"),
    "many labels": (job_document(labels={str(i): "" for i in range(65)}), "labels: must have 0 to 64 rows"),
    "a nameless label": (job_document(labels={"": "a"}), "labels: a name: must have 1 to 128 characters"),
    "a long label": (job_document(labels={"a": "ö" * 257}), "labels.a: must have 0 to 256 characters, and has 257"),
    "launch": (job_document(launch=[]), "launch: must be an object, and is a list"),
    "launch of a spot instance": (launch(launch_type="spot"), "launch.launch_type: cannot be 'spot'"),
    "unknown field of launch": (launch(elastic_ip="192.0.2.1"), "launch.elastic_ip: there is no such field"),
    "launch of no type": (launch(instance_type="large"), "launch.instance_type: is no instance type"),
    "subnet": (launch(subnet_id="subnet-01234567\n"), "launch.subnet_id: is no subnet"),
    "security group": (launch(security_group_ids=["default"]), "launch.security_group_ids: 'default' is no security group"),
    "many security groups": (launch(security_group_ids=["sg-01234567"] * 17), "launch.security_group_ids: are more than"),
    "address": (launch(private_ip="10.0.0.256"), "launch.private_ip: '10.0.0.256' is no IPv4 address"),
    "address of metadata": (launch(private_ip="169.254.169.254"), "launch.private_ip: "),
    "address of two lines": (launch(private_ip="10.0.0.1\n"), "launch.private_ip: "),
    "address with zeros": (launch(private_ip="10.00.0.1"), "launch.private_ip: "),
    "address of this host": (launch(private_ip="127.0.0.1"), "launch.private_ip: "),
    "public address": (launch(public_ip="yes"), "launch.public_ip: must be true or false"),
    "placement group": (launch(placement_group=""), "launch.placement_group: is no name"),
    "profile": (launch(iam_instance_profile="arn:aws:iam::1:role/web"), "launch.iam_instance_profile: is neither"),
    "initial state": (launch(initial_state="running"), "launch.initial_state: cannot be 'running'"),
    "tag of AWS": (launch(tags={"aws:owner": ""}), "launch.tags: 'aws:owner' is no key"),
    "tag of rehost": (launch(tags={"rehost:initial-state": "started"}, initial_state="stopped"), "launch.tags: 'rehost:initial-state' is rehost's own"),
    "long tag": (launch(tags={"a": "ö" * 257}), "launch.tags: the value of 'a' is longer"),
    "many tags": (launch(tags={str(i): "" for i in range(51)}), "launch.tags: are 51"),
    "no room for the state": (launch(tags={str(i): "" for i in range(50)}, initial_state="stopped"), "launch.tags: are 50"),
    "disk of no volume": (launch(disks=[{"type": "gp3"}]), "launch.disks[0].volume: is missing"),
    "disk before the first": (launch(disks=[{"volume": -1}]), "launch.disks[0].volume: must be from 0"),
    "type of disk": (launch(disks=[{"volume": 0, "type": "gp4"}]), "launch.disks[0].type: cannot be 'gp4'"),
    "IOPS of gp2": (launch(disks=[{"volume": 0, "type": "gp2", "iops": 3000}]), "launch.disks[0].iops: a gp2 volume takes no iops"),
    "few IOPS": (launch(disks=[{"volume": 0, "iops": 100}]), "launch.disks[0].iops: a gp3 volume takes 3000 to 80000"),
    "io1 without IOPS": (launch(disks=[{"volume": 0, "type": "io1"}]), "launch.disks[0].iops: is missing"),
    "throughput of io2": (launch(disks=[{"volume": 0, "type": "io2", "iops": 100, "throughput": 125}]), "launch.disks[0].throughput: a io2"),
    "a list": ([], "the document: must be an object, and is a list"),
}

# What only the parser can know.
BEYOND_THE_SCHEMA = {
    "launch of nothing": (job_document(launch={}), "launch.instance_type: is missing, and there is no target.instance_type"),
    "two instance types": (job_document(target={"instance_type": "m5.large"}, launch={"instance_type": "m6i.large"}),
                           "launch.instance_type: is m6i.large, and target.instance_type is m5.large"),
    "x86 on arm": (job_document(target={"architecture": "x86_64", "instance_type": "m7g.large"}), "target.architecture: is x86_64, and m7g.large is"),
    "UEFI on Xen": (job_document(target={"boot_mode": "uefi", "instance_type": "t2.micro"}), "target.boot_mode: is uefi, and t2.micro is a Xen"),
    "a disk beyond the last": (launch(disks=[{"volume": 1}]), "launch.disks[0].volume: must be from 0 to 0, and is 1"),
    "a disk described twice": (launch(disks=[{"volume": 0}, {"volume": 0}]), "launch.disks[1].volume: volume 0 is there twice"),
    "a boot volume of magnets": (launch(disks=[{"volume": 0, "type": "sc1"}]), "launch.disks[0].type: EC2 does not boot from a sc1 volume"),
    "throughput without IOPS": (launch(disks=[{"volume": 0, "throughput": 2000}]), "launch.disks[0].throughput: 2000 MiB/s want 8000 IOPS"),
    "disks for other volumes": (job_document(volumes=TWO, action={"type": "image", "disks": ["a"]}), "action.disks: names 1 disks for 2"),
    "a volume twice": (job_document(volumes=[TWO[0], {"path": "./disk0.raw", "role": "data"}]), "volumes[1].path: is the same disk as volumes[0]"),
    "a disk twice": (job_document(volumes=TWO, action={"type": "image", "disks": ["a", "x/../a"]}), "action.disks[1]: is the same disk as"),
}

NO_JSON = {
    "nothing": ("", "not valid JSON at byte "),
    "half": ('{"version": 1, "id": "we', "not valid JSON at byte "),
    "two documents": (json.dumps(job_document()) * 2, "not valid JSON at byte "),
    "comments": ("// a job\n" + json.dumps(job_document()), "not valid JSON at byte "),
    "deep": ('{"version":' + "[" * 100_000, "nested deeper than 32 levels"),
    "deep objects": ('{"a":' * 100_000, "nested deeper than 32 levels"),
    "huge": (json.dumps(job_document()) + " " * (4 * MIB), "larger than 4 MiB"),
    "a field twice": (json.dumps(job_document())[:-1] + ', "id": "web02"}', "id: this field is there twice"),
    "a NUL": (json.dumps(job_document(id="web\0")), "id: has a NUL in it"),
}


class Document(JobTest):
    def validate(self, document, *words):
        self.write_job(document)
        return self.rehost("run", "--job", self.job_file, "--validate", *words)

    def test_the_schema_and_the_parser_take_the_same(self):
        for name, document in GOOD.items():
            with self.subTest(good=name):
                schema("job").validate(document)
                result = self.validate(document)
                self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_the_schema_and_the_parser_refuse_the_same(self):
        for name, (document, sentence) in BAD.items():
            with self.subTest(bad=name):
                self.assertFalse(schema("job").is_valid(document))
                result = self.validate(document)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(f"usage: job {self.job_file}: ", result.stderr)
                self.assertIn(sentence, result.stderr)
                self.assertNotIn("hunter2", result.stderr)

    def test_every_field_of_the_schema_is_the_parsers(self):
        """Each field that the schema knows, taken out of or misspelt in a job that has all of them."""
        def places(document, path=()):
            if isinstance(document, dict):
                for key, value in document.items():
                    yield (*path, key)
                    yield from places(value, (*path, key))
            elif isinstance(document, list):
                for i, value in enumerate(document):
                    yield from places(value, (*path, i))

        for path in places(FULL):
            for change in ("remove", "rename"):
                document = json.loads(json.dumps(FULL))
                parent = document
                for step in path[:-1]:
                    parent = parent[step]
                value = parent.pop(path[-1])
                if change == "rename":
                    parent[f"{path[-1]}_"] = value
                with self.subTest(path=path, change=change):
                    self.assertEqual(self.validate(document).returncode == 0, schema("job").is_valid(document))

    def test_the_schema_has_the_tables_of_the_program(self):
        known = schema("job").schema["properties"]
        rows = [line.split(":")[0] for line in self.rehost("list", "left-behind").stdout.splitlines() if not line.startswith(" ")]
        self.assertEqual(known["options"]["properties"]["keep"]["items"]["enum"], ["all", *rows])
        written = [line.split()[0] for line in self.rehost("list", "formats").stdout.splitlines() if line[17:30].split()[-1] == "write"]
        self.assertEqual(known["action"]["oneOf"][1]["properties"]["format"]["enum"], [f for f in written if f != "delta"])
        kinds = [line.split()[1] for line in self.rehost("list", "errors").stdout.splitlines() if line.split()[0].isdigit()]
        outcomes = schema("report").schema["properties"]["outcome"]["enum"]
        self.assertEqual(sorted(outcomes), sorted({"done", "running", *kinds}))

    def test_what_only_the_parser_can_know(self):
        for name, (document, sentence) in BEYOND_THE_SCHEMA.items():
            with self.subTest(bad=name):
                self.assertTrue(schema("job").is_valid(document))
                result = self.validate(document)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(sentence, result.stderr)

    def test_what_is_no_document(self):
        for name, (text, sentence) in NO_JSON.items():
            with self.subTest(bad=name):
                self.refuses_job(2, sentence, text)
        self.job_file.write_bytes(b'{"version":1,"id":"\xff"}')
        self.refuses_job(2, "not valid JSON at byte ")

    def test_a_terminal_obeys_no_job(self):
        result = self.validate(job_document(**{"\x1b]0;title\x07": 1}))
        self.assertEqual(result.returncode, 2)
        self.assertIn("?]0;title?\"]: there is no such field", result.stderr)
        self.assertNotIn("\x1b", result.stderr)

    def test_what_a_document_says_is_not_repeated(self):
        result = self.validate('{"version":1,"labels":{"password":"hunter2')
        self.assertEqual(result.returncode, 2)
        self.assertNotIn("hunter2", result.stderr)

    def test_a_job_from_stdin(self):
        for name, (document, code) in {"good": (job_document(), 0), "bad": ({}, 2)}.items():
            with self.subTest(name):
                result = self.rehost("run", "--job", "-", "--validate", input=json.dumps(document))
                self.assertEqual(result.returncode, code, result.stderr)
        report = self.dir / "web01.report.json"
        result = self.rehost("run", "--job", "-", input=json.dumps(job_document()), cwd=self.dir)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("disk0.raw", json.loads(report.read_text())["error"])


class Start(JobTest):
    """What is refused before the appliance."""

    def setUp(self):
        super().setUp()
        self.disk("disk0.raw")
        self.disk("disk1.raw")

    def test_no_such_job(self):
        below = self.dir / "below"
        directory = below / "web01.json"
        directory.mkdir(parents=True)
        for job in (below / "missing.json", directory):
            with self.subTest(job):
                self.job_file = job
                self.refuses_job(2, "cannot read the job")
                self.assertEqual(list(below.iterdir()), [directory], "a report only where it is asked for")
        result = self.rehost("run", "--job", ".", cwd=directory)
        self.assertEqual((result.returncode, list(directory.iterdir())), (2, []), result.stderr)
        self.refuses_job(2, "cannot read the job", None, "--report", self.report_file)
        self.assertEqual(json.loads(self.report_file.read_text())["outcome"], "usage")

    def test_a_volume_that_is_missing_or_empty(self):
        self.refuses_job(2, "absent.raw", job_document(**volume(path="absent.raw")))
        self.disk("empty.raw", 0)
        self.refuses_job(7, "empty.raw is empty: 0 bytes", job_document(**volume(path="empty.raw")))

    def test_a_volume_under_two_names(self):
        os.link(self.dir / "disk0.raw", self.dir / "hard.raw")
        os.symlink("disk0.raw", self.dir / "soft.raw")
        for name in ("hard.raw", "soft.raw"):
            with self.subTest(name):
                document = job_document(volumes=[TWO[0], {"path": name, "role": "data"}])
                self.refuses_job(2, "volumes[1].path: is the same disk as volumes[0].path", document)

    def test_a_device_under_two_names(self):
        os.symlink("/dev/null", self.dir / "sdf")
        for names in (("/dev/null", "/dev/null"), ("/dev/null", self.dir / "sdf")):
            with self.subTest(names):
                document = job_document(volumes=[{"device": str(names[0]), "role": "boot"}, {"device": str(names[1]), "role": "data"}])
                self.refuses_job(2, "is the same disk as volumes[0]", document)

    def test_events_on_a_device_that_is_a_volume(self):
        os.symlink("/dev/null", self.dir / "sdf")
        self.write_job(job_document(volumes=[{"device": str(self.dir / "sdf"), "role": "boot"}]))
        self.refuses(2, "is a volume of the job", "run", "--job", self.job_file, "--events", "/dev/null")

    def test_a_volume_that_is_in_use(self):
        with lock_as_qemu_does(self.dir / "disk0.raw"):
            self.refuses_job(6, "disk0.raw is in use", job_document(action=IN_PLACE))

    def test_a_target_that_is_in_use(self):
        target = self.disk("target.raw")
        with lock_as_qemu_does(target):
            self.refuses_job(6, "target.raw is in use", job_document(action={"type": "image", "disks": ["target.raw"]}))

    def test_a_device_that_is_mounted_here(self):
        image = self.disk("loop.raw", 8 * MIB)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        device = subprocess.run(["losetup", "--find", "--show", image], check=False, stdout=subprocess.PIPE, text=True).stdout.strip()
        if not device:
            self.skipTest("no loop device can be had here")
        where = self.dir / "mounted"
        where.mkdir()
        try:
            subprocess.run(["mount", device, where], check=True)
            for action in (IN_PLACE, job_document()["action"]):
                with self.subTest(action["type"]):
                    self.refuses_job(6, "mounted", job_document(volumes=[{"device": device, "role": "boot"}], action=action))
            subprocess.run(["umount", where], check=True)
        finally:
            subprocess.run(["umount", "-q", where], check=False)
            subprocess.run(["losetup", "-d", device], check=True)

    def test_events_that_nobody_can_write(self):
        self.write_job(job_document())
        read_only = os.open("/dev/null", os.O_RDONLY)
        for destination, sentence in (("fd:987", "not open for writing"), (f"fd:{read_only}", "not open for writing"), ("fd:x", "wants the number"),
                                      (self.dir / "no/such/place", "cannot write events")):
            with self.subTest(destination=destination):
                self.refuses(2, sentence, "run", "--job", self.job_file, "--events", destination, pass_fds=(read_only,))
        os.close(read_only)
        self.assertFalse(self.report_file.exists())

    def test_events_go_to_no_descriptor_of_the_programs_own(self):
        self.write_job(job_document(**volume(path="absent.raw")))
        for number in range(3, 10):
            for words in (("run", "--job", self.job_file), ("inspect", self.dir / "disk0.raw")):
                with self.subTest(number=number, command=words[0]):
                    self.refuses(2, f"--events fd:{number}: the descriptor is not open", *words, "--events", f"fd:{number}",
                                 "--log-file", self.dir / "log", "--log-level", "trace")
        self.assertFalse((self.dir / "log").exists())
        closed = subprocess.run([REHOST, "run", "--job", self.job_file, "--events", "-", "--log-file", self.dir / "log"], check=False,
                                stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(1))
        self.assertEqual(closed.returncode, 2, closed.stderr)
        self.assertFalse((self.dir / "log").exists())

    def test_a_volume_is_not_written_over_by_events_logs_or_the_report(self):
        self.write_job(job_document())
        before = (self.dir / "disk0.raw").read_bytes()
        for option in ("--events", "--report", "--log-file"):
            with self.subTest(option):
                self.refuses(2, "is a volume of the job", "run", "--job", self.job_file, option, self.dir / "disk0.raw", "--log-level", "trace")
        self.assertEqual((self.dir / "disk0.raw").read_bytes(), before)

    def test_events_on_stdout_are_alone_there(self):
        self.write_job(job_document(**volume(path="absent.raw"), labels={"project": "blue"}))
        result = self.rehost("run", "--job", self.job_file, "--events", "-")
        events = self.check_events(result.stdout)
        self.assertEqual([e["event"] for e in events], ["started", "finished"])
        self.assertEqual([e["mgn_event"] for e in events], ["CONVERSION_START", "CONVERSION_FAIL"])
        for event in events:
            self.assertEqual((event["job"], event["labels"]), ("web01", {"project": "blue"}))

    def test_a_reader_of_events_that_does_not_read_holds_nothing_up(self):
        self.write_job(job_document(**volume(path="absent.raw")))
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * 4096)
        result = self.rehost("run", "--job", self.job_file, "--events", f"fd:{writer}", pass_fds=(writer,))
        os.close(writer)
        os.close(reader)
        self.assertEqual(result.returncode, 2, result.stderr)

    def test_a_reader_of_events_that_has_gone_holds_nothing_up(self):
        self.write_job(job_document(**volume(path="absent.raw")))
        reader, writer = os.pipe()
        os.close(reader)
        result = self.rehost("run", "--job", self.job_file, "--events", f"fd:{writer}", pass_fds=(writer,))
        os.close(writer)
        self.assertEqual(result.returncode, 2, result.stderr)

    def test_a_signal_ends_a_run_whose_stderr_nobody_reads(self):
        """It waits for a server that says nothing; the first line of its progress has no room."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        address = self.dir / "silent.sock"
        server.bind(str(address))
        server.listen()
        self.write_job(job_document(**volume(path=f"nbd+unix:///web01?socket={address}")))
        for words in ((), ("--quiet",), ("--log-level", "trace")):
            with self.subTest(words=words):
                self.report_file.unlink(missing_ok=True)
                reader, writer = os.pipe()
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
                os.write(writer, b"x" * 4096)
                process = subprocess.Popen([REHOST, "run", "--job", self.job_file, "--work-dir", self.work, *words], stderr=writer)
                while not self.report_file.exists():
                    time.sleep(0.02)
                process.terminate()
                self.assertEqual(process.wait(timeout=STOP_HANGS), 9)
                os.close(writer)
                os.close(reader)
                self.assertEqual(json.loads(self.report_file.read_text())["outcome"], "cancelled")

    def test_a_report_that_cannot_be_written(self):
        self.write_job(job_document())
        (self.dir / "plain").touch()
        result = self.run_job(None, "--report", self.dir / "plain/report.json")
        self.assertEqual(result.status, 6, result.stderr)
        self.assertIn("--report", result.events[-1]["sentence"])

    def test_a_full_disk_for_the_report(self):
        with self.small_disk("small", "64k") as where:
            (where / "filler").write_bytes(b"x" * (64 << 10))
            result = self.run_job(job_document(), "--report", where / "report.json")
            self.assertEqual(result.status, 6, result.stderr)
            self.assertIn("No space left on device", result.events[-1]["sentence"])
            self.assertEqual([p.name for p in where.iterdir()], ["filler"])

    def test_two_workers_on_one_job(self):
        self.write_job(job_document())
        with open(f"{self.report_file}.lock", "w", encoding="ascii") as lock:
            lock.write("4711\n")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = self.run_job()
        self.assertEqual(result.status, 6, result.stderr)
        self.assertIn("another worker (pid 4711) is at this job", result.events[-1]["sentence"])
        self.assertTrue(result.events[-1]["retryable"])
        self.assertIsNone(result.report)
        # What a killed worker leaves is no lock.
        self.refuses_job(2, "absent.raw", job_document(**volume(path="absent.raw")))
        self.assertFalse(list(self.dir.glob("*.lock")))

    def test_a_refused_job_does_not_replace_the_report_of_a_run(self):
        self.report_file.write_text(json.dumps({"outcome": "done"}))
        self.write_job(job_document(mode="prod"))
        self.assertEqual(self.rehost("run", "--job", self.job_file).returncode, 2)
        self.assertEqual(json.loads(self.report_file.read_text()), {"outcome": "done"})

    def test_logs_go_to_a_file_as_text_or_json(self):
        self.write_job(job_document(**volume(path="absent.raw")))
        log = self.dir / "worker.log"
        self.refuses(2, "absent.raw", "run", "--job", self.job_file, "--log-file", log, "--log-format", "json", "--log-level", "info")
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual(rows[0]["level"], "info")
        self.assertIn("web01", rows[0]["message"])
        self.assertEqual(rows[-1]["level"], "error")
        self.refuses(6, "--log-file", "run", "--job", self.job_file, "--log-file", "/proc/version/log")

    def test_a_conversion_without_a_job_has_the_same_events_and_report(self):
        empty = self.disk("empty.raw", 0)
        self.refuses(7, "empty.raw is empty", "convert", empty, "--output", self.out, "--events", self.events_file)
        self.assertNotIn("mgn_event", self.check_events(self.events_file.read_text())[-1])
        report = json.loads((self.out / "report.json").read_text())
        schema("report").validate(report)
        self.assertIsNone(report["job"])

    def test_options_of_convert_do_not_go_with_run(self):
        self.write_job(job_document())
        for words in (("--strict",), ("--output", self.out), ("--initramfs", "append"), (self.dir / "disk0.raw",)):
            with self.subTest(words=words):
                self.refuses(2, "job", "run", "--job", self.job_file, *words)
        self.refuses(2, "one of --job FILE|- and --jobs DIR", "run")
        self.refuses(2, "--job-root belongs to run", "inspect", self.dir / "disk0.raw", "--job-root", self.dir)
        self.refuses(2, "--events -", "inspect", self.dir / "disk0.raw", "--events", "-")


class Root(JobTest):
    """--job-root: no path leads out of it."""

    def setUp(self):
        super().setUp()
        self.root = self.dir / "root"
        (self.root / "out").mkdir(parents=True)
        self.disk("root/disk0.raw")
        self.outside = self.disk("outside.raw")
        self.job_file = self.root / "job.json"

    def validate(self, **fields):
        self.write_job(job_document(**fields))
        return self.rehost("run", "--job", self.job_file, "--job-root", self.root, "--validate")

    def test_inside(self):
        os.symlink("disk0.raw", self.root / "link.raw")
        for path in ("disk0.raw", "link.raw", "out/../disk0.raw", str(self.root / "disk0.raw"), "not-there-yet.raw"):
            with self.subTest(path):
                self.assertEqual(self.validate(**volume(path=path)).returncode, 0)

    def test_outside(self):
        os.symlink(self.outside, self.root / "link.raw")
        os.symlink(self.dir, self.root / "up")
        os.symlink("/nonexistent/later", self.root / "dangling.raw")
        os.symlink("/nonexistent/later", self.root / "later")
        os.symlink(self.root, self.dir / "root-too")
        (self.dir / "rootless").mkdir()
        image = {"type": "image", "directory": "out"}
        for place, fields in (
                ("volumes[0].path", volume(path="../outside.raw")),
                ("volumes[0].path", volume(path=str(self.outside))),
                ("volumes[0].path", volume(path="link.raw")),
                ("volumes[0].path", volume(path="up/outside.raw")),
                ("volumes[0].path", volume(path="dangling.raw")),
                ("volumes[0].path", volume(path="later/disk.raw")),
                ("action.directory", {"action": {**image, "directory": "later/a/b"}}),
                ("volumes[0].path", volume(path="../rootless/disk.raw")),
                ("volumes[0].path", volume(path="nbd://localhost/web01")),
                ("volumes[0].device", {"volumes": [{"device": "/dev/null", "role": "boot"}]}),
                ("volumes[0].manifest", volume(manifest="up/disk0.manifest")),
                ("action.directory", {"action": {**image, "directory": "up/out"}}),
                ("action.directory", {"action": {**image, "directory": ".."}}),
                ("action.disks[0]", {"action": {"type": "image", "disks": ["link.raw"]}}),
                ("options.driver_bundles[0]", {"options": {"driver_bundles": ["up"]}}),
                ("options.allow_backing", {"options": {"allow_backing": True}})):
            with self.subTest(fields=fields):
                result = self.validate(**fields)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(f": {place}: ", result.stderr)
                self.assertIn("--job-root forbids", result.stderr)

    def test_the_root_itself(self):
        self.write_job(job_document())
        self.refuses(2, "there is no such directory", "run", "--job", self.job_file, "--job-root", self.dir / "absent", "--validate")


if __name__ == "__main__":
    unittest.main()
