#include "converter/ec2_documents.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "converter/ebs_volumes.h"
#include "tests/support/expect_error.h"
#include "tests/support/source_dir.h"

namespace rehost {
namespace {

Report converted(size_t volumes, Firmware firmware = Firmware::bios) {
  Report report;
  report.command = "run";
  report.outcome = "done";
  report.exit_code = 0;
  Inspection found;
  found.os.pretty_name = "Debian GNU/Linux 12 (bookworm)";
  found.architecture = "x86_64";
  found.firmware = firmware;
  for (size_t i = 0; i < volumes; ++i) {
    found.volumes.push_back({"disk" + std::to_string(i), "web01-" + std::to_string(i) + ".qcow2",
                             "qcow2", (8 + i) * kGib + i});
    report.outputs.push_back({.path = "out/web01-" + std::to_string(i) + ".raw",
                              .size = (8 + i) * kGib + i,
                              .manifest_root = "0123456789abcdef" + std::to_string(i)});
  }
  report.inspection = std::move(found);
  return report;
}

struct Machine {
  std::string name;  // of its golden documents
  JobFacts job;
  Report report;
};

// Nothing is said but what the disks are.
Machine plain() {
  return {"plain", {.id = "web01"}, converted(1)};
}

// A public address: everything about the network is inside of a network interface.
Machine public_address() {
  Blueprint blueprint{.instance_type = "m6i.large",
                      .subnet_id = "subnet-0123456789abcdef0",
                      .security_group_ids = {"sg-01234567", "sg-0123456789abcdef0"},
                      .private_ip = "10.0.3.7",
                      .public_ip = true,
                      .iam_instance_profile = "web-role",
                      .tags = {{"Name", "web01"}, {"stage", "pr\u00fcfung"}}};
  blueprint.disks = {{.volume = 0, .type = "gp3", .iops = 4000, .throughput = 500}};
  return {"public-address",
          {.id = "web01", .mode = "test", .launch = {.target = {}, .blueprint = blueprint}},
          converted(2, Firmware::uefi)};
}

Machine arm64() {
  Machine machine{"arm64", {.id = "db.prod_7", .mode = "cutover"}, converted(2, Firmware::uefi)};
  machine.report.inspection->architecture = "aarch64";
  machine.job.launch.target.instance_type = "m6g.metal";
  machine.job.launch.blueprint =
      Blueprint{.instance_type = "",
                .subnet_id = "subnet-01234567",
                .security_group_ids = {"sg-01234567"},
                .private_ip = "10.0.3.8",
                .placement_group = "db",
                .iam_instance_profile = "arn:aws:iam::123456789012:instance-profile/db",
                .initial_state = InitialState::stopped};
  return machine;
}

// More volumes than AWS recommends names for, of all types; the third of them boots.
Machine many_volumes() {
  Machine machine{"many-volumes", {.id = "file01", .mode = "cutover"}, converted(24)};
  machine.job.launch.boot_volume = 2;
  Blueprint blueprint{.instance_type = "r5.4xlarge",
                      .launch_type = LaunchType::dedicated_host,
                      .placement_group = "pg-0123456789abcdef0",
                      .tags = {{"Name", "file01"}}};
  blueprint.disks = {{.volume = 0, .type = "st1"},
                     {.volume = 1, .type = "sc1"},
                     {.volume = 2, .type = "io2", .iops = 8000},
                     {.volume = 3, .type = "io1", .iops = 400},
                     {.volume = 4, .type = "standard"},
                     {.volume = 5, .type = "gp2"}};
  machine.job.launch.blueprint = blueprint;
  return machine;
}

// Names are the guest's own.
Machine hostile() {
  Machine machine{"hostile", {.id = "a"}, converted(1)};
  machine.report.inspection->os.pretty_name =
      "\x1b[31m\"Evil\"\nLinux\xff </script> \u202e" + std::string(1000, 'x');
  machine.report.outputs.clear();
  machine.job.launch.target.boot_mode = BootMode::uefi;
  return machine;
}

std::vector<Machine> machines() {
  return {plain(), public_address(), arm64(), many_volumes(), hostile()};
}

void expect_golden(const std::string& file, const std::string& text) {
  const std::string path = in_source_dir("tests/ec2_documents/" + file);
  if (std::getenv("REHOST_UPDATE_GOLDEN") != nullptr) {  // NOLINT: one thread
    std::ofstream(path) << text;
  }
  std::ifstream in(path);
  std::stringstream golden;
  golden << in.rdbuf();
  EXPECT_EQ(text, golden.str()) << "scripts/update-golden writes " << path << " anew";
}

// tests/cli/ec2_documents_test.py holds them against the models of EC2's own client.
TEST(Ec2Documents, AreTheGoldenOnes) {
  for (const Machine& machine : machines()) {
    expect_golden(machine.name + "-register-image.json",
                  register_image_json(machine.job, machine.report));
    if (machine.job.launch.blueprint) {
      expect_golden(machine.name + "-run-instances.json",
                    run_instances_json(machine.job, machine.report));
    }
  }
}

TEST(Ec2Documents, TheBootVolumeIsTheRootDeviceWhereverItStands) {
  const Machine machine = many_volumes();
  const std::vector<MappedVolume> mapped =
      map_volumes(machine.job.launch, *machine.report.inspection);
  ASSERT_EQ(mapped.size(), 24U);
  EXPECT_EQ(mapped[0].volume, 2U);
  EXPECT_EQ(mapped[0].device, "/dev/sda1");
  EXPECT_EQ(mapped[1].volume, 0U);
  EXPECT_EQ(mapped[1].device, "/dev/sdf");
  EXPECT_EQ(mapped[1].gib, 125) << "no st1 volume is smaller";
  EXPECT_EQ(mapped[3].volume, 3U);
  EXPECT_EQ(mapped[3].device, "/dev/sdh");
  EXPECT_EQ(mapped[3].gib, 12) << "11 GiB and three bytes";
  EXPECT_EQ(mapped[23].device, "/dev/xvdbb");
}

TEST(Ec2Documents, MoreVolumesThanNamesAreRefused) {
  EXPECT_ERROR(ErrorKind::unsupported_guest, "too many volumes",
               map_volumes({}, *converted(101).inspection));
}

TEST(Ec2Documents, TheSameResultHasTheSameName) {
  Machine machine = public_address();
  const std::string name = image_name(machine.job, machine.report);
  EXPECT_EQ(name, image_name(machine.job, machine.report));
  EXPECT_TRUE(name.starts_with("web01-test-")) << name;
  machine.report.outputs[1].manifest_root = "other";
  EXPECT_NE(name, image_name(machine.job, machine.report)) << "a data volume has changed";
  machine.report.outputs[1].manifest_root.clear();
  EXPECT_EQ(image_name(machine.job, machine.report), "web01-test") << "nobody has hashed it";
}

TEST(Ec2Documents, NamesHaveTheFormThatEc2Wants) {
  EXPECT_EQ(image_name({.id = "a"}, Report{}), "rehost-a");
  EXPECT_EQ(image_name({.id = ""}, Report{}), "rehost-");
  EXPECT_EQ(image_name({.id = "a\u00e9*b"}, Report{}), "a---b");
  EXPECT_EQ(image_name({.id = std::string(200, 'x')}, Report{}).size(), 128U);
}

TEST(Ec2Documents, WithoutAPublicAddressTheNetworkIsTheInstances) {
  const Machine machine = arm64();
  const Json json = Json::parse(run_instances_json(machine.job, machine.report));
  EXPECT_FALSE(json.contains("NetworkInterfaces"));
  EXPECT_EQ(json["SubnetId"], "subnet-01234567");
  EXPECT_EQ(json["InstanceType"], "m6g.metal") << "of the job's target";
}

TEST(Ec2Documents, APublicAddressMayAlsoBeDeclined) {
  Machine machine = public_address();
  machine.job.launch.blueprint->public_ip = false;
  const Json json = Json::parse(run_instances_json(machine.job, machine.report));
  EXPECT_EQ(json["NetworkInterfaces"][0]["AssociatePublicIpAddress"], false);
  EXPECT_FALSE(json.contains("SubnetId"));
  EXPECT_FALSE(json.contains("PrivateIpAddress"));
  EXPECT_FALSE(json.contains("SecurityGroupIds"));
}

TEST(Ec2Documents, AMachineToBeStoppedSaysSoInATag) {
  const Machine machine = arm64();
  const Json json = Json::parse(run_instances_json(machine.job, machine.report));
  EXPECT_EQ(json["TagSpecifications"], Json::parse(R"([{"ResourceType": "instance", "Tags":
                            [{"Key": "rehost:initial-state", "Value": "stopped"}]}])"));
}

}  // namespace
}  // namespace rehost
