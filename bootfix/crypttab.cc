#include "bootfix/crypttab.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/device_names.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

bool contains(const std::vector<std::string>& options, std::string_view option) {
  return std::find(options.begin(), options.end(), option) != options.end();
}

std::vector<NamedUse> uses_in_crypttab(const std::vector<CrypttabEntry>& entries) {
  std::vector<NamedUse> uses;
  uses.reserve(entries.size());
  for (const CrypttabEntry& entry : entries) {
    uses.push_back(
        {.name = entry.device, .type = entry.ephemeral ? "" : "crypto_LUKS", .device = {}});
  }
  return uses;
}

// How the entry names its device on EC2; nullopt when it cannot.
std::optional<std::string> new_name(const CrypttabEntry& entry, const FoundName& found,
                                    const Inspection& inspection) {
  if (!entry.ephemeral) {
    return found.stable;
  }
  const Filesystem* filesystem = find_filesystem(inspection, found.device);
  return filesystem == nullptr ? std::nullopt : stable_partition_name(*filesystem);
}

void let_boot_go_on_without(const CrypttabEntry& entry, TextEdits& edits) {
  if (!entry.required()) {
    return;
  }
  constexpr std::string_view kMissingFields[] = {"", "", " none nofail", " nofail"};
  if (entry.fields.size() > 3) {
    edits.insert(entry.fields[3].end, ",nofail");
  } else {
    edits.insert(entry.fields.back().end, kMissingFields[entry.fields.size()]);
  }
}

Warning device_missing(const CrypttabEntry& entry, std::string_view code, std::string_view reason) {
  return {
      .code = std::string(code),
      .subject = entry.device,
      .sentence = fmt::format("line {} of /etc/crypttab opens {} from {}: {}; the guest will start "
                              "without it",
                              entry.line, entry.name, entry.device, reason)};
}

// A key file opens it, or a swap gets a key of its own. Of what else there is nothing on EC2:
// nobody at the console, and no TPM that the old machine's key was sealed to.
bool waits_for_somebody(std::string_view text, const CrypttabEntry& entry) {
  const auto key =
      entry.fields.size() > 2
          ? text.substr(entry.fields[2].begin, entry.fields[2].end - entry.fields[2].begin)
          : std::string_view("none");
  const bool sealed =
      std::any_of(entry.options.begin(), entry.options.end(), [](const auto& option) {
        return option.starts_with("tpm2-device=") || option.starts_with("fido2-device=") ||
               option.starts_with("pkcs11-uri=");
      });
  const bool script =
      std::any_of(entry.options.begin(), entry.options.end(),
                  [](const auto& option) { return option.starts_with("keyscript="); });
  return entry.required() && !entry.ephemeral && !script && (key == "none" || key == "-" || sealed);
}

void warn_of_passphrases(std::string_view text, std::vector<Warning>& warnings) {
  for (const CrypttabEntry& entry : parse_crypttab(text)) {
    if (waits_for_somebody(text, entry)) {
      warnings.push_back(
          {.code = "crypttab-waits",
           .subject = entry.name,
           .sentence = fmt::format(
               "line {} of /etc/crypttab opens {} with a passphrase or a key in hardware: every "
               "start "
               "waits for somebody at the EC2 serial console; give it a key file, or the option "
               "nofail",
               entry.line, entry.name)});
    }
  }
}

FixResult plan_crypttab(const GuestView& guest, const Inspection& inspection, const Target&) {
  FixResult result;
  const std::optional<TextFile> file = read_text_file(guest, GuestPath("/etc/crypttab"));
  if (!file) {
    return result;
  }
  CrypttabRewrite rewrite = stabilise_crypttab(file->content, inspection);
  plan_rewrite(result, kCrypttabFix.name, *file, rewrite.text,
               "device names change on EC2, UUIDs do not");
  result.warnings = std::move(rewrite.warnings);
  warn_of_passphrases(rewrite.text, result.warnings);
  return result;
}

}  // namespace

constinit const Fix kCrypttabFix = {
    .name = "crypttab",
    .heading = "Name encrypted devices by UUID in /etc/crypttab",
    .description =
        "Device names become UUIDs; swap that is encrypted anew at every boot is named by the UUID "
        "of its "
        "partition. Entries whose disk was not given get the option nofail.",
    .plan = plan_crypttab,
};

bool CrypttabEntry::required() const {
  return !contains(options, "noauto") && !contains(options, "nofail");
}

std::vector<CrypttabEntry> parse_crypttab(std::string_view text) {
  std::vector<CrypttabEntry> entries;
  int number = 0;
  for (const Line& line : split_lines(text)) {
    ++number;
    std::vector<Field> fields = split_fields(text, line);
    if (fields.size() < 2 || text[fields[0].begin] == '#') {
      continue;
    }
    const auto field_text = [&](size_t i) {
      return i < fields.size()
                 ? std::string(text.substr(fields[i].begin, fields[i].end - fields[i].begin))
                 : std::string();
    };
    CrypttabEntry entry{.line = number,
                        .device_field = fields[1],
                        .fields = fields,
                        .name = field_text(0),
                        .device = field_text(1),
                        .options = split_at_commas(field_text(3))};
    const std::string key = field_text(2);
    entry.ephemeral = key == "/dev/urandom" || key == "/dev/random" || key == "/dev/hwrng" ||
                      contains(entry.options, "swap") || contains(entry.options, "plain");
    entries.push_back(std::move(entry));
  }
  return entries;
}

CrypttabRewrite stabilise_crypttab(std::string_view text, const Inspection& inspection) {
  const std::vector<CrypttabEntry> entries = parse_crypttab(text);
  const NameMap names(inspection, uses_in_crypttab(entries));
  TextEdits edits;
  CrypttabRewrite rewrite;
  for (const CrypttabEntry& entry : entries) {
    const NameMeaning meaning = names.meaning(entry.device, entry.ephemeral ? "" : "crypto_LUKS");
    if (const auto* found = std::get_if<FoundName>(&meaning)) {
      if (const std::optional<std::string> name = new_name(entry, *found, inspection)) {
        edits.replace(entry.device_field.begin, entry.device_field.end, *name);
        continue;
      }
      let_boot_go_on_without(entry, edits);
      rewrite.warnings.push_back(
          device_missing(entry, "crypttab-device-unknown", "its partition has no UUID"));
    } else if (const auto* missing = std::get_if<DiskNotGiven>(&meaning)) {
      let_boot_go_on_without(entry, edits);
      rewrite.warnings.push_back(device_missing(entry, "crypttab-disk-not-given",
                                                missing->disk + " is not among the disks given"));
    } else if (const auto* unknown = std::get_if<UnknownName>(&meaning)) {
      let_boot_go_on_without(entry, edits);
      rewrite.warnings.push_back(
          device_missing(entry, "crypttab-device-unknown", "it cannot be found: " + unknown->why));
    }
  }
  rewrite.text = edits.apply(text);
  return rewrite;
}

}  // namespace rehost
