// The launch blueprint of a job: how its machine is to be started on EC2. CloudEndure's blueprint,
// field by field. rehost starts nothing: it checks the blueprint against what it has found on the
// disks (launch_checks.h) and hands it on as run-instances.json (ec2_documents.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/json_reader.h"

namespace rehost {

enum class LaunchType { on_demand, dedicated_instance, dedicated_host };
enum class InitialState { started, stopped };

// How one of the job's volumes becomes an EBS volume.
struct BlueprintDisk {
  size_t volume = 0;      // position in the job's list of volumes
  std::string type = {};  // "gp3"
  std::optional<int64_t> iops = {};
  std::optional<int64_t> throughput = {};  // MiB/s
};

struct Blueprint {
  std::string instance_type = {};  // empty: the one of the job's target
  LaunchType launch_type = LaunchType::on_demand;
  std::string subnet_id = {};  // empty here and below: EC2's default
  std::vector<std::string> security_group_ids = {};
  std::string private_ip = {};
  std::optional<bool> public_ip = {};     // nullopt: as the subnet says
  std::string placement_group = {};       // a name or an id
  std::string iam_instance_profile = {};  // a name or an ARN
  InitialState initial_state = InitialState::started;
  std::map<std::string, std::string> tags = {};
  std::vector<BlueprintDisk> disks = {};
};

// A job's "launch". `volumes` is how many volumes the job has, `boot_volume` which of them boots.
// Throws Error(usage) with the place of what is wrong: `launch.disks[0].iops`.
Blueprint parse_blueprint(JsonObject object, size_t volumes, size_t boot_volume);

// The row for a volume; null: the blueprint says nothing of it.
const BlueprintDisk* find_disk(const Blueprint& blueprint, size_t volume);

}  // namespace rehost
