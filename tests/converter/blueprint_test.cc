#include "converter/blueprint.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "converter/launch_target.h"
#include "tests/support/expect_error.h"

namespace rehost {
namespace {

// As in a job with three volumes, of which the first boots.
Blueprint parse(std::string_view text) {
  const Json json = parse_strict_json(text);
  return parse_blueprint({json, "launch"}, 3, 0);
}

LaunchTarget parse_target(std::string_view text) {
  const Json json = parse_strict_json(text);
  return parse_launch_target({json, "target"});
}

void expect_refused(std::string_view part, std::string_view text) {
  EXPECT_ERROR(ErrorKind::usage, std::string(part), parse(text));
}

TEST(Blueprint, TakesEveryField) {
  const Blueprint all = parse(R"({
    "instance_type": "m7i.large", "launch_type": "dedicated-host", "subnet_id": "subnet-0123456789abcdef0",
    "security_group_ids": ["sg-01234567", "sg-0123456789abcdef0"], "private_ip": "10.0.3.7", "public_ip": false,
    "placement_group": "web", "iam_instance_profile": "web-role", "initial_state": "stopped",
    "tags": {"Name": "web01", "cost centre": "4711"},
    "disks": [{"volume": 0, "type": "gp3", "iops": 4000, "throughput": 500}, {"volume": 2, "type": "st1"}]})");
  EXPECT_EQ(all.instance_type, "m7i.large");
  EXPECT_EQ(all.launch_type, LaunchType::dedicated_host);
  EXPECT_EQ(all.subnet_id, "subnet-0123456789abcdef0");
  EXPECT_EQ(all.security_group_ids.size(), 2U);
  EXPECT_EQ(all.private_ip, "10.0.3.7");
  EXPECT_EQ(all.public_ip, std::optional(false));
  EXPECT_EQ(all.placement_group, "web");
  EXPECT_EQ(all.iam_instance_profile, "web-role");
  EXPECT_EQ(all.initial_state, InitialState::stopped);
  EXPECT_EQ(all.tags.at("cost centre"), "4711");
  ASSERT_EQ(all.disks.size(), 2U);
  EXPECT_EQ(all.disks[0].iops, std::optional<int64_t>(4000));
  EXPECT_EQ(all.disks[0].throughput, std::optional<int64_t>(500));
  EXPECT_EQ(find_disk(all, 2)->type, "st1");
  EXPECT_EQ(find_disk(all, 1), nullptr);
}

TEST(Blueprint, AnEmptyOneLeavesEverythingToEc2) {
  const Blueprint none = parse("{}");
  EXPECT_EQ(none.launch_type, LaunchType::on_demand);
  EXPECT_EQ(none.public_ip, std::nullopt);
  EXPECT_EQ(none.initial_state, InitialState::started);
  EXPECT_TRUE(none.disks.empty());
}

TEST(Blueprint, RefusesWhatItDoesNotKnow) {
  expect_refused("launch.elastic_ip", R"({"elastic_ip": "1.2.3.4"})");
  expect_refused("launch.disks[0].size", R"({"disks": [{"volume": 0, "size": 7}]})");
  expect_refused("launch.launch_type", R"({"launch_type": "spot"})");
  expect_refused("launch.initial_state", R"({"initial_state": "STOPPED"})");
}

TEST(Blueprint, RefusesIdsOfAnotherForm) {
  expect_refused("launch.subnet_id", R"({"subnet_id": "vpc-01234567"})");
  expect_refused("launch.subnet_id", R"({"subnet_id": ""})");
  expect_refused("launch.subnet_id", R"({"subnet_id": "subnet-0123"})");
  expect_refused("launch.security_group_ids",
                 R"({"security_group_ids": ["sg-01234567", "default"]})");
  expect_refused("launch.instance_type", R"({"instance_type": "large"})");
  expect_refused("launch.iam_instance_profile", R"({"iam_instance_profile": "a b"})");
  expect_refused("launch.iam_instance_profile",
                 R"({"iam_instance_profile": "arn:aws:iam::1:role/web"})");
  expect_refused("launch.placement_group", "{\"placement_group\": \"a\\u000ab\"}");
  parse(R"({"iam_instance_profile": "arn:aws:iam::123456789012:instance-profile/web"})");
}

TEST(Blueprint, RefusesAddressesThatNoMachineHas) {
  for (const char* address :
       {"", "10.0.0", "10.0.0.256", "10.0.0.1.2", "10.00.0.1", "0.0.0.0", "127.0.0.1",
        "169.254.169.254", "224.0.0.1", "10.0.0.-1", "10.0.0.1 ", "::1", "a.b.c.d", "10..0.1"}) {
    expect_refused("launch.private_ip", fmt::format(R"({{"private_ip": "{}"}})", address));
  }
  parse(R"({"private_ip": "192.168.255.254"})");
}

TEST(Blueprint, RefusesDisksThatAreNotThere) {
  expect_refused("launch.disks[0].volume", R"({"disks": [{"volume": 3}]})");
  expect_refused("launch.disks[0].volume", R"({"disks": [{"volume": -1}]})");
  expect_refused("launch.disks[1].volume", R"({"disks": [{"volume": 1}, {"volume": 1}]})");
  expect_refused("launch.disks[0].volume", R"({"disks": [{"type": "gp3"}]})");
}

TEST(Blueprint, RefusesWhatAVolumeTypeDoesNotTake) {
  expect_refused("launch.disks[0].type", R"({"disks": [{"volume": 0, "type": "gp4"}]})");
  expect_refused("launch.disks[0].type: EC2 does not boot",
                 R"({"disks": [{"volume": 0, "type": "sc1"}]})");
  expect_refused("launch.disks[0].iops: a gp2",
                 R"({"disks": [{"volume": 1, "type": "gp2", "iops": 3000}]})");
  expect_refused("launch.disks[0].iops: a st1",
                 R"({"disks": [{"volume": 1, "type": "st1", "iops": 500}]})");
  expect_refused("launch.disks[0].iops: is missing",
                 R"({"disks": [{"volume": 1, "type": "io2"}]})");
  expect_refused("launch.disks[0].iops",
                 R"({"disks": [{"volume": 1, "type": "gp3", "iops": 100}]})");
  expect_refused("launch.disks[0].throughput: a io1",
                 R"({"disks": [{"volume": 1, "type": "io1", "iops": 100, "throughput": 125}]})");
  expect_refused("launch.disks[0].throughput: 1000 MiB/s want 4000 IOPS, and there are 3000",
                 R"({"disks": [{"volume": 1, "throughput": 1000}]})");
  parse(R"({"disks": [{"volume": 1, "iops": 4000, "throughput": 1000}]})");
  parse(R"({"disks": [{"volume": 1, "type": "sc1"}]})");
}

TEST(Blueprint, RefusesTagsThatEc2DoesNotTake) {
  expect_refused("launch.tags", R"({"tags": {"aws:owner": "x"}})");
  expect_refused("launch.tags", R"({"tags": {"": "x"}})");
  expect_refused("launch.tags", fmt::format(R"({{"tags": {{"{}": "x"}}}})", std::string(128, 'k')));
  expect_refused("launch.tags", fmt::format(R"({{"tags": {{"k": "{}"}}}})", std::string(257, 'v')));
  parse(fmt::format(R"({{"tags": {{"{}": "x"}}}})", [] {
    std::string key;
    for (int i = 0; i < 127; ++i) {
      key += "\u00e9";  // characters count, not bytes
    }
    return key;
  }()));
  std::string many;
  for (int i = 0; i < 50; ++i) {
    many += fmt::format("{}\"tag{}\": \"\"", i == 0 ? "" : ",", i);
  }
  EXPECT_EQ(parse("{\"tags\": {" + many + "}}").tags.size(), 50U);
  // One more is needed to say that the machine is to be stopped.
  expect_refused("launch.tags", "{\"initial_state\": \"stopped\", \"tags\": {" + many + "}}");
}

TEST(LaunchTarget, TakesEveryField) {
  const LaunchTarget target = parse_target(
      R"({"architecture": "arm64", "boot_mode": "uefi", "nitro_generation": 5, "instance_type": "m8g.large"})");
  EXPECT_EQ(target.architecture, "arm64");
  EXPECT_EQ(target.boot_mode, BootMode::uefi);
  EXPECT_EQ(target.nitro_generation, std::optional(5));
  EXPECT_EQ(target.instance_type, "m8g.large");
  EXPECT_EQ(parse_target("{}").boot_mode, BootMode::keep);
}

TEST(LaunchTarget, NamesThePlaceOfWhatIsWrong) {
  EXPECT_ERROR(ErrorKind::usage, "target.architecture",
               parse_target(R"({"architecture": "aarch64"})"));
  EXPECT_ERROR(ErrorKind::usage, "target.boot_mode", parse_target(R"({"boot_mode": "bios"})"));
  EXPECT_ERROR(ErrorKind::usage, "target.nitro_generation",
               parse_target(R"({"nitro_generation": 1})"));
  EXPECT_ERROR(ErrorKind::usage, "target.instance_type",
               parse_target(R"({"instance_type": "M7i"})"));
  EXPECT_ERROR(ErrorKind::usage, "target.region", parse_target(R"({"region": "eu-west-1"})"));
}

}  // namespace
}  // namespace rehost
