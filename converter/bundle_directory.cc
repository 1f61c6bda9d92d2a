#include "converter/bundle_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "converter/core/error.h"
#include "drivers/kernel_module.h"
#include "images/posix_file.h"
#include "images/sha256.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kManifest = "manifest.json";
constexpr uint64_t kMaxManifestBytes = 16u << 20;
constexpr size_t kMostModules = 100000;
constexpr size_t kLongestName = 128;

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorKind::usage, sentence);
}

// A name of one file or directory, of the characters that kernels use in theirs.
bool is_plain_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+~-";
  return !name.empty() && name.size() <= kLongestName && name.front() != '.' &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string sha256_of(std::string_view bytes) {
  return to_hex(sha256(std::as_bytes(std::span(bytes.data(), bytes.size()))));
}

// ---- The manifest

// The fields of a row that are texts, in the order in which they are written.
struct TextField {
  const char* name;
  std::string BundleEntry::*member;
};
constexpr std::array<TextField, 8> kTextFields{{{"release", &BundleEntry::release},
                                                {"file", &BundleEntry::file},
                                                {"name", &BundleEntry::name},
                                                {"version", &BundleEntry::version},
                                                {"license", &BundleEntry::license},
                                                {"vermagic", &BundleEntry::vermagic},
                                                {"architecture", &BundleEntry::architecture},
                                                {"sha256", &BundleEntry::sha256}}};
constexpr const char* kSize = "size";

// Names are compared here and become paths: one that could lead elsewhere is refused.
void require_sound(const BundleEntry& entry, const std::string& at) {
  const std::string start = entry.release + "/";
  const std::string_view file =
      std::string_view(entry.file)
          .substr(entry.file.starts_with(start) ? start.size() : entry.file.size());
  if (!is_plain_name(entry.release)) {
    refuse(fmt::format("{}.release is no kernel release: '{}'", at, entry.release));
  }
  if (!is_plain_name(file) || !is_module_file(file)) {
    refuse(fmt::format("{}.file must be {}NAME.ko, .ko.gz, .ko.xz or .ko.zst, and is '{}'", at,
                       start, entry.file));
  }
  if (module_name(file) != entry.name) {
    refuse(fmt::format("{}.name must be '{}' after its file, and is '{}'", at, module_name(file),
                       entry.name));
  }
  if (entry.sha256.size() != 64 ||
      entry.sha256.find_first_not_of("0123456789abcdef") != std::string::npos) {
    refuse(fmt::format("{}.sha256 must be 64 hexadecimal digits, and is '{}'", at, entry.sha256));
  }
  if (entry.size > kMaxBundledModuleBytes) {
    refuse(fmt::format("{}.size is {}, and the most for a module is {}", at,
                       human_bytes(entry.size), human_bytes(kMaxBundledModuleBytes)));
  }
}

BundleEntry parse_entry(const Json& json, const std::string& at) {
  if (!json.is_object()) {
    refuse(fmt::format("{} must be an object", at));
  }
  BundleEntry entry;
  for (const TextField& field : kTextFields) {
    const auto found = json.find(field.name);
    if (found == json.end() || !found->is_string()) {
      refuse(fmt::format("{}.{} must be a text", at, field.name));
    }
    entry.*field.member = found->get<std::string>();
  }
  const auto size = json.find(kSize);
  if (size == json.end() || !size->is_number_unsigned()) {
    refuse(fmt::format("{}.{} must be a number of bytes", at, kSize));
  }
  entry.size = size->get<uint64_t>();
  for (const auto& [name, value] : json.items()) {
    const bool known = name == kSize || std::any_of(kTextFields.begin(), kTextFields.end(),
                                                    [&, &key = name](const TextField& field) {
                                                      return key == field.name;
                                                    });
    if (!known) {
      refuse(fmt::format("{}.{} is not known to this version of rehost", at, name));
    }
  }
  require_sound(entry, at);
  return entry;
}

auto order_of(const BundleEntry& entry) {
  return std::tie(entry.release, entry.name);
}

void sort_entries(std::vector<BundleEntry>& entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const BundleEntry& a, const BundleEntry& b) {
    return order_of(a) < order_of(b);
  });
}

// ---- Files of the directory

struct Directory {
  FileDescriptor fd;
  std::string name;
};

Directory open_directory(const std::string& path) {
  return {open_file(path, O_RDONLY | O_DIRECTORY), path};
}

// A directory or a regular file below an open directory, no link followed. `flags` of open(2).
FileDescriptor open_below(const Directory& directory, const std::string& name, int flags) {
  // O_NONBLOCK: a pipe in the place of a module must not hold us up.
  const int fd = ::openat(directory.fd.get(), name.c_str(),
                          flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    const int error_number = errno;
    const bool link =
        error_number == ELOOP || (error_number == ENOTDIR && (flags & O_DIRECTORY) != 0);
    throw Error(ErrorKind::usage, fmt::format("cannot open {}/{}: {}", directory.name, name,
                                              link ? "it is a symbolic link or no directory"
                                                   : errno_text(error_number)));
  }
  return FileDescriptor(fd);
}

std::string read_below(const Directory& directory, const std::string& name, uint64_t max_bytes) {
  const FileDescriptor fd = open_below(directory, name, 0);
  const std::string path = directory.name + "/" + name;
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    refuse(fmt::format("cannot read {}: it is no regular file", path));
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > max_bytes) {
    refuse(fmt::format("cannot read {}: it has {}, and the most is {}", path, human_bytes(size),
                       human_bytes(max_bytes)));
  }
  std::string content(size, '\0');
  read_fully(fd.get(), path, 0, std::as_writable_bytes(std::span(content.data(), content.size())));
  return content;
}

// Written under another name, synced, renamed.
void write_below(const Directory& directory, const std::string& name, std::string_view content) {
  const std::string partial = "." + name + ".partial";
  const std::string path = directory.name + "/" + name;
  const int raw = ::openat(directory.fd.get(), partial.c_str(),
                           O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (raw < 0) {
    const int error_number = errno;
    throw Error(ErrorKind::environment,
                fmt::format("cannot write {}: {}", path, errno_text(error_number)));
  }
  try {
    const FileDescriptor fd(raw);
    write_fully(fd.get(), path, 0, std::as_bytes(std::span(content.data(), content.size())));
    sync_file(fd.get(), path);
    if (::renameat(directory.fd.get(), partial.c_str(), directory.fd.get(), name.c_str()) != 0) {
      throw_io_error("write", path, errno);
    }
    sync_file(directory.fd.get(), directory.name);
  } catch (const Error&) {
    ::unlinkat(directory.fd.get(), partial.c_str(), 0);
    throw;
  }
}

void make_directory_below(const Directory& directory, const std::string& name) {
  if (::mkdirat(directory.fd.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
    throw_io_error("make the directory", directory.name + "/" + name, errno);
  }
}

std::vector<std::string> names_in(const Directory& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(directory.name, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().native());
  }
  if (error) {
    throw Error(ErrorKind::environment,
                fmt::format("cannot list {}: {}", directory.name, error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// ---- Modules

// What a module says of itself is printed, compared and kept as JSON.
bool is_plain_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// The row for a module file; throws Error(usage) for one that cannot have a row.
BundleEntry describe_file(const std::string& path, std::string_view content) {
  const std::string file = fs::path(path).filename().native();
  if (!is_plain_name(file) || !is_module_file(file)) {
    refuse(fmt::format("{} is no name of a module: it must end in .ko, .ko.gz, .ko.xz or .ko.zst",
                       path));
  }
  KernelModule module;
  try {
    module = parse_kernel_module(content);
  } catch (const Error& error) {
    refuse(fmt::format("{} cannot go into a bundle: {}", path, error.what()));
  }
  BundleEntry entry;
  entry.release = module.vermagic.substr(0, module.vermagic.find(' '));
  entry.file = entry.release + "/" + file;
  entry.name = module_name(file);
  entry.version = module.version;
  entry.license = module.license;
  entry.vermagic = module.vermagic;
  entry.architecture = module.architecture;
  entry.sha256 = sha256_of(content);
  entry.size = content.size();
  if (!is_plain_name(entry.release)) {
    refuse(fmt::format("{} cannot go into a bundle: its vermagic '{}' names no kernel release",
                       path, module.vermagic));
  }
  if (entry.license.empty() || !is_plain_text(entry.license)) {
    refuse(fmt::format("{} cannot go into a bundle: it does not say its license", path));
  }
  if (!is_plain_text(entry.version) || !is_plain_text(entry.vermagic)) {
    refuse(fmt::format("{} cannot go into a bundle: its version or its vermagic is no text", path));
  }
  if (!module.name.empty() && module_name(module.name) != entry.name) {
    refuse(fmt::format("{} cannot go into a bundle: it is the module {} under another name", path,
                       module.name));
  }
  return entry;
}

std::string read_source(const std::string& path) {
  const fs::path parts(path);
  const Directory directory{
      open_file(parts.has_parent_path() ? parts.parent_path() : ".", O_RDONLY | O_DIRECTORY),
      parts.has_parent_path() ? parts.parent_path().native() : "."};
  return read_below(directory, parts.filename().native(), kMaxBundledModuleBytes);
}

struct NewModule {
  BundleEntry entry;
  std::string content;
};

// Is it there already? Throws Error(usage) when something else is.
bool is_listed(const std::vector<BundleEntry>& entries, const BundleEntry& added,
               const std::string& source) {
  for (const BundleEntry& entry : entries) {
    if (order_of(entry) != order_of(added)) {
      continue;
    }
    if (entry.sha256 != added.sha256) {
      refuse(
          fmt::format("{} is another {} for kernel {} than the bundle has (version '{}', and "
                      "'{}' is there); use another bundle, or take that one out",
                      source, added.name, added.release, added.version, entry.version));
    }
    return true;
  }
  return false;
}

Directory open_or_make_bundle(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    const int error_number = errno;
    refuse(fmt::format("cannot make the directory {}: {}", path, errno_text(error_number)));
  }
  Directory directory = open_directory(path);
  if (::flock(directory.fd.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error(ErrorKind::environment,
                fmt::format("cannot add to {}: another rehost is adding to it", path));
  }
  return directory;
}

}  // namespace

BundleManifest parse_bundle_manifest(std::string_view json, const std::string& where) {
  const Json root = Json::parse(json.begin(), json.end(), nullptr, false);
  if (root.is_discarded() || !root.is_object()) {
    refuse(fmt::format("{} is no JSON object", where));
  }
  for (const auto& [name, value] : root.items()) {
    if (name != "version" && name != "modules") {
      refuse(fmt::format("{}: {} is not known to this version of rehost", where, name));
    }
  }
  if (root.value("version", Json()) != Json(1)) {
    refuse(fmt::format("{}: version must be 1", where));
  }
  const Json modules = root.value("modules", Json());
  if (!modules.is_array() || modules.size() > kMostModules) {
    refuse(fmt::format("{}: modules must be a list of at most {}", where, kMostModules));
  }
  BundleManifest manifest;
  std::set<std::pair<std::string, std::string>> seen;
  for (size_t i = 0; i < modules.size(); ++i) {
    const std::string at = fmt::format("{}: modules[{}]", where, i);
    BundleEntry entry = parse_entry(modules[i], at);
    if (!seen.emplace(entry.release, entry.name).second) {
      refuse(fmt::format("{} is a second {} for kernel {}", at, entry.name, entry.release));
    }
    manifest.modules.push_back(std::move(entry));
  }
  sort_entries(manifest.modules);
  return manifest;
}

std::string bundle_manifest_json(const BundleManifest& manifest) {
  Json modules = Json::array();
  for (const BundleEntry& entry : manifest.modules) {
    Json row = Json::object();
    for (const TextField& field : kTextFields) {
      row[field.name] = entry.*field.member;
    }
    row[kSize] = entry.size;
    modules.push_back(std::move(row));
  }
  // A license may hold any bytes; JSON is UTF-8.
  return Json{{"version", 1}, {"modules", std::move(modules)}}.dump(
             2, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

BundleManifest read_bundle_manifest(const std::string& directory) {
  const Directory bundle = open_directory(directory);
  return parse_bundle_manifest(read_below(bundle, kManifest, kMaxManifestBytes),
                               directory + "/" + kManifest);
}

std::string read_entry(const std::string& directory, const BundleEntry& entry,
                       std::string& content) {
  try {
    const Directory bundle = open_directory(directory);
    const Directory below{open_below(bundle, entry.release, O_DIRECTORY),
                          directory + "/" + entry.release};
    content =
        read_below(below, entry.file.substr(entry.release.size() + 1), kMaxBundledModuleBytes);
    const std::string digest = sha256_of(content);
    if (digest != entry.sha256) {
      return fmt::format("{}/{} has the SHA-256 {}, and the manifest says {}", directory,
                         entry.file, digest, entry.sha256);
    }
    const BundleEntry found = describe_file(directory + "/" + entry.file, content);
    for (const TextField& field : kTextFields) {
      if (found.*field.member != entry.*field.member) {
        return fmt::format("{}/{} says '{}' for its {}, and the manifest says '{}'", directory,
                           entry.file, found.*field.member, field.name, entry.*field.member);
      }
    }
    return found.size == entry.size ? ""
                                    : fmt::format("{}/{} has {} bytes, and the manifest says {}",
                                                  directory, entry.file, found.size, entry.size);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) {
      throw;
    }
    return error.what();
  }
}

std::vector<BundledModule> load_bundled_modules(const std::vector<std::string>& directories,
                                                const std::vector<std::string>& releases) {
  std::vector<BundledModule> modules;
  uint64_t bytes = 0;
  for (const std::string& directory : directories) {
    for (const BundleEntry& entry : read_bundle_manifest(directory).modules) {
      if (std::find(releases.begin(), releases.end(), entry.release) == releases.end()) {
        continue;
      }
      bytes += entry.size;
      if (bytes > kMaxBundledBytes) {
        refuse(fmt::format("the driver bundles have more than {} for the kernels of this guest",
                           human_bytes(kMaxBundledBytes)));
      }
      BundledModule module{.bundle = directory,
                           .file = entry.file,
                           .release = entry.release,
                           .name = entry.name,
                           .version = entry.version,
                           .license = entry.license,
                           .sha256 = entry.sha256,
                           .content = {}};
      const std::string problem = read_entry(directory, entry, module.content);
      if (!problem.empty()) {
        refuse(fmt::format("the driver bundle {} is refused: {}", directory, problem));
      }
      modules.push_back(std::move(module));
    }
  }
  return modules;
}

std::vector<std::string> unlisted_modules(const std::string& directory,
                                          const BundleManifest& manifest) {
  std::set<std::string> listed;
  for (const BundleEntry& entry : manifest.modules) {
    listed.insert(entry.file);
  }
  std::vector<std::string> unlisted;
  for (const std::string& release : names_in(open_directory(directory))) {
    std::error_code ignored;
    const fs::path below = fs::path(directory) / release;
    if (!fs::is_directory(fs::symlink_status(below, ignored))) {
      continue;
    }
    for (const std::string& file : names_in(open_directory(below.native()))) {
      std::string path = fmt::format("{}/{}", release, file);
      if (is_module_file(file) && !listed.contains(path)) {
        unlisted.push_back(std::move(path));
      }
    }
  }
  return unlisted;
}

std::vector<BundleEntry> add_to_bundle(const std::string& directory,
                                       const std::vector<std::string>& files) {
  std::vector<NewModule> modules;
  for (const std::string& file : files) {
    std::string content = read_source(file);
    BundleEntry entry = describe_file(file, content);
    modules.push_back({std::move(entry), std::move(content)});
  }
  const Directory bundle = open_or_make_bundle(directory);
  BundleManifest manifest;
  if (fs::exists(fs::symlink_status(fs::path(directory) / kManifest))) {
    manifest = read_bundle_manifest(directory);
  }
  std::vector<BundleEntry> added;
  for (size_t i = 0; i < modules.size(); ++i) {
    const BundleEntry& entry = modules[i].entry;
    const bool listed = is_listed(manifest.modules, entry, files[i]);
    std::string present;
    if (listed && read_entry(directory, entry, present).empty()) {
      modules[i].content.clear();
      continue;
    }
    if (!listed) {
      manifest.modules.push_back(entry);
    }
    added.push_back(entry);
  }
  for (const NewModule& module : modules) {
    if (module.content.empty()) {
      continue;
    }
    make_directory_below(bundle, module.entry.release);
    const Directory below{open_below(bundle, module.entry.release, O_DIRECTORY),
                          directory + "/" + module.entry.release};
    write_below(below, module.entry.file.substr(module.entry.release.size() + 1), module.content);
  }
  if (!added.empty()) {
    sort_entries(manifest.modules);
    write_below(bundle, kManifest, bundle_manifest_json(manifest));
  }
  return added;
}

}  // namespace rehost
