#include "bootfix/bls_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/boot_rules.h"
#include "bootfix/grub2.h"
#include "bootfix/grubenv.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

constexpr std::string_view kKernelopts = "kernelopts";

bool is_kernelopts(const std::string& word) {
  return word == "$kernelopts" || word == "${kernelopts}";
}

// What the entries in /boot get by variables, as it will be once all fixes are done.
struct Inherited {
  KernelArguments kernelopts;
  KernelArguments defaults;        // default_kernelopts: for entries without an options line
  bool inline_kernelopts = false;  // grubenv has no room for it
};

// The values of the menu that the machine boots with.
std::map<std::string, std::string> variables_in_use(const GuestView& guest, Firmware firmware) {
  const std::vector<GuestPath> menus = grub_cfg_files(guest, firmware);
  const auto file = menus.empty() ? std::nullopt : read_text_file(guest, menus.front());
  if (!file) {
    return {};
  }
  return grub_variables(guest, file->path, file->content, parse_grub_script(file->content));
}

KernelArguments adapted_variable(const std::map<std::string, std::string>& variables,
                                 const std::string& name, const ArgumentRules& rules) {
  const auto found = variables.find(name);
  std::vector<Warning> said_elsewhere;
  return KernelArguments::parse(
      found == variables.end()
          ? ""
          : adapt_kernelopts(found->second, GuestPath(), rules, said_elsewhere));
}

// true: one of the blocks is too small for what its kernelopts must say.
bool plan_blocks(FixResult& result, const GuestView& guest, const ArgumentRules& rules) {
  bool full = false;
  for (const TextFile& block : grubenv_files(guest)) {
    const auto variables = parse_grubenv(block.content);
    const auto found = variables.find(std::string(kKernelopts));
    if (found == variables.end()) {
      continue;
    }
    const std::string adapted = adapt_kernelopts(found->second, block.path, rules, result.warnings);
    if (adapted == found->second) {
      continue;
    }
    if (const auto content = with_grubenv_variable(block.content, kKernelopts, adapted)) {
      plan_rewrite(result, kBlsOptionsFix.name, block, *content,
                   "all BLS entries take kernelopts from it");
      continue;
    }
    full = true;
    result.warnings.push_back(
        {.code = "grubenv-full",
         .subject = block.path.str(),
         .sentence = fmt::format("{} has no room for kernelopts as EC2 needs it: the BLS entries "
                                 "carry it themselves now",
                                 block.path.str())});
  }
  return full;
}

std::string with_inline_kernelopts(const BlsEntry& entry, const KernelArguments& kernelopts) {
  std::string text = entry.text;
  for (auto field = entry.fields.rbegin(); field != entry.fields.rend(); ++field) {
    if (field->key != "options") {
      continue;
    }
    KernelArguments arguments = KernelArguments::parse(
        std::string_view(text).substr(field->value_begin, field->value_end - field->value_begin));
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (is_kernelopts(arguments.word(i))) {
        arguments.replace(i, kernelopts.text());
      }
    }
    text.replace(field->value_begin, field->value_end - field->value_begin, arguments.text());
  }
  return text;
}

BlsRewrite adapt_entry(const GuestView& guest, const BlsEntry& entry, const BootRules& rules,
                       const Inherited& inherited) {
  const std::optional<GuestPath> kernel = file_of_entry(guest, entry, entry.value("linux"));
  if (!kernel) {
    return clean_bls_options(entry.text, entry.file, rules.for_another_system());
  }
  const ArgumentRules own = rules.for_kernel(*kernel);
  if (entry.partition != GuestPath("/boot")) {
    return adapt_bls_options(entry.text, entry.file, own, {});
  }
  const std::vector<std::string> words = entry.words("options");
  if (words.empty()) {
    return adapt_bls_options(entry.text, entry.file, own, inherited.defaults);
  }
  if (std::none_of(words.begin(), words.end(), is_kernelopts)) {
    return adapt_bls_options(entry.text, entry.file, own, {});
  }
  if (!inherited.inline_kernelopts) {
    return adapt_bls_options(entry.text, entry.file, own, inherited.kernelopts);
  }
  return adapt_bls_options(with_inline_kernelopts(entry, inherited.kernelopts), entry.file, own,
                           {});
}

FixResult plan_bls_options(const GuestView& guest, const Inspection& inspection,
                           const Target& target) {
  FixResult result;
  const std::vector<BlsEntry> entries = read_bls_entries(guest);
  if (entries.empty()) {
    return result;
  }
  const NameMap names(inspection);
  const BootRules rules(guest, inspection, target, names);
  const ArgumentRules shared = rules.for_all_kernels();
  const auto variables = variables_in_use(guest, inspection.firmware);
  Inherited inherited;
  inherited.kernelopts = adapted_variable(variables, "kernelopts", shared);
  inherited.defaults = adapted_variable(variables, "default_kernelopts", shared);
  inherited.inline_kernelopts = plan_blocks(result, guest, shared);
  for (const BlsEntry& entry : entries) {
    if (entry.value("linux").empty()) {
      continue;  // an EFI program: another system's loader, or a unified kernel image
    }
    BlsRewrite rewrite = adapt_entry(guest, entry, rules, inherited);
    plan_rewrite(result, kBlsOptionsFix.name, {entry.file, entry.text}, rewrite.text,
                 "its kernel must find the root file system and speak on the serial console");
    std::move(rewrite.warnings.begin(), rewrite.warnings.end(),
              std::back_inserter(result.warnings));
  }
  return result;
}

}  // namespace

constinit const Fix kBlsOptionsFix = {
    .name = "bls-entries",
    .heading = "Prepare the entries of the Boot Loader Specification for EC2",
    .description =
        "In loader/entries/*.conf of /boot and the ESP, and in kernelopts of grubenv: root by "
        "UUID, serial console, the NVMe timeout that each kernel accepts, eth0 as interface name "
        "where the network fix needs it.",
    .plan = plan_bls_options,
};

std::string adapt_kernelopts(std::string_view value, const GuestPath& file,
                             const ArgumentRules& rules, std::vector<Warning>& warnings) {
  KernelArguments arguments = KernelArguments::parse(value);
  adapt_arguments(arguments, rules, fmt::format("kernelopts in {}", file.str()), warnings);
  return arguments.text();
}

}  // namespace rehost
