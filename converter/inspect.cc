#include "converter/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bootfix/bootloaders.h"
#include "bootfix/device_names.h"
#include "bootfix/fstab.h"
#include "bootfix/os_release.h"
#include "converter/core/error.h"
#include "drivers/kernel_image.h"

namespace rehost {
namespace {

// GPT partition types: UEFI specification, table 5.7, and the GRUB manual, "BIOS installation".
constexpr std::string_view kEspTypes[] = {"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef"};
constexpr std::string_view kBiosBootType = "21686148-6449-6e6f-744e-656564454649";

constexpr std::string_view kRootTypes[] = {"ext2",  "ext3",     "ext4", "xfs",
                                           "btrfs", "reiserfs", "jfs",  "f2fs"};

// What has to be mounted for a conversion. Data volumes stay out: mounting them would replay their
// journals.
constexpr std::string_view kSystemMounts[] = {"/boot", "/boot/efi", "/efi",     "/usr",
                                              "/etc",  "/var",      "/var/lib", "/opt"};

constexpr uint64_t kBootSector = 512;

template <size_t n>
bool is_one_of(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// A second mount of a cloned XFS is refused without nouuid; a data log that cannot be replayed
// shows at once.
std::string read_only_options(const std::string& type) {
  return type == "xfs" ? "ro,nouuid" : "ro";
}

bool holds(const ProbedDevices& survey, std::string_view type) {
  const auto is = [&](const ProbedDevice& p) { return p.filesystem.type == type; };
  return std::any_of(survey.disks.begin(), survey.disks.end(), is) ||
         std::any_of(survey.contents.begin(), survey.contents.end(), is);
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

Firmware firmware_of(const ProbedDevices& survey, const Inspection& inspection) {
  bool esp = false;
  for (const ProbedDevice& probed : survey.contents) {
    if (probed.partition_type == kBiosBootType) {
      return Firmware::bios;  // a stray ESP beside it is common; the reverse is not
    }
    esp |= is_one_of(kEspTypes, probed.partition_type);
  }
  const bool grub = std::any_of(inspection.disks.begin(), inspection.disks.end(),
                                [](const Disk& disk) { return disk.grub_in_boot_sector; });
  return esp && !grub ? Firmware::uefi : Firmware::bios;
}

// /usr may be a file system of its own: then /sbin is a link that leads nowhere yet.
bool looks_like_root(const GuestView& guest) {
  if (!is_directory(guest, GuestPath("/etc"))) {
    return false;
  }
  const bool etc = is_file(guest, GuestPath("/etc/fstab")) || read_os_release(guest).has_value();
  const auto is_there = [&](const char* path) { return guest.stat(GuestPath(path)).has_value(); };
  return etc && (is_there("/sbin") || is_there("/usr/sbin") || is_there("/usr/lib"));
}

struct RootSearch {
  std::vector<DeviceName> roots;
  std::vector<std::string> names;     // "Debian GNU/Linux 12 (bookworm) on /dev/sda1"
  std::vector<std::string> failures;  // file systems that could not be mounted
};

RootSearch find_roots(GuestfsGuest& guest, const Inspection& inspection) {
  RootSearch search;
  for (const Filesystem& filesystem : inspection.filesystems) {
    if (!is_one_of(kRootTypes, filesystem.type)) {
      continue;
    }
    try {
      guest.mount(filesystem.device, GuestPath("/"), read_only_options(filesystem.type));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::environment) {
        throw;  // the appliance is gone, and no file system is to blame
      }
      search.failures.emplace_back(error.what());
      continue;
    }
    if (looks_like_root(guest)) {
      const std::optional<OsRelease> os = read_os_release(guest);
      search.roots.push_back(filesystem.device);
      search.names.push_back(fmt::format("{} on {}", os ? os->pretty_name : "an unknown system",
                                         filesystem.device.str()));
    }
    guest.unmount_all();
  }
  return search;
}

bool is_windows(GuestfsGuest& guest, const ProbedDevices& survey) {
  for (const ProbedDevice& probed : survey.contents) {
    if (probed.filesystem.type == "BitLocker") {
      return true;
    }
    if (probed.filesystem.type != "ntfs") {
      continue;
    }
    try {
      guest.mount(probed.filesystem.device, GuestPath("/"), "ro");
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::environment) {
        throw;
      }
      continue;  // hibernated: then Windows it is, and the caller says so for any NTFS
    }
    const bool found =
        is_directory(guest, GuestPath("/Windows")) || is_directory(guest, GuestPath("/WINDOWS"));
    guest.unmount_all();
    if (found) {
      return true;
    }
  }
  return false;
}

bool begins_with_zeros(GuestfsGuest& guest, const ProbedDevices& survey) {
  return std::all_of(survey.disks.begin(), survey.disks.end(), [&](const ProbedDevice& disk) {
    const std::string sector = guest.read_device(disk.filesystem.device, 0, kBootSector);
    return sector.find_first_not_of('\0') == std::string::npos;
  });
}

[[noreturn]] void refuse_rootless(GuestfsGuest& guest, const ProbedDevices& survey,
                                  const RootSearch& search) {
  if (!search.failures.empty()) {
    throw Error(
        ErrorKind::guest_damaged,
        fmt::format(
            "no operating system found, and {} (repair the file system on the source machine)",
            search.failures.front()));
  }
  if (is_windows(guest, survey)) {
    throw Error(ErrorKind::unsupported_guest, "this is a Windows system: rehost converts Linux");
  }
  if (holds(survey, "crypto_LUKS")) {
    throw Error(ErrorKind::unsupported_guest,
                "the disks are encrypted (LUKS), and nothing on EC2 could unlock them at boot");
  }
  const bool nothing =
      survey.contents.empty() &&
      std::all_of(survey.disks.begin(), survey.disks.end(), [](const ProbedDevice& p) {
        return p.filesystem.type.empty() && p.partition_table.empty();
      });
  if (nothing && begins_with_zeros(guest, survey)) {
    throw Error(ErrorKind::unsupported_guest,
                "the disks are empty: their boot sectors hold nothing but zeros");
  }
  throw Error(ErrorKind::unsupported_guest,
              nothing ? "no operating system found: these are no disks, they have neither a "
                        "partition table nor a file system"
                      : "no operating system found: none of the file systems holds a Linux root");
}

DeviceName choose_root(GuestfsGuest& guest, const ProbedDevices& survey,
                       const Inspection& inspection) {
  const RootSearch search = find_roots(guest, inspection);
  if (search.roots.empty()) {
    refuse_rootless(guest, survey, search);
  }
  if (search.roots.size() > 1) {
    throw Error(
        ErrorKind::unsupported_guest,
        fmt::format("{} operating systems found: {}; give the disks of one machine with one system",
                    search.roots.size(), fmt::join(search.names, " and ")));
  }
  return search.roots.front();
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
    const auto machine = static_cast<unsigned char>((*head)[kMachineOffset]) |
                         static_cast<unsigned char>((*head)[kMachineOffset + 1]) << 8;
    switch (machine) {
      case 3:
        return "i386";
      case 62:
        return "x86_64";
      case 183:
        return "aarch64";
      default:
        return fmt::format("elf-machine-{}", machine);
    }
  }
  return "unknown";
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
}

// What fstab mounts from the given disks, as far as its names can be told.
std::vector<MountedFilesystem> local_mounts(const GuestView& guest, const Inspection& inspection) {
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
    if (!device.empty() && entry.mount_point.starts_with("/")) {
      mounts.push_back({GuestPath(entry.mount_point), device});
    }
  }
  return mounts;
}

// Mounts what fstab puts on the system's own directories, parents first.
void mount_system(GuestfsGuest& guest, Inspection& inspection) {
  const Filesystem* root = find_filesystem(inspection, inspection.root);
  guest.mount(inspection.root, GuestPath("/"), read_only_options(root->type));
  inspection.mounts.push_back({GuestPath("/"), inspection.root});
  std::vector<MountedFilesystem> wanted;
  for (const MountedFilesystem& mount : local_mounts(guest, inspection)) {
    if (is_one_of(kSystemMounts, mount.where.str())) {
      wanted.push_back(mount);
    }
  }
  std::stable_sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) {
    return a.where.str().size() < b.where.str().size();
  });
  for (const MountedFilesystem& mount : wanted) {
    const Filesystem* filesystem = find_filesystem(inspection, mount.device);
    try {
      guest.mount(mount.device, mount.where, read_only_options(filesystem->type));
      inspection.mounts.push_back(mount);
    } catch (const Error& error) {
      throw Error(error.kind(),
                  fmt::format("{} (repair the file system on the source machine)", error.what()));
    }
  }
}

void find_default_kernel(const GuestView& guest, Inspection& inspection) {
  inspection.kernels = find_kernels(guest);
  const std::optional<GuestPath> started = default_kernel(guest, inspection.firmware);
  for (KernelImage& kernel : inspection.kernels) {
    kernel.is_default = started && kernel.vmlinuz && resolve(guest, *kernel.vmlinuz) == started;
  }
}

bool selinux_is_on(const GuestView& guest) {
  const std::string config = guest.read(GuestPath("/etc/selinux/config")).value_or("");
  return config.find("\nSELINUX=enforcing") != std::string::npos ||
         config.find("\nSELINUX=permissive") != std::string::npos;
}

}  // namespace

InspectResult inspect_guest(GuestfsGuest& guest, const std::vector<Volume>& volumes) {
  InspectResult result;
  Inspection& inspection = result.inspection;
  inspection.volumes = volumes;
  ProbedDevices survey = guest.probe();
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
  inspection.firmware = firmware_of(survey, inspection);
  inspection.root = choose_root(guest, survey, inspection);
  mount_system(guest, inspection);
  identify_system(guest, inspection);
  find_default_kernel(guest, inspection);
  inspection.selinux = selinux_is_on(guest);
  if (inspection.distro->id != inspection.os.id) {
    result.warnings.push_back(
        {"distro-by-likeness", inspection.os.id,
         fmt::format("{} is not in the table of distributions and is treated as {}",
                     inspection.os.pretty_name, inspection.distro->name)});
  }
  return result;
}

Inspection inspect_again(const GuestView& guest, const Inspection& before) {
  Inspection after = before;
  find_default_kernel(guest, after);
  return after;
}

}  // namespace rehost
