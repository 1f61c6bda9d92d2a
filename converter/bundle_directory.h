// Driver bundles on the worker: a directory with a manifest and modules. docs/driver-bundle.md is
// the format. What is in one comes from elsewhere: nothing outside of the directory is ever opened,
// sizes are bounded, and no module is used whose bytes are not those of the manifest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/target.h"

namespace rehost {

// Largest file of a module, and of all modules for the kernels of one guest.
inline constexpr uint64_t kMaxBundledModuleBytes = 64u << 20;
inline constexpr uint64_t kMaxBundledBytes = 512u << 20;

// One row of a manifest.
struct BundleEntry {
  std::string release;       // "6.1.0-56-amd64", and the directory that the file is in
  std::string file;          // "6.1.0-56-amd64/nvme-core.ko.xz"
  std::string name;          // "nvme_core"
  std::string version;       // empty when the module has none
  std::string license;       // "GPL"
  std::string vermagic;      // as in the module, blanks at its end too
  std::string architecture;  // "x86_64"
  std::string sha256;        // of the file, in hexadecimal
  uint64_t size = 0;         // of the file, in bytes
  friend bool operator==(const BundleEntry&, const BundleEntry&) = default;
};

struct BundleManifest {
  std::vector<BundleEntry> modules;  // by release, then name
};

// Throws Error(usage) that names the field: {"modules", 3, "sha256"} is modules[3].sha256. `where`
// is the manifest's path, for the sentence.
BundleManifest parse_bundle_manifest(std::string_view json, const std::string& where);
std::string bundle_manifest_json(const BundleManifest& manifest);

// Throws Error(usage): no such directory, no manifest, or one that is wrong.
BundleManifest read_bundle_manifest(const std::string& directory);

// What is wrong with a module of the bundle, one sentence for each entry of the manifest; "" when
// its bytes are those of the manifest and say the same as it does. Then `content` has them.
std::string read_entry(const std::string& directory, const BundleEntry& entry,
                       std::string& content);

// The modules of all bundles for these kernels. Throws Error(usage) when one is not what its
// manifest says.
std::vector<BundledModule> load_bundled_modules(const std::vector<std::string>& directories,
                                                const std::vector<std::string>& releases);

// Module files in the directory that the manifest does not list: "6.1.0-56-amd64/ena.ko".
std::vector<std::string> unlisted_modules(const std::string& directory,
                                          const BundleManifest& manifest);

// Copies module files into the bundle, which is made if it is not there, and lists them. All files
// are looked at before anything is written; the manifest is replaced last, in one step. One that is
// there already, byte for byte, is passed over; one that is listed and was damaged is mended.
// Returns what was added. Throws Error(usage) for a file that is no module, and for one that
// differs from what the bundle has under its name.
std::vector<BundleEntry> add_to_bundle(const std::string& directory,
                                       const std::vector<std::string>& files);

}  // namespace rehost
