#include "drivers/driver_bundle_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "drivers/depmod_config.h"
#include "drivers/driver_bundle.h"
#include "drivers/kernel_image.h"
#include "drivers/module_index_edit.h"

namespace rehost {
namespace {

constexpr std::string_view kFix = "driver-bundle";
// depmod takes the last of several overrides, and reads its files in the order of their names.
constexpr std::string_view kDepmodFile = "/etc/depmod.d/zz-rehost.conf";

// Where modules go that are not the kernel's own: dist.conf of Red Hat's kmod says "search updates
// extra built-in weak-updates", and extra is where its packages put theirs; kmod itself and the
// configurations of Debian, Ubuntu and SUSE know updates. A directory of our own below it never
// has a file of somebody else's in the way.
std::string_view install_directory(const Inspection& inspection) {
  const bool redhat =
      inspection.distro != nullptr && inspection.distro->family == DistroFamily::redhat;
  return redhat ? "extra/rehost" : "updates/rehost";
}

// "6.1.0-56-amd64/nvme-core.ko.xz" -> "nvme-core"
std::string file_stem(const BundledModule& module) {
  std::string name = module.file.substr(module.file.rfind('/') + 1);
  return name.substr(0, name.find(".ko"));
}

// One module as it will be in the guest.
struct Installed {
  const BundledModule* bundled;
  ModuleRecord record;  // with its path
  std::string content;  // unpacked, unless the guest's own modules are packed in the same way
  std::string reason;
};

class KernelInstaller {
 public:
  KernelInstaller(FixResult& result, const GuestView& guest, const Inspection& inspection,
                  const KernelImage& kernel, const Target& target)
      : result_(result),
        guest_(guest),
        kernel_(kernel),
        target_(target),
        directory_(install_directory(inspection)),
        drivers_(read_root_drivers(guest, kernel)),
        family_(module_family(guest, kernel, drivers_.index)) {}

  void plan() {
    for (const RequiredModule& module : required_modules()) {
      take(choose_module(guest_, kernel_, drivers_, family_, target_, module.name));
    }
    if (modules_.empty()) {
      return;
    }
    const ModuleIndexTexts texts =
        read_index_texts(guest_, kernel_.modules_directory, IndexDetail::all);
    if (texts.dep.empty() || texts.dep.front() == '/') {
      refuse_index(texts.dep.empty());
      return;
    }
    for (const Installed& module : modules_) {
      write(kernel_.modules_directory / module.record.path, module.content, module.reason);
    }
    plan_index(texts);
    find_overrides();
  }

  // Module names, as depmod.d(5) wants them, for which the guest's next depmod has to be told.
  const std::set<std::string>& overrides() const { return overrides_; }

 private:
  void take(ModuleChoice choice) {
    std::move(choice.refusals.begin(), choice.refusals.end(), std::back_inserter(result_.warnings));
    for (const BundledModule* bundled : choice.modules) {
      const bool there =
          std::any_of(modules_.begin(), modules_.end(), [&](const Installed& installed) {
            return module_name(installed.bundled->name) == module_name(bundled->name);
          });
      if (!there) {
        add(*bundled, choice);
      }
    }
  }

  void add(const BundledModule& bundled, const ModuleChoice& choice) {
    const std::string ending = bundled.file.substr(bundled.file.rfind(".ko"));
    const bool keep = ending == family_->ending;
    Installed module{.bundled = &bundled, .record = {}, .content = {}, .reason = {}};
    module.record = record_of(parse_kernel_module(bundled.content),
                              fmt::format("{}/{}{}", directory_, file_stem(bundled),
                                          keep ? ending : std::string_view(".ko")));
    module.content = keep ? bundled.content : unpack_module(bundled.content);
    module.reason = fmt::format("{}; {}{}{}, license {}, sha256 {}, from {}", choice.need,
                                bundled.name, bundled.version.empty() ? "" : " ", bundled.version,
                                bundled.license, bundled.sha256, bundled.bundle);
    warn_of_signature(bundled);
    modules_.push_back(std::move(module));
  }

  // A kernel that was built to load nothing without a signature.
  void warn_of_signature(const BundledModule& bundled) {
    if (parse_kernel_module(bundled.content).is_signed) {
      return;
    }
    for (const GuestPath& path : {GuestPath("/boot") / ("config-" + kernel_.release),
                                  kernel_.modules_directory / "config"}) {
      const std::string config = guest_.read(path).value_or("");
      if (config.find("\nCONFIG_MODULE_SIG_FORCE=y\n") != std::string::npos) {
        result_.warnings.push_back(
            {"driver-bundle-unsigned", bundled.bundle + "/" + bundled.file,
             fmt::format("{} has no signature, and kernel {} loads only signed modules "
                         "(CONFIG_MODULE_SIG_FORCE)",
                         bundled.file, kernel_.release)});
        return;
      }
    }
  }

  void refuse_index(bool missing) {
    result_.warnings.push_back(
        {"driver-bundle-refused", kernel_.release,
         fmt::format("no driver can be added to {}: {}", kernel_.modules_directory.str(),
                     missing ? "it has no modules.dep (run depmod on the source machine)"
                             : "its modules.dep is of the form that only Linux 2.6.18 had")});
  }

  void write(const GuestPath& path, const std::string& content, const std::string& reason) {
    const std::optional<std::string> old = guest_.read(path, kMaxModuleBytes);
    if (old == content) {
      return;
    }
    result_.edits.push_back(
        {std::string(kFix), reason,
         WriteFile{path, content, old ? std::optional(hash_content(*old)) : std::nullopt}});
  }

  // A .bin file only where there is one: module-init-tools before 3.3 has none.
  void write_index(const std::string& name, const std::string& content, bool is_binary) {
    const GuestPath path = kernel_.modules_directory / name;
    if (!is_binary || is_file(guest_, path)) {
      write(path, content, fmt::format("kernel {} finds the new modules by it", kernel_.release));
    }
  }

  void plan_index(const ModuleIndexTexts& texts) {
    std::vector<ModuleRecord> records;
    for (const Installed& module : modules_) {
      records.push_back(module.record);
    }
    const ModuleIndexTexts changed = with_modules(texts, records);
    for (const IndexFile& file : index_files(ModuleIndex(changed))) {
      if (file.name.ends_with(".bin")) {
        write_index(file.name, file.content, true);
      }
    }
    // A text that was not there stays so when there is nothing to say.
    const auto write_text = [&](const std::string& name, const std::string& before,
                                const std::string& after) {
      if (before != after) {
        write_index(name, after, false);
      }
    };
    write_text("modules.alias", texts.alias, changed.alias);
    write_text("modules.symbols", texts.symbols, changed.symbols);
    write_text("modules.softdep", texts.softdep, changed.softdep);
    write_text("modules.dep", texts.dep, changed.dep);
  }

  // Modules that depmod would not choose by itself over the guest's own.
  void find_overrides() {
    const DepmodConfig config = read_depmod_config(guest_);
    for (const Installed& module : modules_) {
      const ModuleRecord* own = drivers_.index.find(module.record.name);
      if (own != nullptr && own->path != module.record.path &&
          !config.prefers(module.record.path, own->path)) {
        overrides_.insert(file_stem(*module.bundled));
      }
    }
  }

  FixResult& result_;
  const GuestView& guest_;
  const KernelImage& kernel_;
  const Target& target_;
  std::string directory_;
  KernelDrivers drivers_;
  std::optional<ModuleFamily> family_;
  std::vector<Installed> modules_;
  std::set<std::string> overrides_;
};

// In front of all others: an index that is whole means that nothing is left to do.
void plan_depmod(FixResult& result, const GuestView& guest, const Inspection& inspection,
                 const std::set<std::string>& overrides) {
  const GuestPath file(kDepmodFile);
  const std::optional<std::string> old = guest.read(file);
  std::string text = old.value_or("");
  for (const std::string& name : overrides) {
    text = with_override(text, name, install_directory(inspection));
  }
  if (text != old.value_or("")) {
    result.edits.insert(
        result.edits.begin(),
        {std::string(kFix), "the guest's next depmod would go back to its own module",
         WriteFile{file, text, old ? std::optional(hash_content(*old)) : std::nullopt}});
  }
}

}  // namespace

FixResult plan_driver_bundle(const GuestView& guest, const Inspection& inspection,
                             const Target& target) {
  FixResult result;
  if (target.bundled_modules.empty()) {
    return result;
  }
  std::set<std::string> overrides;
  for (const KernelImage& kernel : inspection.kernels) {
    if (can_be_started(kernel)) {
      KernelInstaller installer(result, guest, inspection, kernel, target);
      installer.plan();
      overrides.insert(installer.overrides().begin(), installer.overrides().end());
    }
  }
  plan_depmod(result, guest, inspection, overrides);
  return result;
}

}  // namespace rehost
