#include "converter/blueprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "converter/ebs_volumes.h"
#include "converter/ec2_documents.h"
#include "converter/instance_types.h"

namespace rehost {
namespace {

constexpr std::array<std::string_view, 3> kLaunchTypes{"on-demand", "dedicated-instance",
                                                       "dedicated-host"};
constexpr std::array<std::string_view, 2> kInitialStates{"started", "stopped"};
// EC2's own limits: tags on a resource, their keys and values ("Tag your Amazon EC2 resources"),
// security groups on a network interface (the highest quota there is).
constexpr size_t kMostTags = 50;
constexpr size_t kLongestTagKey = 127;
constexpr size_t kLongestTagValue = 256;
constexpr size_t kMostSecurityGroups = 16;
constexpr size_t kLongestName = 255;
constexpr size_t kLongestShown = 64;  // of what a sentence repeats

LaunchType to_launch_type(std::string_view name) {
  if (name == "dedicated-instance") {
    return LaunchType::dedicated_instance;
  }
  return name == "dedicated-host" ? LaunchType::dedicated_host : LaunchType::on_demand;
}

// "subnet-0123456789abcdef0", or the eight digits of older ones.
bool is_resource_id(std::string_view text, std::string_view prefix) {
  constexpr size_t kLongestId = 17;
  constexpr size_t kShortestId = 8;
  if (!text.starts_with(prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return text.size() >= kShortestId && text.size() <= kLongestId &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::optional<std::array<int, 4>> parse_ipv4(std::string_view text) {
  std::array<int, 4> octets{};
  for (size_t i = 0; i < octets.size(); ++i) {
    const size_t end = i + 1 == octets.size() ? text.size() : text.find('.');
    if (end == std::string_view::npos || end == 0 || end > 3 || (end > 1 && text[0] == '0')) {
      return std::nullopt;
    }
    const auto [rest, error] = std::from_chars(text.data(), text.data() + end, octets.at(i));
    if (error != std::errc() || rest != text.data() + end || octets.at(i) < 0 ||
        octets.at(i) > 255) {
      return std::nullopt;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return octets;
}

// An address that a network card in a subnet can have.
bool is_host_address(std::string_view text) {
  const std::optional<std::array<int, 4>> octets = parse_ipv4(text);
  if (!octets) {
    return false;
  }
  const auto [a, b, c, d] = *octets;
  return a != 0 && a != 127 && a < 224 && !(a == 169 && b == 254);
}

// "Names can contain alphanumeric characters and the following: plus, equal, comma, period, at,
// underscore, hyphen" (IAM), and the ARN around such a name.
bool is_profile(std::string_view text) {
  constexpr size_t kLongestArn = 2048;
  if (text.starts_with("arn:")) {
    return text.size() <= kLongestArn && text.find(":instance-profile/") != std::string_view::npos;
  }
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (isalnum(c) != 0 && c < 0x80) ||
                  std::string_view("+=,.@_-").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

// Characters, not bytes: what is no start of one in UTF-8 does not count.
size_t characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::map<std::string, std::string> parse_tags(JsonObject& object, size_t most) {
  std::map<std::string, std::string> tags = object.optional_text_map("tags");
  if (tags.size() > most) {
    throw object.wrong("tags", fmt::format("are {}, and there is room for {}", tags.size(), most));
  }
  for (const auto& [key, value] : tags) {
    if (key.empty() || characters(key) > kLongestTagKey || key.starts_with("aws:")) {
      throw object.wrong("tags", fmt::format("'{}' is no key of a tag: it has 1 to {} characters "
                                             "and does not begin with aws:",
                                             key.substr(0, kLongestTagKey), kLongestTagKey));
    }
    if (key == kInitialStateTag) {
      throw object.wrong("tags", fmt::format("'{}' is rehost's own: say initial_state", key));
    }
    if (characters(value) > kLongestTagValue) {
      throw object.wrong("tags", fmt::format("the value of '{}' is longer than {} characters", key,
                                             kLongestTagValue));
    }
  }
  return tags;
}

// A number that the volume's type may take, or none.
std::optional<int64_t> parse_speed(JsonObject& object, std::string_view name,
                                   const VolumeTypeRow& type,
                                   const std::optional<NumberRange>& range) {
  const std::optional<int64_t> number =
      object.optional_number(name, 1, std::numeric_limits<int32_t>::max());
  if (number && !range) {
    throw object.wrong(name, fmt::format("a {} volume takes no {}", type.name, name));
  }
  if (number && !range->has(*number)) {
    throw object.wrong(name, fmt::format("a {} volume takes {} to {}, not {}", type.name,
                                         range->least, range->most, *number));
  }
  return number;
}

BlueprintDisk parse_disk(JsonObject object, size_t volumes, size_t boot_volume) {
  BlueprintDisk disk;
  disk.volume = static_cast<size_t>(
      object.number("volume", 0, static_cast<int64_t>(std::max<size_t>(volumes, 1)) - 1));
  std::vector<std::string_view> names;
  for (const VolumeTypeRow& row : volume_types()) {
    names.push_back(row.name);
  }
  disk.type = object.optional_choice("type", names).value_or(std::string(kDefaultVolumeType));
  const VolumeTypeRow& type = *find_volume_type(disk.type);
  if (!type.can_boot && disk.volume == boot_volume) {
    throw object.wrong("type", fmt::format("EC2 does not boot from a {} volume", disk.type));
  }
  disk.iops = parse_speed(object, "iops", type, type.iops);
  disk.throughput = parse_speed(object, "throughput", type, type.throughput);
  if (type.needs_iops && !disk.iops) {
    throw object.wrong("iops", fmt::format("is missing: EC2 wants it of a {} volume", disk.type));
  }
  // "0.25 MiB/s per provisioned IOPS" (Amazon EBS volume types).
  const int64_t iops = disk.iops.value_or(kLeastGp3Iops);
  if (disk.throughput && *disk.throughput * 4 > iops) {
    throw object.wrong("throughput", fmt::format("{} MiB/s want {} IOPS, and there are {}",
                                                 *disk.throughput, *disk.throughput * 4, iops));
  }
  object.finish();
  return disk;
}

std::vector<BlueprintDisk> parse_disks(JsonObject& object, size_t volumes, size_t boot_volume) {
  std::vector<BlueprintDisk> disks;
  for (const JsonObject& row : object.optional_objects("disks")) {
    const BlueprintDisk disk = parse_disk(row, volumes, boot_volume);
    if (std::any_of(disks.begin(), disks.end(),
                    [&](const BlueprintDisk& other) { return other.volume == disk.volume; })) {
      throw row.wrong("volume", fmt::format("volume {} is there twice", disk.volume));
    }
    disks.push_back(disk);
  }
  return disks;
}

void parse_network(JsonObject& object, Blueprint& blueprint) {
  blueprint.subnet_id = object.optional_text("subnet_id").value_or("");
  if (object.has("subnet_id") && !is_resource_id(blueprint.subnet_id, "subnet-")) {
    throw object.wrong("subnet_id", "is no subnet, which looks like subnet-0123456789abcdef0");
  }
  blueprint.security_group_ids = object.optional_texts("security_group_ids");
  if (blueprint.security_group_ids.size() > kMostSecurityGroups) {
    throw object.wrong(
        "security_group_ids",
        fmt::format("are more than the {} that a network interface can have", kMostSecurityGroups));
  }
  for (const std::string& id : blueprint.security_group_ids) {
    if (!is_resource_id(id, "sg-")) {
      throw object.wrong("security_group_ids",
                         fmt::format("'{}' is no security group, which looks like "
                                     "sg-0123456789abcdef0",
                                     id.substr(0, kLongestShown)));
    }
  }
  blueprint.private_ip = object.optional_text("private_ip").value_or("");
  if (object.has("private_ip") && !is_host_address(blueprint.private_ip)) {
    throw object.wrong("private_ip", fmt::format("'{}' is no IPv4 address of a machine",
                                                 blueprint.private_ip.substr(0, kLongestShown)));
  }
  if (object.has("public_ip")) {
    blueprint.public_ip = object.flag("public_ip", false);
  }
}

}  // namespace

Blueprint parse_blueprint(JsonObject object, size_t volumes, size_t boot_volume) {
  Blueprint blueprint;
  blueprint.instance_type = object.optional_text("instance_type").value_or("");
  if (object.has("instance_type") && !is_instance_type_name(blueprint.instance_type)) {
    throw object.wrong("instance_type", "is no instance type, which looks like m7i.large");
  }
  blueprint.launch_type =
      to_launch_type(object.optional_choice("launch_type", kLaunchTypes).value_or("on-demand"));
  parse_network(object, blueprint);
  blueprint.placement_group = object.optional_text("placement_group").value_or("");
  if (object.has("placement_group") && !is_name(blueprint.placement_group)) {
    throw object.wrong("placement_group", "is no name: 1 to 255 ASCII characters");
  }
  blueprint.iam_instance_profile = object.optional_text("iam_instance_profile").value_or("");
  if (object.has("iam_instance_profile") && !is_profile(blueprint.iam_instance_profile)) {
    throw object.wrong("iam_instance_profile",
                       "is neither the name of an instance profile nor its ARN");
  }
  blueprint.initial_state =
      object.optional_choice("initial_state", kInitialStates).value_or("started") == "stopped"
          ? InitialState::stopped
          : InitialState::started;
  // A machine that is to be stopped gets a tag that says so (ec2_documents.h).
  const bool stopped = blueprint.initial_state == InitialState::stopped;
  blueprint.tags = parse_tags(object, stopped ? kMostTags - 1 : kMostTags);
  blueprint.disks = parse_disks(object, volumes, boot_volume);
  object.finish();
  return blueprint;
}

const BlueprintDisk* find_disk(const Blueprint& blueprint, size_t volume) {
  const auto disk = std::find_if(blueprint.disks.begin(), blueprint.disks.end(),
                                 [&](const BlueprintDisk& row) { return row.volume == volume; });
  return disk == blueprint.disks.end() ? nullptr : &*disk;
}

}  // namespace rehost
