#include "converter/ec2_documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "converter/ebs_volumes.h"

namespace rehost {
namespace {

constexpr size_t kShortestImageName = 3;
constexpr size_t kLongestImageName = 128;
constexpr size_t kLongestDescription = 255;

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// "3-128 alphanumeric characters, parentheses, square brackets, spaces, periods, slashes, dashes,
// single quotes, at-signs, or underscores" (RegisterImage).
std::string for_image_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("()[] ./-'@_").find(c) != std::string_view::npos;
    name += plain ? c : '-';
  }
  return name;
}

// EC2 takes ASCII in descriptions. The guest chooses the text.
std::string for_description(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kLongestDescription)) {
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out;
}

// Twelve digits that stand for what is on all volumes; empty when nobody has hashed them.
std::string content_digits(const Report& report) {
  constexpr size_t kDigits = 12;
  std::string roots;
  for (const OutputVolume& output : report.outputs) {
    if (output.manifest_root.empty()) {
      return "";
    }
    roots += output.manifest_root + "\n";
  }
  return roots.empty() ? "" : to_hex(hash_content(roots)).substr(0, kDigits);
}

// Type, IOPS and throughput of a volume, as the blueprint has them.
void add_performance(Json& ebs, const BlueprintDisk* disk) {
  ebs["VolumeType"] = disk == nullptr ? std::string(kDefaultVolumeType) : disk->type;
  if (disk != nullptr && disk->iops) {
    ebs["Iops"] = *disk->iops;
  }
  if (disk != nullptr && disk->throughput) {
    ebs["Throughput"] = *disk->throughput;
  }
}

Json image_mappings(const JobFacts& job, const Inspection& inspection) {
  Json mappings = Json::array();
  for (const MappedVolume& volume : map_volumes(job.launch, inspection)) {
    Json ebs{{"SnapshotId", snapshot_mark(volume.volume)}, {"VolumeSize", volume.gib}};
    add_performance(ebs, volume.disk);
    // A test leaves nothing behind; after a cutover these disks are the only ones there are.
    ebs["DeleteOnTermination"] = job.mode != "cutover";
    mappings.push_back({{"DeviceName", volume.device}, {"Ebs", ebs}});
  }
  return mappings;
}

// What the blueprint wants of volumes that the image has already: by device name, without a
// snapshot, which stays the image's.
Json instance_mappings(const JobFacts& job, const Inspection& inspection) {
  Json mappings = Json::array();
  for (const MappedVolume& volume : map_volumes(job.launch, inspection)) {
    if (volume.disk != nullptr) {
      Json ebs{{"VolumeSize", volume.gib}};
      add_performance(ebs, volume.disk);
      ebs["DeleteOnTermination"] = job.mode != "cutover";
      mappings.push_back({{"DeviceName", volume.device}, {"Ebs", ebs}});
    }
  }
  return mappings;
}

// "If you specify a network interface, you must specify any subnets and security groups as part of
// the network interface", and a public address can be asked for nowhere else.
void add_network(Json& json, const Blueprint& blueprint) {
  const bool interface = blueprint.public_ip.has_value();
  Json where = Json::object();
  if (interface) {
    where["DeviceIndex"] = 0;
    where["AssociatePublicIpAddress"] = *blueprint.public_ip;
    where["DeleteOnTermination"] = true;
  }
  if (!blueprint.subnet_id.empty()) {
    where["SubnetId"] = blueprint.subnet_id;
  }
  if (!blueprint.security_group_ids.empty()) {
    where[interface ? "Groups" : "SecurityGroupIds"] = blueprint.security_group_ids;
  }
  if (!blueprint.private_ip.empty()) {
    where["PrivateIpAddress"] = blueprint.private_ip;
  }
  if (interface) {
    json["NetworkInterfaces"] = Json::array({where});
  } else {
    json.update(where);
  }
}

void add_placement(Json& json, const Blueprint& blueprint) {
  Json placement = Json::object();
  if (!blueprint.placement_group.empty()) {
    constexpr size_t kIdLength = 20;  // pg-0123456789abcdef0
    const std::string& group = blueprint.placement_group;
    placement[group.starts_with("pg-") && group.size() == kIdLength ? "GroupId" : "GroupName"] =
        group;
  }
  if (blueprint.launch_type != LaunchType::on_demand) {
    placement["Tenancy"] =
        blueprint.launch_type == LaunchType::dedicated_host ? "host" : "dedicated";
  }
  if (!placement.empty()) {
    json["Placement"] = placement;
  }
}

Json tags_json(const std::map<std::string, std::string>& tags) {
  Json list = Json::array();
  for (const auto& [key, value] : tags) {
    list.push_back({{"Key", key}, {"Value", value}});
  }
  return list;
}

void add_tags(Json& json, const Blueprint& blueprint) {
  Json specifications = Json::array();
  std::map<std::string, std::string> of_instance = blueprint.tags;
  if (blueprint.initial_state == InitialState::stopped) {
    of_instance.emplace(kInitialStateTag, "stopped");
  }
  if (!of_instance.empty()) {
    specifications.push_back({{"ResourceType", "instance"}, {"Tags", tags_json(of_instance)}});
  }
  if (!blueprint.tags.empty()) {
    specifications.push_back({{"ResourceType", "volume"}, {"Tags", tags_json(blueprint.tags)}});
  }
  if (!specifications.empty()) {
    json["TagSpecifications"] = specifications;
  }
}

}  // namespace

std::vector<MappedVolume> map_volumes(const LaunchRequest& launch, const Inspection& inspection) {
  std::vector<MappedVolume> mapped;
  size_t data = 0;
  for (size_t i = 0; i < inspection.volumes.size(); ++i) {
    const BlueprintDisk* disk = launch.blueprint ? find_disk(*launch.blueprint, i) : nullptr;
    const VolumeTypeRow* type =
        find_volume_type(disk == nullptr ? kDefaultVolumeType : std::string_view(disk->type));
    const bool boots = i == launch.boot_volume;
    const std::optional<std::string> device =
        boots ? std::string(kRootDeviceName) : data_device_name(data);
    data += boots ? 0 : 1;
    if (!device || type == nullptr) {
      throw Error(ErrorKind::unsupported_guest,
                  fmt::format("EC2 has no device name for {}: there are too many volumes",
                              inspection.volumes[i].id));
    }
    mapped.insert(
        boots ? mapped.begin() : mapped.end(),
        {i, *device, volume_gib(inspection.volumes[i].size, *type), std::string(type->name), disk});
  }
  return mapped;
}

std::string snapshot_mark(size_t volume) {
  return fmt::format("@SNAPSHOT_OF_VOLUME_{}@", volume);
}

std::string image_name(const JobFacts& job, const Report& report) {
  std::string name = for_image_name(job.id);
  for (const std::string& part : {job.mode, content_digits(report)}) {
    name += part.empty() ? "" : "-" + part;
  }
  if (name.size() < kShortestImageName) {
    name = "rehost-" + name;
  }
  return name.substr(0, kLongestImageName);
}

std::string register_image_json(const JobFacts& job, const Report& report) {
  const Inspection& inspection = report.inspection.value();
  const Json json{
      {"Name", image_name(job, report)},
      {"Description", for_description(fmt::format("{}, converted by rehost {}",
                                                  inspection.os.pretty_name, REHOST_VERSION))},
      {"Architecture", inspection.architecture == "aarch64" ? "arm64" : "x86_64"},
      {"VirtualizationType", "hvm"},
      {"EnaSupport", true},
      {"BootMode", firmware_of(job.launch, inspection) == Firmware::uefi ? "uefi" : "legacy-bios"},
      {"RootDeviceName", kRootDeviceName},
      {"BlockDeviceMappings", image_mappings(job, inspection)}};
  return dump(json);
}

std::string run_instances_json(const JobFacts& job, const Report& report) {
  const Blueprint& blueprint = job.launch.blueprint.value();
  Json json{{"ImageId", kImageMark},
            {"InstanceType", instance_type_of(job.launch)},
            {"MinCount", 1},
            {"MaxCount", 1}};
  add_network(json, blueprint);
  add_placement(json, blueprint);
  if (!blueprint.iam_instance_profile.empty()) {
    const bool arn = blueprint.iam_instance_profile.starts_with("arn:");
    json["IamInstanceProfile"] = {{arn ? "Arn" : "Name", blueprint.iam_instance_profile}};
  }
  const Json mappings = instance_mappings(job, report.inspection.value());
  if (!mappings.empty()) {
    json["BlockDeviceMappings"] = mappings;
  }
  add_tags(json, blueprint);
  return dump(json);
}

}  // namespace rehost
