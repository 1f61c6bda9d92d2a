#include "converter/launch_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "converter/core/error.h"
#include "converter/ebs_volumes.h"
#include "converter/instance_types.h"
#include "drivers/kernel_image.h"
#include "drivers/required_modules.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

constexpr uint64_t kTib = uint64_t{1} << 40;
constexpr uint64_t kMbrReach = 2 * kTib;  // 2^32 sectors of 512 bytes
// Fixes after which another kernel, or the same with another driver, may be the one that starts.
constexpr std::array<std::string_view, 2> kFixesForEna{"default-kernel", "driver-bundle"};

// One call of check_launch.
struct Inquiry {
  const LaunchRequest& request;
  const LaunchFacts& facts;
  std::optional<InstanceType> type;
  std::vector<LaunchFinding> findings = {};

  bool is_before() const { return facts.plan != nullptr; }
  const Inspection& inspection() const { return facts.inspection; }
  void contradict(std::string_view code, std::string subject, std::string sentence) {
    findings.push_back({{std::string(code), std::move(subject), std::move(sentence)}, true});
  }
  void doubt(std::string_view code, std::string subject, std::string sentence) {
    findings.push_back({{std::string(code), std::move(subject), std::move(sentence)}, false});
  }
};

// As EC2 calls them.
std::string_view ec2_architecture(const Inspection& inspection) {
  return inspection.architecture == "aarch64" ? "arm64" : std::string_view(inspection.architecture);
}

void ask_type(Inquiry& inquiry) {
  const std::string name = instance_type_of(inquiry.request);
  if (!name.empty() && !inquiry.type) {
    inquiry.doubt("launch-unknown-type", name,
                  fmt::format("rehost knows nothing of the instance type {}: whether this machine "
                              "can start on it has not been checked",
                              name));
  }
  const std::optional<int> said = inquiry.request.target.nitro_generation;
  if (said && inquiry.type && inquiry.type->nitro_generation > *said) {
    inquiry.doubt("launch-nitro-generation", name,
                  fmt::format("the job says Nitro v{}, and {} is Nitro v{}: that is what the "
                              "drivers are chosen for",
                              *said, name, inquiry.type->nitro_generation));
  }
}

// False: it cannot run there at all, and how it boots is no question.
bool ask_architecture(Inquiry& inquiry) {
  const std::string_view found = ec2_architecture(inquiry.inspection());
  const std::string& wanted = inquiry.request.target.architecture;
  if (inquiry.type && inquiry.type->architecture != found) {
    inquiry.contradict(
        "launch-architecture", inquiry.type->name,
        fmt::format("the disks hold an {} system, and {} is {}: choose an instance type for {}",
                    found, inquiry.type->name, describe(*inquiry.type), found));
    return false;
  }
  if (!wanted.empty() && wanted != found) {
    inquiry.contradict(
        "launch-architecture", "target.architecture",
        fmt::format("the disks hold an {} system, and the job says {}", found, wanted));
    return false;
  }
  return true;
}

// GRUB is in a boot sector, and a loader for UEFI is there too: images of clouds are made so.
bool has_uefi_loader(const Inquiry& inquiry) {
  Inspection as_uefi = inquiry.inspection();
  as_uefi.firmware = Firmware::uefi;
  const std::vector<CheckAnswer> answers = check_guest(inquiry.facts.guest, as_uefi, Target{});
  return std::any_of(answers.begin(), answers.end(), [](const CheckAnswer& answer) {
    return answer.question == "boot-loader" && answer.verdict == Verdict::yes;
  });
}

void ask_requested_boot_mode(Inquiry& inquiry) {
  const BootMode wanted = inquiry.request.target.boot_mode;
  const Firmware found = inquiry.inspection().firmware;
  if (wanted == BootMode::legacy_bios && found == Firmware::uefi) {
    inquiry.contradict("launch-boot-mode", "target.boot_mode",
                       "the job asks for legacy-bios, and no boot sector holds GRUB: this machine "
                       "boots by UEFI alone");
  } else if (wanted == BootMode::uefi && found == Firmware::bios) {
    if (has_uefi_loader(inquiry)) {
      inquiry.doubt("launch-boot-mode-untried", "target.boot_mode",
                    "the job asks for uefi: the machine booted by BIOS so far, has a loader for "
                    "both, and was prepared and checked for BIOS");
    } else {
      inquiry.contradict("launch-boot-mode", "target.boot_mode",
                         "the job asks for uefi, and there is no ESP with EFI/BOOT/BOOTX64.EFI: "
                         "this machine boots by BIOS alone");
    }
  }
}

void ask_boot_mode(Inquiry& inquiry) {
  ask_requested_boot_mode(inquiry);
  if (!inquiry.type) {
    return;
  }
  const Firmware firmware = firmware_of(inquiry.request, inquiry.inspection());
  const bool fits =
      firmware == Firmware::uefi ? inquiry.type->boots_uefi : inquiry.type->boots_bios;
  if (!fits) {
    inquiry.contradict("launch-boot-mode", inquiry.type->name,
                       fmt::format("this machine boots by {}, and {} is {}: choose another "
                                   "instance type",
                                   firmware == Firmware::uefi ? "UEFI" : "BIOS", inquiry.type->name,
                                   describe(*inquiry.type)));
  }
}

// The disk that EC2 starts must be the one with the boot loader.
void ask_boot_volume(Inquiry& inquiry) {
  const Inspection& found = inquiry.inspection();
  const size_t boot = inquiry.request.boot_volume;
  if (boot >= found.volumes.size()) {
    return;
  }
  const std::string& id = found.volumes[boot].id;
  if (found.firmware == Firmware::uefi) {
    for (const MountedFilesystem& mounted : found.mounts) {
      const Filesystem* esp = find_filesystem(found, mounted.device);
      if (esp != nullptr && esp->type == "vfat" && esp->volume && *esp->volume != boot) {
        inquiry.doubt("launch-boot-volume", id,
                      fmt::format("the ESP lies on {}, and the job boots from {}: the firmware of "
                                  "EC2 may look at {} alone",
                                  found.volumes.at(*esp->volume).id, id, id));
      }
    }
    return;
  }
  const Disk* elsewhere = nullptr;
  for (const Disk& disk : found.disks) {
    if (disk.grub_in_boot_sector && disk.volume == boot) {
      return;
    }
    elsewhere = disk.grub_in_boot_sector ? &disk : elsewhere;
  }
  if (elsewhere != nullptr) {
    const std::string& other = found.volumes.at(elsewhere->volume).id;
    inquiry.contradict("launch-boot-volume", id,
                       fmt::format("GRUB is in the boot sector of {}, and the job boots from {}: "
                                   "give {} the role boot",
                                   other, id, other));
  }
}

// Whether ENA is there and new enough is a question of the check. Here it is only asked whether
// anything planned can still change its answer.
void ask_ena(Inquiry& inquiry) {
  if (!inquiry.is_before() || (inquiry.type && inquiry.type->hypervisor == Hypervisor::xen)) {
    return;
  }
  const auto answer =
      std::find_if(inquiry.facts.answers.begin(), inquiry.facts.answers.end(),
                   [](const CheckAnswer& question) { return question.question == "ena"; });
  const std::vector<Edit>& edits = inquiry.facts.plan->edits;
  const bool may_change = std::any_of(edits.begin(), edits.end(), [](const Edit& edit) {
    return std::find(kFixesForEna.begin(), kFixesForEna.end(), edit.fix) != kFixesForEna.end();
  });
  if (answer != inquiry.facts.answers.end() && answer->verdict == Verdict::no && !may_change) {
    inquiry.contradict("launch-ena", inquiry.type ? inquiry.type->name : "ena",
                       answer->detail +
                           ": the instance would have no network. Give a driver "
                           "bundle with ENA for this kernel, or choose an instance "
                           "type that takes what there is");
  }
}

void ask_xen_kernel(Inquiry& inquiry, const KernelImage& kernel) {
  for (const DriverState& state :
       driver_states(inquiry.facts.guest, inquiry.inspection(), kernel)) {
    const bool for_disks = state.module == "xen-blkfront";
    if (!for_disks && state.module != "xen-netfront") {
      continue;
    }
    // The initramfs gets what the kernel has when it is changed at all: asked again of the result.
    const bool too_late = for_disks && state.place == DriverPlace::in_root && !inquiry.is_before();
    if (state.place == DriverPlace::missing || too_late) {
      inquiry.contradict(
          "launch-xen-driver", kernel.release,
          fmt::format("kernel {} has no {}{}, and {} is a Xen instance: choose a Nitro one",
                      kernel.release, state.module, too_late ? " in its initramfs" : "",
                      inquiry.type->name));
    } else if (state.place == DriverPlace::cannot_tell && !inquiry.is_before()) {
      inquiry.doubt("launch-xen-driver-unknown", kernel.release,
                    fmt::format("rehost cannot tell whether kernel {} has {} in its initramfs, "
                                "which {}, a Xen instance, needs",
                                kernel.release, state.module, inquiry.type->name));
    }
  }
}

void ask_xen(Inquiry& inquiry) {
  if (!inquiry.type || inquiry.type->hypervisor != Hypervisor::xen) {
    return;
  }
  const std::vector<KernelImage>& kernels = inquiry.inspection().kernels;
  const bool default_known = std::any_of(kernels.begin(), kernels.end(),
                                         [](const auto& kernel) { return kernel.is_default; });
  for (const KernelImage& kernel : kernels) {
    if (kernel.is_default || (!default_known && can_be_started(kernel))) {
      ask_xen_kernel(inquiry, kernel);
    }
  }
}

const VolumeTypeRow& type_of(const LaunchRequest& request, size_t volume) {
  const BlueprintDisk* disk = request.blueprint ? find_disk(*request.blueprint, volume) : nullptr;
  const VolumeTypeRow* type = disk == nullptr ? nullptr : find_volume_type(disk->type);
  return type == nullptr ? *find_volume_type(kDefaultVolumeType) : *type;
}

void ask_volume(Inquiry& inquiry, size_t index) {
  const Volume& volume = inquiry.inspection().volumes[index];
  const VolumeTypeRow& type = type_of(inquiry.request, index);
  const int64_t gib = volume_gib(volume.size, type);
  if (gib > type.gib.most) {
    inquiry.contradict("launch-volume-size", volume.id,
                       fmt::format("{} has {}, and a {} volume has {} at most", volume.id,
                                   human_bytes(volume.size), type.name,
                                   human_bytes(static_cast<uint64_t>(type.gib.most) * kGib)));
  } else if (volume.size < static_cast<uint64_t>(type.gib.least) * kGib) {
    inquiry.doubt("launch-volume-grown", volume.id,
                  fmt::format("{} has {}, and becomes a {} volume of {}, the least there is",
                              volume.id, human_bytes(volume.size), type.name,
                              human_bytes(static_cast<uint64_t>(gib) * kGib)));
  }
  const BlueprintDisk* disk =
      inquiry.request.blueprint ? find_disk(*inquiry.request.blueprint, index) : nullptr;
  if (disk != nullptr && disk->iops &&
      *disk->iops > std::max(gib * type.iops_per_gib, type.iops->least)) {
    inquiry.contradict("launch-volume-iops", volume.id,
                       fmt::format("{} IOPS are more than the {} that a {} volume of {} GiB takes",
                                   *disk->iops, gib * type.iops_per_gib, type.name, gib));
  }
}

void ask_mbr(Inquiry& inquiry, const Disk& disk) {
  const Volume& volume = inquiry.inspection().volumes.at(disk.volume);
  if (disk.partition_table != "msdos" || volume.size <= kMbrReach) {
    return;
  }
  if (disk.volume == inquiry.request.boot_volume) {
    inquiry.contradict("launch-mbr", volume.id,
                       fmt::format("{} has {} and an MBR, and EC2 boots from no more than 2 TiB "
                                   "with one: convert it to GPT on the source machine",
                                   volume.id, human_bytes(volume.size)));
  } else {
    inquiry.doubt("launch-mbr", volume.id,
                  fmt::format("{} has {} and an MBR, whose partitions end at 2 TiB", volume.id,
                              human_bytes(volume.size)));
  }
}

void ask_volumes(Inquiry& inquiry) {
  const size_t count = inquiry.inspection().volumes.size();
  for (size_t i = 0; i < count; ++i) {
    ask_volume(inquiry, i);
  }
  for (const Disk& disk : inquiry.inspection().disks) {
    ask_mbr(inquiry, disk);
  }
  if (count > kRecommendedDataVolumes + 1) {
    const std::string sentence =
        fmt::format("{} data volumes are more than the {} that AWS has names for (/dev/sd[f-p])",
                    count - 1, kRecommendedDataVolumes);
    if (data_device_name(count - 2)) {
      inquiry.doubt("launch-many-volumes", "volumes",
                    sentence + ": whether the instance type takes them has not been checked");
    } else {
      inquiry.contradict("launch-many-volumes", "volumes", sentence);
    }
  }
}

void ask_network(Inquiry& inquiry) {
  const std::optional<Blueprint>& blueprint = inquiry.request.blueprint;
  if (blueprint && !blueprint->private_ip.empty() && blueprint->subnet_id.empty()) {
    inquiry.doubt("launch-private-ip", blueprint->private_ip,
                  fmt::format("{} is asked for and no subnet is: EC2 takes a default subnet, which "
                              "may not have this address",
                              blueprint->private_ip));
  }
}

}  // namespace

std::string instance_type_of(const LaunchRequest& request) {
  return request.blueprint && !request.blueprint->instance_type.empty()
             ? request.blueprint->instance_type
             : request.target.instance_type;
}

std::optional<int> nitro_generation_of(const LaunchRequest& request) {
  std::optional<int> generation = request.target.nitro_generation;
  const std::optional<InstanceType> type = find_instance_type(instance_type_of(request));
  if (type && type->nitro_generation > generation.value_or(0)) {
    generation = type->nitro_generation;
  }
  return generation;
}

Firmware firmware_of(const LaunchRequest& request, const Inspection& inspection) {
  switch (request.target.boot_mode) {
    case BootMode::legacy_bios:
      return Firmware::bios;
    case BootMode::uefi:
      return Firmware::uefi;
    case BootMode::keep:
      break;
  }
  return inspection.firmware;
}

void check_request(const LaunchRequest& request) {
  const LaunchTarget& target = request.target;
  const std::string name = instance_type_of(request);
  if (!target.instance_type.empty() && target.instance_type != name) {
    throw Error(ErrorKind::usage,
                fmt::format("launch.instance_type: is {}, and target.instance_type is {}", name,
                            target.instance_type));
  }
  if (request.blueprint && name.empty()) {
    throw Error(ErrorKind::usage,
                "launch.instance_type: is missing, and there is no target.instance_type");
  }
  const std::optional<InstanceType> type = find_instance_type(name);
  if (!type) {
    return;
  }
  if (!target.architecture.empty() && target.architecture != type->architecture) {
    throw Error(ErrorKind::usage, fmt::format("target.architecture: is {}, and {} is {}",
                                              target.architecture, name, describe(*type)));
  }
  if ((target.boot_mode == BootMode::uefi && !type->boots_uefi) ||
      (target.boot_mode == BootMode::legacy_bios && !type->boots_bios)) {
    throw Error(ErrorKind::usage, fmt::format("target.boot_mode: is {}, and {} is {}",
                                              to_string(target.boot_mode), name, describe(*type)));
  }
}

std::vector<LaunchFinding> check_launch(const LaunchRequest& request, const LaunchFacts& facts) {
  Inquiry inquiry{request, facts, find_instance_type(instance_type_of(request))};
  ask_xen(inquiry);
  if (inquiry.is_before()) {
    ask_type(inquiry);
    if (ask_architecture(inquiry)) {
      ask_boot_mode(inquiry);
      ask_boot_volume(inquiry);
      ask_ena(inquiry);
    }
    ask_volumes(inquiry);
    ask_network(inquiry);
  }
  return inquiry.findings;
}

void require_launchable(const LaunchRequest& request, const LaunchFacts& facts, EventSink& events) {
  std::string why;
  for (const LaunchFinding& finding : check_launch(request, facts)) {
    if (finding.contradicts) {
      why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", finding.warning.code,
                         finding.warning.sentence);
    } else {
      events.on(WarningRaised{finding.warning});
    }
  }
  if (!why.empty()) {
    throw Error(facts.plan == nullptr ? ErrorKind::verification : ErrorKind::unsupported_guest,
                "this machine does not fit the instance that it is to be launched as: " + why);
  }
}

}  // namespace rehost
