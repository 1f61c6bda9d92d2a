#!/usr/bin/python3
"""Holds the documents for EC2 (tests/ec2_documents, which a unit test compares with what rehost writes) against the service
model of EC2's own client, botocore as Debian packages it. No network: validated and serialised, never sent."""
import copy
import json
import pathlib
import re
import unittest

import botocore.loaders
import botocore.model
import botocore.serialize
import botocore.validate

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "ec2_documents"
OPERATIONS = {"register-image": "RegisterImage", "run-instances": "RunInstances"}
NAME = re.compile(r"[A-Za-z0-9()\[\] ./'@_-]{3,128}")  # of an image, as the reference of RegisterImage says


def documents(kind):
    return {file.name: json.loads(file.read_text()) for file in sorted(GOLDEN.glob(f"*-{kind}.json"))}


class Ec2Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        model = botocore.loaders.create_loader().load_service_model("ec2", "service-2")
        cls.service = botocore.model.ServiceModel(model, "ec2")

    def complaints(self, kind, document):
        """What a client has against a document: botocore's own validation, and the values of enumerations, which it leaves
        to the service. Of instance types Debian's model knows those of its year."""
        operation = self.service.operation_model(OPERATIONS[kind])
        found = botocore.validate.ParamValidator().validate(document, operation.input_shape).generate_report()
        complaints = [found] if found else []

        def walk(shape, value, place):
            if shape.type_name == "structure":
                for name, member in value.items():
                    if name in shape.members:
                        walk(shape.members[name], member, f"{place}.{name}")
            elif shape.type_name == "list":
                for element in value:
                    walk(shape.member, element, f"{place}[]")
            elif getattr(shape, "enum", None) and value not in shape.enum and shape.name != "InstanceType":
                complaints.append(f"{place}: {value} is none of {shape.enum}")

        if not complaints:
            walk(operation.input_shape, document, kind)
        return complaints

    def test_every_document_is_what_the_client_takes(self):
        for kind in OPERATIONS:
            found = documents(kind)
            self.assertGreaterEqual(len(found), 3, kind)
            for name, document in found.items():
                with self.subTest(name):
                    self.assertEqual(self.complaints(kind, document), [])
                    operation = self.service.operation_model(OPERATIONS[kind])
                    request = botocore.serialize.create_serializer("ec2").serialize_to_request(document, operation)
                    self.assertEqual(request["body"]["Action"], OPERATIONS[kind])

    def test_a_wrong_document_is_refused(self):
        image = documents("register-image")["public-address-register-image.json"]
        instance = documents("run-instances")["public-address-run-instances.json"]

        def wrong(kind, good, part, change):
            bad = copy.deepcopy(good)
            change(bad)
            complaints = " ".join(self.complaints(kind, bad))
            self.assertIn(part, complaints)

        wrong("register-image", image, "Name", lambda d: d.pop("Name"))
        wrong("register-image", image, "TagSpecifications", lambda d: d.update(TagSpecifications=[]))  # newer clients have it
        wrong("register-image", image, "EnaSupport", lambda d: d.update(EnaSupport="yes"))
        wrong("register-image", image, "BootMode", lambda d: d.update(BootMode="bios"))
        wrong("register-image", image, "Architecture", lambda d: d.update(Architecture="aarch64"))
        wrong("register-image", image, "VolumeSize", lambda d: d["BlockDeviceMappings"][0]["Ebs"].update(VolumeSize="8"))
        wrong("register-image", image, "VolumeType", lambda d: d["BlockDeviceMappings"][0]["Ebs"].update(VolumeType="gp4"))
        wrong("run-instances", instance, "MinCount", lambda d: d.pop("MinCount"))
        wrong("run-instances", instance, "InitialState", lambda d: d.update(InitialState="stopped"))
        wrong("run-instances", instance, "SecurityGroupIds",
              lambda d: d["NetworkInterfaces"][0].update(SecurityGroupIds=["sg-01234567"]))
        wrong("run-instances", instance, "ResourceType", lambda d: d["TagSpecifications"][0].update(ResourceType="instances"))

    def test_what_the_service_asks_beyond_its_model(self):
        """Rules that the reference states in words."""
        for name, document in documents("register-image").items():
            with self.subTest(name):
                self.assertTrue(NAME.fullmatch(document["Name"]), document["Name"])
                self.assertTrue(document["Description"].isascii() and len(document["Description"]) <= 255)
                self.assertEqual(document["VirtualizationType"], "hvm")
                devices = [mapping["DeviceName"] for mapping in document["BlockDeviceMappings"]]
                self.assertEqual(len(devices), len(set(devices)))
                self.assertIn(document["RootDeviceName"], devices)
                marks = [mapping["Ebs"]["SnapshotId"] for mapping in document["BlockDeviceMappings"]]
                self.assertEqual(sorted(marks), sorted(f"@SNAPSHOT_OF_VOLUME_{i}@" for i in range(len(marks))))
                for mapping in document["BlockDeviceMappings"]:
                    self.assertNotIn("Encrypted", mapping["Ebs"])  # "you must omit this parameter" beside a snapshot
        for name, document in documents("run-instances").items():
            with self.subTest(name):
                self.assertEqual((document["MinCount"], document["MaxCount"]), (1, 1))
                if "NetworkInterfaces" in document:
                    for inside in ("SubnetId", "SecurityGroupIds", "PrivateIpAddress"):
                        self.assertNotIn(inside, document)
                    self.assertEqual([card["DeviceIndex"] for card in document["NetworkInterfaces"]], [0])
                image = documents("register-image")[name.replace("run-instances", "register-image")]
                devices = {mapping["DeviceName"] for mapping in image["BlockDeviceMappings"]}
                for mapping in document.get("BlockDeviceMappings", []):
                    self.assertIn(mapping["DeviceName"], devices)  # else it would be one more, empty disk
                self.assertLessEqual(set(document.get("Placement", {})), {"GroupName", "Tenancy", "GroupId"})


if __name__ == "__main__":
    unittest.main()
