#include "converter/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "bootfix/bootloaders.h"
#include "bootfix/device_names.h"
#include "bootfix/dhcp_client.h"
#include "bootfix/fstab.h"
#include "bootfix/kernel_arguments.h"
#include "bootfix/lvm_conf.h"
#include "bootfix/network.h"
#include "bootfix/network_files.h"
#include "bootfix/unstable_names.h"
#include "converter/card_setup.h"
#include "converter/initramfs_settings.h"
#include "drivers/kernel_image.h"
#include "drivers/required_modules.h"

namespace rehost {
namespace {

// Everything the questions are about, read once.
struct Facts {
  const GuestView& guest;
  const Inspection& inspection;
  const Target& target;
  std::optional<BootConfig> boot_config;
  const KernelImage* default_kernel = nullptr;
  // Reading an initramfs costs a transfer and its unpacking: four questions share the answers.
  struct FromInitramfs {
    std::vector<DriverState> states;
    std::vector<HidingSetting> hiding;  // settings that hide NVMe disks from it
    std::optional<std::string> unread;  // why there may be more in it
  };
  mutable std::map<std::string, FromInitramfs> read = {};

  const FromInitramfs& initramfs_of(const KernelImage& kernel) const {
    const auto known = read.find(kernel.release);
    if (known != read.end()) {
      return known->second;
    }
    KernelDrivers drivers = read_kernel_drivers(guest, kernel);
    FromInitramfs facts{
        .states = std::move(drivers.states), .hiding = {}, .unread = drivers.unreadable};
    if (drivers.initramfs) {
      facts.hiding = settings_hiding_nvme(*drivers.initramfs, inspection, needs());
    } else if (!facts.unread) {
      facts.unread = "there is none, or it is no file that can be read";
    }
    return read.emplace(kernel.release, std::move(facts)).first->second;
  }
  const std::vector<DriverState>& drivers_of(const KernelImage& kernel) const {
    return initramfs_of(kernel).states;
  }

  InitramfsNeeds needs() const { return initramfs_needs(guest, inspection, default_arguments()); }

  const BootEntry* default_entry() const {
    if (!boot_config || !boot_config->default_entry) {
      return nullptr;
    }
    return &boot_config->entries.at(*boot_config->default_entry);
  }
  KernelArguments default_arguments() const {
    return KernelArguments::parse(default_entry() == nullptr ? "" : default_entry()->arguments);
  }
};

enum class Weight { required, advisory };

struct Answer {
  Verdict verdict = Verdict::cannot_tell;
  std::string detail;
  Weight weight = Weight::required;  // advisory: this machine boots whatever the verdict
};

struct Question {
  std::string_view name;
  std::string_view sentence;
  Weight weight;
  Answer (*ask)(const Facts&);
};

// The disk that holds /boot: the one whose boot sector EC2 starts. LVM and md lie on no single
// disk.
std::optional<size_t> boot_volume(const Inspection& inspection) {
  std::optional<size_t> volume;
  for (const MountedFilesystem& mounted : inspection.mounts) {
    if (mounted.where == GuestPath("/") || mounted.where == GuestPath("/boot")) {
      const Filesystem* filesystem = find_filesystem(inspection, mounted.device);
      volume = filesystem == nullptr ? std::nullopt : filesystem->volume;
    }
  }
  return volume;
}

Answer ask_boot_sector(const Facts& facts) {
  const std::optional<size_t> boot = boot_volume(facts.inspection);
  Answer answer{Verdict::cannot_tell,
                "no boot sector holds GRUB; another boot loader may be there"};
  for (const Disk& disk : facts.inspection.disks) {
    if (!disk.grub_in_boot_sector) {
      continue;
    }
    const std::string& id = facts.inspection.volumes.at(disk.volume).id;
    if (!boot || *boot == disk.volume || disk.volume == 0) {
      return {Verdict::yes, fmt::format("GRUB is in the boot sector of {}", id)};
    }
    answer = {Verdict::no, fmt::format("GRUB is in the boot sector of {}, which is neither the "
                                       "first disk nor the one of /boot",
                                       id)};
  }
  return answer;
}

Answer ask_boot_loader(const Facts& facts) {
  if (facts.inspection.firmware == Firmware::bios) {
    return ask_boot_sector(facts);
  }
  const std::string_view name =
      facts.inspection.architecture == "aarch64" ? "BOOTAA64.EFI" : "BOOTX64.EFI";
  for (const char* esp : {"/boot/efi", "/efi", "/boot"}) {
    for (const DirectoryEntry& efi : facts.guest.list(GuestPath(esp))) {
      for (const DirectoryEntry& boot : facts.guest.list(GuestPath(esp) / efi.name)) {
        for (const DirectoryEntry& file : facts.guest.list(GuestPath(esp) / efi.name / boot.name)) {
          std::string upper = efi.name + "/" + boot.name + "/" + file.name;
          std::transform(upper.begin(), upper.end(), upper.begin(),
                         [](unsigned char c) { return static_cast<char>(toupper(c)); });
          if (upper == "EFI/BOOT/" + std::string(name)) {
            return {Verdict::yes, fmt::format("the ESP has {}", upper)};
          }
        }
      }
    }
  }
  return {Verdict::no,
          fmt::format("the ESP has no EFI/BOOT/{}: a new instance has no boot entries of its own",
                      name)};
}

Answer ask_default_kernel(const Facts& facts) {
  if (facts.default_kernel == nullptr) {
    return {Verdict::cannot_tell, "cannot tell which kernel the boot loader starts"};
  }
  const std::string& asked = facts.target.default_kernel;
  if (!asked.empty() && asked != "keep" && asked != facts.default_kernel->release) {
    return {Verdict::no, fmt::format("{}, not {} as asked", facts.default_kernel->release, asked)};
  }
  if (facts.default_entry() != nullptr && facts.default_entry()->under_xen) {
    return {Verdict::cannot_tell,
            fmt::format("{} under a Xen hypervisor, of which nothing is known on EC2",
                        facts.default_kernel->release)};
  }
  return {Verdict::yes, facts.default_kernel->release};
}

// NVMe must be there before the root file system is.
Answer nvme_of(const Facts& facts, const KernelImage& kernel) {
  for (const DriverState& state : facts.drivers_of(kernel)) {
    if (state.module != "nvme") {
      continue;
    }
    const std::string detail =
        fmt::format("{}: nvme is {}", kernel.release, to_string(state.place));
    if (state.place == DriverPlace::built_in || state.place == DriverPlace::in_initramfs) {
      return {Verdict::yes, detail};
    }
    return {state.place == DriverPlace::cannot_tell ? Verdict::cannot_tell : Verdict::no,
            detail + (state.place == DriverPlace::in_root ? ", not in the initramfs" : "")};
  }
  return {Verdict::cannot_tell, kernel.release + ": nothing is known about nvme"};
}

Answer ask_nvme(const Facts& facts) {
  if (facts.inspection.kernels.empty()) {
    return {Verdict::no, "no kernel is installed"};
  }
  if (facts.default_kernel != nullptr) {
    return nvme_of(facts, *facts.default_kernel);
  }
  // Any of them may be started: all must be able to.
  Answer worst{Verdict::yes, "every kernel has nvme"};
  for (const KernelImage& kernel : facts.inspection.kernels) {
    if (!can_be_started(kernel)) {
      continue;
    }
    const Answer answer = nvme_of(facts, kernel);
    if (answer.verdict != Verdict::yes && worst.verdict != Verdict::no) {
      worst = answer;
    }
  }
  return worst;
}

Answer ask_initramfs_settings(const Facts& facts) {
  if (!uses_lvm(facts.inspection) && facts.inspection.arrays.empty()) {
    return {Verdict::yes, "the machine has neither"};
  }
  if (facts.default_kernel == nullptr) {
    return {Verdict::cannot_tell, "the default kernel is not known"};
  }
  const Facts::FromInitramfs& read = facts.initramfs_of(*facts.default_kernel);
  const auto hidden_by = [&](bool needed, bool certain) {
    std::vector<std::string> texts;
    for (const HidingSetting& setting : read.hiding) {
      if (setting.needed == needed && setting.certain == certain) {
        texts.push_back(setting.text);
      }
    }
    return fmt::format("{}", fmt::join(texts, ", "));
  };
  const Weight weight = facts.needs().any() ? Weight::required : Weight::advisory;
  if (read.unread) {
    return {Verdict::cannot_tell, fmt::format("not all that is in it is known: {}", *read.unread),
            weight};
  }
  if (const std::string settings = hidden_by(true, true); !settings.empty()) {
    return {Verdict::no, fmt::format("hidden by {}", settings)};
  }
  if (const std::string settings = hidden_by(true, false); !settings.empty()) {
    return {Verdict::cannot_tell, fmt::format("perhaps hidden by {}", settings)};
  }
  if (const std::string settings = hidden_by(false, true); !settings.empty()) {
    return {Verdict::no, fmt::format("hidden by {}, but nothing that it has to find", settings),
            Weight::advisory};
  }
  if (const std::string settings = hidden_by(false, false); !settings.empty()) {
    return {Verdict::cannot_tell,
            fmt::format("perhaps hidden by {}, but nothing that it has to find", settings),
            Weight::advisory};
  }
  return {Verdict::yes, "nothing in it hides them"};
}

Answer ask_other_kernels(const Facts& facts) {
  for (const KernelImage& kernel : facts.inspection.kernels) {
    if (&kernel == facts.default_kernel || !can_be_started(kernel)) {
      continue;
    }
    Answer answer = nvme_of(facts, kernel);
    if (answer.verdict != Verdict::yes) {
      return answer;
    }
  }
  return {Verdict::yes, fmt::format("{} installed kernels", facts.inspection.kernels.size())};
}

Answer ask_ena(const Facts& facts) {
  const KernelImage* kernel = facts.default_kernel;
  for (const KernelImage& installed : facts.inspection.kernels) {
    kernel = kernel == nullptr && can_be_started(installed) ? &installed : kernel;
  }
  if (kernel == nullptr) {
    return {Verdict::no, "no kernel is installed"};
  }
  for (const DriverState& state : facts.drivers_of(*kernel)) {
    if (state.module == "ena") {
      const bool there = state.in_root || state.place == DriverPlace::built_in ||
                         state.place == DriverPlace::in_initramfs;
      const std::string detail =
          fmt::format("{}: ena is {}", kernel->release, to_string(state.place));
      const std::optional<int> generation = facts.target.nitro_generation;
      const bool served = state.reach.serves(generation.value_or(kOldestNitroGeneration));
      return {there && served ? Verdict::yes : Verdict::no,
              state.reach.why.empty() ? detail : detail + "; " + state.reach.why};
    }
  }
  return {Verdict::cannot_tell, "nothing is known about ena"};
}

// A name that leads to a file system we have, on EC2 too.
Answer leads_to_filesystem(const Facts& facts, const NameMeaning& meaning,
                           const std::string& name) {
  if (const auto* stable = std::get_if<StableName>(&meaning)) {
    if (stable->device.empty()) {
      return {Verdict::cannot_tell,
              fmt::format("{} is stable, but nothing here answers to it", name)};
    }
    const Filesystem* filesystem = find_filesystem(facts.inspection, stable->device);
    return {Verdict::yes,
            fmt::format("{} is {}", name,
                        filesystem == nullptr ? stable->device.str() : filesystem->type)};
  }
  if (std::holds_alternative<FoundName>(meaning)) {
    return {Verdict::no, fmt::format("{} has another name on EC2", name)};
  }
  if (const auto* away = std::get_if<DiskNotGiven>(&meaning)) {
    return {Verdict::no, fmt::format("{} lies on {}, which was not given", name, away->disk)};
  }
  return {Verdict::no, fmt::format("{}: {}", name, std::get<UnknownName>(meaning).why)};
}

Answer ask_root(const Facts& facts) {
  if (facts.default_entry() == nullptr) {
    return {Verdict::cannot_tell, "the boot loader's default entry is not known"};
  }
  const std::optional<std::string> root = facts.default_arguments().last_value("root");
  if (!root) {
    return {Verdict::cannot_tell, "the default entry has no root= argument"};
  }
  const NamedUse use{.name = *root, .type = "", .device = facts.inspection.root};
  Answer answer = leads_to_filesystem(
      facts, NameMap(facts.inspection, std::span(&use, 1)).meaning(*root), "root=" + *root);
  // An explicit UUID that no file system has is no riddle: the initramfs would wait for it in vain.
  if (answer.verdict == Verdict::cannot_tell &&
      (root->starts_with("UUID=") || root->starts_with("LABEL="))) {
    answer.verdict = Verdict::no;
  }
  return answer;
}

Answer ask_mounts(const Facts& facts) {
  const std::string text = facts.guest.read(GuestPath("/etc/fstab")).value_or("");
  const std::vector<FstabEntry> entries = parse_fstab(text);
  const NameMap names(facts.inspection, uses_in_fstab(entries, facts.inspection));
  int required = 0;
  for (const FstabEntry& entry : entries) {
    if (!entry.required()) {
      continue;
    }
    ++required;
    const NameMeaning meaning = names.meaning(entry.device, entry.type);
    const auto* stable = std::get_if<StableName>(&meaning);
    const bool by_tag = entry.device.starts_with("UUID=") || entry.device.starts_with("LABEL=") ||
                        entry.device.starts_with("PARTUUID=");
    if (stable != nullptr && (!stable->device.empty() || !by_tag)) {
      continue;
    }
    const Answer answer = leads_to_filesystem(facts, meaning, entry.device);
    return {Verdict::no, fmt::format("/etc/fstab line {}: {}", entry.line, answer.detail)};
  }
  return {Verdict::yes, fmt::format("{} required entries of /etc/fstab", required)};
}

Answer ask_device_names(const Facts& facts) {
  std::string found;
  for (const UnstableName& name : find_unstable_names(facts.guest, facts.inspection)) {
    if (name.required) {
      found += fmt::format("{}{} in {} line {}", found.empty() ? "" : ", ", name.name,
                           name.file.str(), name.line);
    }
  }
  if (found.empty()) {
    return {Verdict::yes, "no device name is left that EC2 changes"};
  }
  return {Verdict::no, found};
}

Answer ask_io_timeout(const Facts& facts) {
  if (facts.default_entry() == nullptr || facts.default_kernel == nullptr) {
    return {Verdict::cannot_tell, "the boot loader's default entry is not known"};
  }
  const std::string& wanted = facts.default_kernel->io_timeout_argument;
  if (wanted.empty()) {
    return {Verdict::yes, "nvme of this kernel has no timeout that can be set"};
  }
  const std::string name = wanted.substr(0, wanted.find('='));
  const std::optional<std::string> value = facts.default_arguments().last_value(name);
  if (!value) {
    return {Verdict::no, fmt::format("{} is not set: I/O to EBS fails after 30 seconds", name)};
  }
  return {name + "=" + *value == wanted ? Verdict::yes : Verdict::no, name + "=" + *value};
}

Answer ask_console(const Facts& facts) {
  if (facts.default_entry() == nullptr) {
    return {Verdict::cannot_tell, "the boot loader's default entry is not known"};
  }
  const bool there = facts.default_entry()->arguments.find("console=ttyS0") != std::string::npos;
  return {there ? Verdict::yes : Verdict::no,
          there ? "console=ttyS0" : "no console=ttyS0: the EC2 serial console stays empty"};
}

// Do network cards keep the names that the kernel gives them, eth0 and so on? nullopt: that depends
// on a boot entry which could not be read.
std::optional<bool> keeps_kernel_names(const Facts& facts) {
  // systemd.link(5), and the files that distributions tell their users to mask.
  for (const char* rule :
       {"/etc/udev/rules.d/80-net-setup-link.rules", "/etc/systemd/network/99-default.link"}) {
    if (facts.guest.read_link(GuestPath(rule)) == "/dev/null") {
      return true;
    }
  }
  if (facts.default_entry() == nullptr) {
    return std::nullopt;
  }
  return facts.default_arguments().last_value("net.ifnames") == "0";
}

bool lacks_dhcp_client(const GuestView& guest, std::string_view stack) {
  return (stack == "ifupdown" || stack == "network-scripts") && !has_dhcp_client(guest) &&
         !(stack == "network-scripts" && has_program(guest, "NetworkManager"));
}

Answer network_of(const Facts& facts, const NetworkStack& stack, const std::string& card) {
  const CardReading reading = read_card_setup(facts.guest, stack.name, card);
  const std::string where = reading.where.empty() ? "" : fmt::format(" ({})", reading.where);
  switch (reading.setup) {
    case CardSetup::fixed:
      return {Verdict::no,
              fmt::format("{} gives {} an address of the old network{}", stack.name, card, where)};
    case CardSetup::cannot_tell:
      return {Verdict::cannot_tell, fmt::format("{} is not read{}", stack.name, where)};
    case CardSetup::nothing:
      return {Verdict::no,
              fmt::format("{} does not ask DHCP on a card called {}{}", stack.name, card, where)};
    case CardSetup::dhcp:
      break;
  }
  if (lacks_dhcp_client(facts.guest, stack.name)) {
    return {Verdict::no, fmt::format("{} finds no DHCP client in the guest", stack.name)};
  }
  const std::optional<bool> classic = keeps_kernel_names(facts);
  if (stack.classic_interface_names && !classic.value_or(false)) {
    return {classic ? Verdict::no : Verdict::cannot_tell,
            fmt::format("{} configures eth0, and {}", stack.name,
                        classic ? "the kernel is not told net.ifnames=0"
                                : "the boot loader's default entry is not known")};
  }
  return {Verdict::yes, fmt::format("{} asks DHCP", stack.name)};
}

// Of several stacks one must ask, and none may bring an address of the old network along.
Answer network_of_card(const Facts& facts, const std::string& card) {
  std::optional<Answer> best;
  for (const NetworkStack& stack : network_stacks()) {
    if (!stack.in_use(facts.guest) || (stack.classic_interface_names && card != "eth0")) {
      continue;
    }
    if (read_card_setup(facts.guest, stack.name, card).setup == CardSetup::fixed) {
      return network_of(facts, stack, card);
    }
    Answer answer = network_of(facts, stack, card);
    if (!best || answer.verdict == Verdict::yes) {
      best = std::move(answer);
    }
  }
  return best.value_or(Answer{Verdict::cannot_tell, "no network stack that rehost knows"});
}

Answer ask_network(const Facts& facts) {
  if (facts.target.network == NetworkMode::keep) {
    return {Verdict::yes, "kept as it is, as asked"};
  }
  const bool classic = needs_classic_interface_names(facts.guest, facts.target);
  Answer answer = network_of_card(facts, "eth0");
  const std::optional<bool> told = keeps_kernel_names(facts);
  if (answer.verdict != Verdict::yes || classic || told.value_or(false)) {
    return answer;
  }
  Answer renamed = network_of_card(facts, "ens5");
  if (!told && renamed.verdict == Verdict::no) {
    renamed.verdict = Verdict::cannot_tell;  // it may keep the name eth0
  }
  return renamed;
}

constexpr Question kQuestions[] = {
    {"boot-loader", "Does the firmware find a boot loader?", Weight::required, ask_boot_loader},
    {"default-kernel", "Which kernel does it start?", Weight::required, ask_default_kernel},
    {"nvme", "Can that kernel reach an NVMe disk before it has a root file system?",
     Weight::required, ask_nvme},
    {"initramfs-settings", "Do LVM and md in its initramfs see NVMe disks?", Weight::required,
     ask_initramfs_settings},
    {"root-device", "Does root= name a file system that is there?", Weight::required, ask_root},
    {"mounts", "Is everything there that must be mounted?", Weight::required, ask_mounts},
    {"device-names", "Is no device name left that EC2 changes?", Weight::required,
     ask_device_names},
    {"ena", "Can that kernel load the driver of the network card?", Weight::required, ask_ena},
    {"network", "Does the network come up by DHCP?", Weight::required, ask_network},
    {"other-kernels", "Can all other kernels reach an NVMe disk?", Weight::advisory,
     ask_other_kernels},
    {"io-timeout", "Does NVMe wait for EBS as long as it can?", Weight::advisory, ask_io_timeout},
    {"console", "Does the EC2 serial console show something?", Weight::advisory, ask_console},
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::yes:
      return "yes";
    case Verdict::no:
      return "no";
    case Verdict::cannot_tell:
      return "cannot-tell";
  }
  return "";
}

std::vector<CheckAnswer> check_guest(const GuestView& guest, const Inspection& inspection,
                                     const Target& target) {
  Facts facts{guest, inspection, target, read_boot_config(guest, inspection.firmware)};
  for (const KernelImage& kernel : inspection.kernels) {
    facts.default_kernel = kernel.is_default ? &kernel : facts.default_kernel;
  }
  std::vector<CheckAnswer> answers;
  for (const Question& question : kQuestions) {
    const Answer answer = question.ask(facts);
    answers.push_back({std::string(question.name), std::string(question.sentence), answer.verdict,
                       question.weight == Weight::required && answer.weight == Weight::required,
                       answer.detail});
  }
  return answers;
}

bool would_boot(const std::vector<CheckAnswer>& answers) {
  return std::none_of(answers.begin(), answers.end(), [](const CheckAnswer& answer) {
    return answer.required && answer.verdict == Verdict::no;
  });
}

}  // namespace rehost
