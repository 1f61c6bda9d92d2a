#include "converter/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bootfix/bootloaders.h"
#include "bootfix/device_names.h"
#include "bootfix/fstab.h"
#include "bootfix/mdadm_conf.h"
#include "bootfix/os_release.h"
#include "bootfix/selinux.h"
#include "converter/core/error.h"
#include "converter/md_arrays.h"
#include "converter/root_search.h"
#include "drivers/kernel_image.h"
#include "drivers/kernel_module.h"
#include "drivers/required_modules.h"

namespace rehost {
namespace {

// GPT partition types: UEFI specification, table 5.7, and the GRUB manual, "BIOS installation".
constexpr std::string_view kEspTypes[] = {"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef"};
constexpr std::string_view kBiosBootType = "21686148-6449-6e6f-744e-656564454649";

// What has to be mounted for a conversion. Data volumes stay out: mounting them would replay their
// journals.
constexpr std::string_view kSystemMounts[] = {"/boot", "/boot/efi", "/efi",     "/usr",
                                              "/etc",  "/var",      "/var/lib", "/opt"};

constexpr uint64_t kBootSector = 512;

template <size_t n>
bool is_one_of(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

void add_disks(GuestfsGuest& guest, const ProbedDevices& survey, Inspection& inspection) {
  for (const ProbedDevice& probed : survey.disks) {
    Disk disk;
    disk.volume = inspection.disks.size();
    disk.device = probed.filesystem.device;
    disk.partition_table = probed.partition_table == "dos" ? "msdos" : probed.partition_table;
    // boot.img of GRUB carries its name for the message "GRUB Error"; so does stage1 of GRUB
    // legacy.
    disk.grub_in_boot_sector =
        guest.read_device(disk.device, 0, kBootSector).find("GRUB") != std::string::npos;
    inspection.disks.push_back(disk);
  }
}

// Two groups of one name cannot both be activated, and which one is would be a matter of luck. In
// the appliance there are the machine's disks and no others: a group of the worker's never gets in
// the way.
void require_one_group_of_each_name(const ProbedDevices& survey) {
  std::map<std::string, std::vector<std::string>> uuids;
  for (const VolumeGroup& group : survey.groups) {
    uuids[group.name].push_back(group.uuid);
  }
  for (const auto& [name, of_name] : uuids) {
    if (of_name.size() > 1) {
      throw Error(ErrorKind::unsupported_guest,
                  fmt::format("{} volume groups are called {} (UUIDs {}): are all disks of one "
                              "machine? If they are, rename one on it with vgrename UUID NAME",
                              of_name.size(), name, fmt::join(of_name, ", ")));
    }
  }
}

std::vector<BootMarks> boot_marks(const ProbedDevices& survey, const Inspection& inspection) {
  std::vector<BootMarks> marks(inspection.volumes.size());
  for (const Disk& disk : inspection.disks) {
    marks.at(disk.volume).grub = disk.grub_in_boot_sector;
    marks.at(disk.volume).gpt = disk.partition_table == "gpt";
  }
  for (const ProbedDevice& probed : survey.contents) {
    if (probed.filesystem.volume) {
      BootMarks& of_disk = marks.at(*probed.filesystem.volume);
      of_disk.esp = of_disk.esp || is_one_of(kEspTypes, probed.partition_type);
      // One that blkid could not look at may be such a partition too.
      of_disk.bios_boot = of_disk.bios_boot || probed.partition_type.empty() ||
                          probed.partition_type == kBiosBootType;
    }
  }
  return marks;
}

// GRUB in the boot sector, with all of it that the boot sector leads to.
bool starts_by_grub(const BootMarks& disk) {
  return disk.grub && (!disk.gpt || !disk.esp || disk.bios_boot);
}

Firmware firmware_of_mounted(std::span<const BootMarks> marks, const Inspection& inspection) {
  bool esp = false;
  std::optional<size_t> boot_disk;
  for (const MountedFilesystem& mounted : inspection.mounts) {
    const Filesystem* filesystem = find_filesystem(inspection, mounted.device);
    esp = esp || (filesystem != nullptr && filesystem->type == "vfat");
    if (mounted.where == GuestPath("/") || mounted.where == GuestPath("/boot")) {
      boot_disk = filesystem == nullptr ? std::nullopt : filesystem->volume;
    }
  }
  return firmware_of(marks, esp, boot_disk);
}

// e_ident and e_machine of elf(5).
std::string architecture_of(const GuestView& guest) {
  constexpr size_t kMachineOffset = 18;
  for (const char* program : {"/bin/sh", "/usr/bin/sh", "/sbin/init", "/bin/bash"}) {
    const std::optional<std::string> head =
        guest.read_range(GuestPath(program), 0, kMachineOffset + 2);
    if (!head || head->size() < kMachineOffset + 2 ||
        !head->starts_with("\x7f"
                           "ELF")) {
      continue;
    }
    return elf_architecture(
        static_cast<uint16_t>(static_cast<unsigned char>((*head)[kMachineOffset]) |
                              static_cast<unsigned char>((*head)[kMachineOffset + 1]) << 8));
  }
  return "unknown";
}

// Mount points of the given disks, as far as the names in fstab can be told. Of btrfs, the
// subvolume that the entry's options name.
std::vector<MountedFilesystem> local_mounts(const GuestView& guest, const Inspection& inspection,
                                            const std::map<DeviceName, BtrfsLayout>& btrfs) {
  std::vector<MountedFilesystem> mounts;
  const std::string text = guest.read(GuestPath("/etc/fstab")).value_or("");
  const std::vector<FstabEntry> entries = parse_fstab(text);
  const NameMap names(inspection, uses_in_fstab(entries, inspection));
  for (const FstabEntry& entry : entries) {
    const NameMeaning meaning = names.meaning(entry.device, entry.type);
    DeviceName device;
    if (const auto* stable = std::get_if<StableName>(&meaning)) {
      device = stable->device;
    } else if (const auto* found = std::get_if<FoundName>(&meaning)) {
      device = found->device;
    }
    if (device.empty() || !is_one_of(kSystemMounts, entry.mount_point)) {
      continue;
    }
    const auto layout = btrfs.find(device);
    if (layout != btrfs.end()) {
      const auto subvolume = mounted_subvolume(device, layout->second, entry.options);
      if (!subvolume) {
        throw Error(ErrorKind::guest_damaged,
                    fmt::format("line {} of /etc/fstab mounts {} from a subvolume of {} that does "
                                "not exist: correct it on the source machine",
                                entry.line, entry.mount_point, entry.device));
      }
      device = *subvolume;
    }
    mounts.push_back({GuestPath(entry.mount_point), device});
  }
  return mounts;
}

// A subvolume gets a row of its own among the file systems, with all that its partition says.
void add_subvolume(Inspection& inspection, const DeviceName& device) {
  if (find_filesystem(inspection, device) != nullptr) {
    return;
  }
  for (const Filesystem& filesystem : inspection.filesystems) {
    if (device.str().starts_with("btrfsvol:" + filesystem.device.str() + "/")) {
      Filesystem subvolume = filesystem;
      subvolume.device = device;
      inspection.filesystems.push_back(std::move(subvolume));
      return;
    }
  }
}

void mount_read_only(GuestfsGuest& guest, const MountedFilesystem& mount, Inspection& inspection) {
  add_subvolume(inspection, mount.device);
  const Filesystem* filesystem = find_filesystem(inspection, mount.device);
  guest.mount(mount.device, mount.where,
              read_only_options(filesystem == nullptr ? "" : filesystem->type));
  inspection.mounts.push_back(mount);
}

void name_arrays(const GuestView& guest, Inspection& inspection) {
  std::string text;
  for (const GuestPath& path : mdadm_conf_files(guest)) {
    text += guest.read(path).value_or("") + "\n";
  }
  for (MdArray& array : inspection.arrays) {
    array.names = names_of_array(array, text);
  }
}

// Mounts what fstab puts on the system's own directories, parents first.
void mount_system(GuestfsGuest& guest, Inspection& inspection,
                  const std::map<DeviceName, BtrfsLayout>& btrfs) {
  mount_read_only(guest, {GuestPath("/"), inspection.root}, inspection);
  name_arrays(guest, inspection);
  for (const MountedFilesystem& mount : system_mounts(guest, inspection, btrfs)) {
    try {
      mount_read_only(guest, mount, inspection);
    } catch (const Error& error) {
      throw Error(error.kind(),
                  fmt::format("{} (repair the file system on the source machine)", error.what()));
    }
  }
}

// What the entries of the boot loader start, the default among them.
std::vector<BootedImage> booted_images(const GuestView& guest, Firmware firmware) {
  std::vector<BootedImage> images;
  const std::optional<BootConfig> config = read_boot_config(guest, firmware);
  for (size_t i = 0; config && i < config->entries.size(); ++i) {
    const BootEntry& entry = config->entries[i];
    if (entry.kernel_file) {
      images.push_back({.vmlinuz = *entry.kernel_file,
                        .initramfs = entry.initrd_files,
                        .version = entry.version,
                        .is_default = config->default_entry == i});
    }
  }
  return images;
}

void find_system_kernels(const GuestView& guest, Inspection& inspection) {
  inspection.kernels = find_kernels(guest);
  const std::vector<BootedImage> images = booted_images(guest, inspection.firmware);
  attach_booted_images(guest, inspection.kernels, images);
  for (KernelImage& kernel : inspection.kernels) {
    const auto file = kernel.vmlinuz ? resolve(guest, *kernel.vmlinuz) : std::nullopt;
    kernel.is_default = file && std::any_of(images.begin(), images.end(), [&](const auto& image) {
                          return image.is_default && image.vmlinuz == file;
                        });
    kernel.lacking_drivers = lacking_drivers(guest, kernel);
  }
}

}  // namespace

InspectResult inspect_guest(GuestfsGuest& guest, const std::vector<Volume>& volumes) {
  InspectResult result;
  Inspection& inspection = result.inspection;
  inspection.volumes = volumes;
  ProbedDevices survey = guest.probe();
  require_one_group_of_each_name(survey);
  for (size_t i = 0; i < survey.disks.size(); ++i) {
    survey.disks[i].filesystem.size = volumes.at(i).size;
  }
  add_disks(guest, survey, inspection);
  for (const std::vector<ProbedDevice>* devices : {&survey.disks, &survey.contents}) {
    for (const ProbedDevice& probed : *devices) {
      if (!probed.filesystem.type.empty() || probed.filesystem.partition != 0) {
        inspection.filesystems.push_back(probed.filesystem);
      }
    }
  }
  inspection.arrays = survey.arrays;
  const std::vector<BootMarks> marks = boot_marks(survey, inspection);
  inspection.firmware = firmware_of(marks);
  const FoundRoot root = find_root(guest, survey, inspection);
  inspection.root = root.device;
  mount_system(guest, inspection, root.btrfs);
  inspection.firmware = firmware_of_mounted(marks, inspection);
  identify_system(guest, inspection);
  find_system_kernels(guest, inspection);
  result.warnings = degraded_arrays(inspection);
  if (inspection.distro->id != inspection.os.id) {
    result.warnings.push_back(
        {"distro-by-likeness", inspection.os.id,
         fmt::format("{} is not in the table of distributions and is treated as {}",
                     inspection.os.pretty_name, inspection.distro->name)});
  }
  return result;
}

Firmware firmware_of(std::span<const BootMarks> disks) {
  for (const BootMarks& disk : disks) {
    if (disk.esp || disk.grub) {
      return starts_by_grub(disk) ? Firmware::bios : Firmware::uefi;
    }
  }
  return Firmware::bios;
}

Firmware firmware_of(std::span<const BootMarks> disks, bool esp_mounted,
                     std::optional<size_t> boot_disk) {
  const bool by_grub = boot_disk && disks[*boot_disk].grub && !disks[*boot_disk].esp;
  return by_grub && !esp_mounted ? Firmware::bios : firmware_of(disks);
}

void identify_system(const GuestView& guest, Inspection& inspection) {
  inspection.os = read_os_release(guest).value_or(OsRelease{});
  inspection.architecture = architecture_of(guest);
  inspection.distro = find_distro(inspection.os.id, inspection.os.id_like);
  const std::string name =
      inspection.os.pretty_name.empty() ? inspection.os.id : inspection.os.pretty_name;
  if (inspection.distro == nullptr) {
    throw Error(
        ErrorKind::unsupported_guest,
        fmt::format("{} (ID={}) is no distribution that rehost knows: see rehost list distros",
                    name.empty() ? "the system" : name, inspection.os.id));
  }
  const Version version = Version::parse(inspection.os.version_id);
  if (inspection.distro->id == inspection.os.id && !version.parts.empty() &&
      version < Version::parse(inspection.distro->minimum)) {
    throw Error(ErrorKind::unsupported_guest,
                fmt::format("{} is older than {} {}, the oldest that rehost converts", name,
                            inspection.distro->name, inspection.distro->minimum));
  }
  if (inspection.architecture != "x86_64" && inspection.architecture != "aarch64") {
    throw Error(ErrorKind::unsupported_guest,
                fmt::format("{} is for {}: EC2 Nitro starts x86_64 and aarch64 systems", name,
                            inspection.architecture));
  }
  inspection.selinux = read_selinux_config(guest).on;
}

std::vector<MountedFilesystem> system_mounts(const GuestView& guest, const Inspection& inspection,
                                             const std::map<DeviceName, BtrfsLayout>& btrfs) {
  std::vector<MountedFilesystem> mounts = local_mounts(guest, inspection, btrfs);
  std::stable_sort(mounts.begin(), mounts.end(), [](const auto& a, const auto& b) {
    return a.where.str().size() < b.where.str().size();
  });
  return mounts;
}

Inspection inspect_again(const GuestView& guest, const Inspection& before) {
  Inspection after = before;
  find_system_kernels(guest, after);
  return after;
}

}  // namespace rehost
