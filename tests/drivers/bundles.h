// Driver bundles for tests, and guests that need one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "converter/core/target.h"
#include "drivers/driver_bundle.h"
#include "tests/drivers/samples.h"

namespace rehost {

// A module that was built for this kernel.
inline std::string module_for(std::string_view release, std::vector<std::string> fields,
                              const std::vector<std::string>& exports = {}) {
  fields.push_back("vermagic=" + vermagic_of(release));
  fields.emplace_back("license=GPL");
  return make_module(fields, exports);
}

inline BundledModule bundled_file(const std::string& file_stem, std::string content,
                                  std::string_view release = kRelease) {
  return {.bundle = "bundle",
          .file = std::string(release) + "/" + file_stem + ".ko",
          .release = std::string(release),
          .name = module_name(file_stem),
          .version = "",
          .license = "GPL",
          .sha256 = std::string(64, '0'),
          .content = std::move(content)};
}

inline BundledModule bundled(const std::string& file_stem, std::vector<std::string> fields,
                             std::string_view release = kRelease) {
  fields.insert(fields.begin(), "name=" + module_name(file_stem));
  return bundled_file(file_stem, module_for(release, std::move(fields)), release);
}

// Where the sample guest has a module.
inline std::string module_path(std::string_view name, std::string_view release = kRelease) {
  const std::string root = "/usr/lib/modules/" + std::string(release) + "/kernel/";
  if (name == "ena") {
    return root + "drivers/net/ethernet/amazon/ena/ena.ko";
  }
  if (name == "ext4") {
    return root + "fs/ext4/ext4.ko";
  }
  return root + (name == "nvme" ? "drivers/nvme/host/nvme.ko" : "drivers/nvme/host/nvme-core.ko");
}

// Takes modules out of a guest and its index, with the .bin files that depmod would have written.
inline void remove_modules(MemoryGuest& guest, const std::vector<std::string>& names,
                           std::string_view release = kRelease) {
  const GuestPath directory("/usr/lib/modules/" + std::string(release));
  const std::vector<std::string> everything{"nvme", "ena", "ext4"};
  const ModuleIndex whole = load_module_index(guest, directory, IndexDetail::all, everything);
  ModuleIndex left;
  for (const ModuleRecord& record : whole.modules()) {
    if (std::find(names.begin(), names.end(), record.name) == names.end()) {
      left.add(record);
    }
  }
  for (const std::string& name : names) {
    guest.remove(GuestPath(module_path(name, release)));
  }
  for (IndexFile& file : index_files(left)) {
    guest.add_file((directory / file.name).str(), std::move(file.content));
  }
}

// The sample Debian, whose initramfs has no driver, and whose kernel lacks these.
inline MemoryGuest guest_without(const std::vector<std::string>& names) {
  MemoryGuest guest = debian_guest(write_cpio(debian_initramfs()));
  remove_modules(guest, names);
  return guest;
}

}  // namespace rehost
