#include "bootfix/systemd_boot.h"

#include <algorithm>

#include "bootfix/bls_entry.h"
#include "bootfix/network_files.h"
#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"
#include "converter/core/pe_image.h"

namespace rehost {
namespace {

constexpr std::string_view kEspMounts[] = {"/boot/efi", "/efi", "/boot"};
constexpr std::string_view kMagic = "#### LoaderInfo: systemd-boot ";
constexpr uint64_t kMaxLoaderBytes = 512u << 10;  // some 200 KiB in truth; shim is larger
constexpr uint64_t kMaxTextSectionBytes = 64u << 10;
constexpr size_t kMaxUnifiedImages = 200;

std::optional<GuestPath> entry_named(const GuestView& guest, const GuestPath& directory,
                                     std::string_view name) {
  for (const DirectoryEntry& entry : guest.list(directory)) {
    if (lower_case(entry.name) == lower_case(name)) {
      return directory / entry.name;
    }
  }
  return std::nullopt;
}

bool is_systemd_boot(const GuestView& guest, const GuestPath& path) {
  const std::optional<FileStat> stat = guest.stat(path);
  if (!stat || stat->type != FileType::regular || stat->size > kMaxLoaderBytes) {
    return false;
  }
  const std::optional<std::string> program = guest.read(path);
  return program && program->find(kMagic) != std::string::npos;
}

struct EspPrograms {
  bool any_fallback = false;
  bool fallback_is_systemd_boot = false;
  bool other_loader = false;   // in a directory of its own
  bool systemd_boot = false;   // in EFI/systemd
  bool grub2_bls = false;      // what sdbootutil prefers when both are there
  bool by_sdbootutil = false;  // behind openSUSE's shim, which goes by the boot.csv in EFI/systemd
};

EspPrograms programs_on(const GuestView& guest, const GuestPath& esp) {
  EspPrograms programs;
  const std::optional<GuestPath> efi = entry_named(guest, esp, "EFI");
  for (const DirectoryEntry& vendor : efi ? guest.list(*efi) : std::vector<DirectoryEntry>{}) {
    const std::string name = lower_case(vendor.name);
    for (const DirectoryEntry& file : guest.list(*efi / vendor.name)) {
      const std::string program = lower_case(file.name);
      const GuestPath path = *efi / vendor.name / file.name;
      if (name == "boot") {
        const bool fallback = program == "bootx64.efi" || program == "bootaa64.efi";
        programs.any_fallback = programs.any_fallback || fallback;
        if (fallback || program == "grubx64.efi" || program == "grubaa64.efi") {
          programs.fallback_is_systemd_boot =
              programs.fallback_is_systemd_boot || is_systemd_boot(guest, path);
        }
      } else if (name == "systemd") {
        programs.systemd_boot = programs.systemd_boot || is_systemd_boot(guest, path);
        programs.by_sdbootutil = programs.by_sdbootutil || program == "installed_by_sdbootutil";
      } else if (program == "installed_by_sdbootutil") {
        programs.grub2_bls = true;
      } else if (program.ends_with(".efi") &&
                 (program.starts_with("grub") || program.starts_with("shim"))) {
        programs.other_loader = true;
      }
    }
  }
  return programs;
}

// An entry with what its place in the menu depends on.
struct Item {
  BootEntry entry;
  std::string match_id;  // what `default` is compared with
  bool out_of_tries = false;
  std::string sort_key;
  std::string machine_id;
  std::string version;
};

// Earlier in the menu first.
bool comes_before(const Item& a, const Item& b) {
  if (a.out_of_tries != b.out_of_tries) {
    return b.out_of_tries;
  }
  if (a.sort_key.empty() != b.sort_key.empty()) {
    return b.sort_key.empty();
  }
  if (!a.sort_key.empty()) {
    if (a.sort_key != b.sort_key) {
      return a.sort_key < b.sort_key;
    }
    if (a.machine_id != b.machine_id) {
      return a.machine_id < b.machine_id;
    }
    if (const int order = compare_uapi_versions(a.version, b.version)) {
      return order > 0;
    }
  }
  return compare_uapi_versions(a.match_id, b.match_id) > 0;
}

// systemd-boot leaves out entries whose kernel is not there.
std::optional<Item> item_of(const GuestView& guest, const BlsEntry& bls) {
  const auto on_partition = [&](const std::string& path) -> std::optional<GuestPath> {
    const std::optional<GuestPath> real = resolve(guest, bls.partition / path);
    return real && is_file(guest, *real) ? real : std::nullopt;
  };
  Item item;
  item.entry.kernel = bls.value("linux");
  item.entry.kernel_file =
      item.entry.kernel.empty() ? std::nullopt : on_partition(item.entry.kernel);
  if (!item.entry.kernel_file) {
    return std::nullopt;
  }
  item.entry.title = bls.value("title");
  item.entry.id = bls.id;
  item.entry.version = bls.value("version");
  item.entry.file = bls.file;
  for (const BlsField& field : bls.fields) {
    if (field.key == "options") {
      item.entry.arguments += (item.entry.arguments.empty() ? "" : " ") + field.value;
    }
  }
  item.entry.initrds = bls.words("initrd");
  for (const std::string& initrd : item.entry.initrds) {
    if (std::optional<GuestPath> file = on_partition(initrd)) {
      item.entry.initrd_files.push_back(std::move(*file));
    }
  }
  item.match_id = bls.id + ".conf";
  item.entry.default_name = item.match_id;
  item.out_of_tries = bls.out_of_tries;
  item.sort_key = bls.value("sort-key");
  item.machine_id = bls.value("machine-id");
  item.version = item.entry.version;
  return item;
}

std::string first_setting(const std::vector<ShellAssignment>& settings,
                          std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    for (const ShellAssignment& setting : settings) {
      if (setting.name == name && !setting.value.empty()) {
        return setting.value;
      }
    }
  }
  return "";
}

Item unified_item(const GuestView& guest, const GuestPath& path, const std::string& name) {
  const auto section = [&](std::string_view wanted) {
    std::string text = read_pe_section(guest, path, wanted, kMaxTextSectionBytes).value_or("");
    text.resize(std::min(text.find('\0'), text.size()));
    return text;
  };
  const std::vector<ShellAssignment> os = parse_shell_assignments(section(".osrel"));
  Item item;
  item.entry.title = first_setting(os, {"PRETTY_NAME", "IMAGE_ID", "NAME"});
  item.entry.id = name;
  item.entry.kernel = "/EFI/Linux/" + name;
  item.entry.kernel_file = path;
  item.entry.arguments = section(".cmdline");
  item.entry.version = std::string(trim(section(".uname")));
  item.entry.file = path;
  item.match_id = name;
  item.entry.default_name = name;
  item.sort_key = first_setting(os, {"IMAGE_ID", "ID"});
  item.version = first_setting(os, {"IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID"});
  return item;
}

std::vector<Item> items_on(const GuestView& guest, const GuestPath& partition) {
  std::vector<Item> items;
  for (const BlsEntry& bls : read_bls_entries(guest, partition)) {
    if (std::optional<Item> item = item_of(guest, bls)) {
      items.push_back(std::move(*item));
    }
  }
  size_t unified = 0;
  const GuestPath directory = partition / "EFI/Linux";
  for (const DirectoryEntry& file : guest.list(directory)) {
    const GuestPath path = directory / file.name;
    if (lower_case(file.name).ends_with(".efi") && unified < kMaxUnifiedImages &&
        is_unified_kernel(guest, path)) {
      items.push_back(unified_item(guest, path, file.name));
      ++unified;
    }
  }
  std::stable_sort(items.begin(), items.end(), comes_before);
  return items;
}

// The last `default` line. "@saved" is in the firmware's variables, which do not travel.
std::string default_pattern(std::string_view loader_conf) {
  std::string pattern;
  for (const BlsField& field : parse_bls_fields(loader_conf)) {
    if (field.key == "default") {
      pattern = field.value;
    }
  }
  return pattern.starts_with('@') ? "" : lower_case(pattern);
}

size_t default_item(const std::vector<Item>& items, const std::string& pattern) {
  for (size_t i = 0; i < items.size() && !pattern.empty(); ++i) {
    // Before systemd 246 the pattern was matched without ".conf".
    if (matches_glob(lower_case(items[i].match_id), pattern) ||
        matches_glob(lower_case(items[i].entry.id), pattern)) {
      return i;
    }
  }
  return 0;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

size_t length_of_run(std::string_view text, bool (*belongs)(char)) {
  return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), belongs) - text.begin());
}

void skip_unknown(std::string_view& text) {
  constexpr std::string_view kKnown = "~-^.";
  while (!text.empty() && !is_digit(text.front()) && !is_letter(text.front()) &&
         kKnown.find(text.front()) == std::string_view::npos) {
    text.remove_prefix(1);
  }
}

int sign(std::ptrdiff_t difference) {
  return difference < 0 ? -1 : (difference > 0 ? 1 : 0);
}

// The next run of digits or letters of both; what is longer or later in order is newer.
int compare_runs(std::string_view& a, std::string_view& b) {
  const bool digits = is_digit(a.front()) || is_digit(b.front());
  for (std::string_view* text : {&a, &b}) {
    while (digits && text->size() > 1 && text->front() == '0' && is_digit((*text)[1])) {
      text->remove_prefix(1);
    }
  }
  const size_t left = length_of_run(a, digits ? is_digit : is_letter);
  const size_t right = length_of_run(b, digits ? is_digit : is_letter);
  const auto longer = static_cast<std::ptrdiff_t>(left) - static_cast<std::ptrdiff_t>(right);
  if (digits && longer != 0) {
    return sign(longer);
  }
  const size_t common = std::min(left, right);
  if (const int order = a.substr(0, common).compare(b.substr(0, common))) {
    return sign(order);
  }
  a.remove_prefix(left);
  b.remove_prefix(right);
  return sign(longer);
}

}  // namespace

std::optional<GuestPath> systemd_boot_esp(const GuestView& guest) {
  for (const std::string_view mount : kEspMounts) {
    const GuestPath esp(mount);
    const EspPrograms programs = programs_on(guest, esp);
    const bool alone = !programs.any_fallback && programs.systemd_boot && !programs.other_loader;
    if (programs.fallback_is_systemd_boot || alone ||
        (programs.systemd_boot && programs.by_sdbootutil && !programs.grub2_bls)) {
      return esp;
    }
  }
  return std::nullopt;
}

std::optional<BootConfig> read_systemd_boot(const GuestView& guest, Firmware firmware) {
  const std::optional<GuestPath> esp =
      firmware == Firmware::uefi ? systemd_boot_esp(guest) : std::nullopt;
  if (!esp) {
    return std::nullopt;
  }
  std::vector<Item> items = items_on(guest, *esp);
  if (items.empty()) {
    items = items_on(guest, GuestPath("/boot"));
  }
  BootConfig config;
  config.file = *esp / "loader/loader.conf";
  if (!items.empty()) {
    config.default_entry =
        default_item(items, default_pattern(guest.read(config.file).value_or("")));
  }
  for (Item& item : items) {
    config.entries.push_back(std::move(item.entry));
  }
  return config;
}

int compare_uapi_versions(std::string_view a, std::string_view b) {
  while (true) {
    skip_unknown(a);
    skip_unknown(b);
    if (a.starts_with('~') || b.starts_with('~')) {
      if (a.starts_with('~') != b.starts_with('~')) {
        return a.starts_with('~') ? -1 : 1;
      }
      a.remove_prefix(1);
      b.remove_prefix(1);
      continue;
    }
    if (a.empty() || b.empty()) {
      return static_cast<int>(!a.empty()) - static_cast<int>(!b.empty());
    }
    bool separated = false;
    for (const char separator : {'-', '^', '.'}) {  // each older than what goes on without it
      if (a.front() == separator || b.front() == separator) {
        if (a.front() != b.front()) {
          return a.front() == separator ? -1 : 1;
        }
        a.remove_prefix(1);
        b.remove_prefix(1);
        separated = true;
        break;
      }
    }
    if (separated) {
      continue;
    }
    if (const int order = compare_runs(a, b)) {
      return order;
    }
  }
}

}  // namespace rehost
