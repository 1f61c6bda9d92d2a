#include "converter/drivers_command.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "converter/bundle_directory.h"
#include "converter/core/error.h"
#include "converter/printable.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

using Json = nlohmann::ordered_json;

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    throw Error(ErrorKind::environment, "cannot write the result to stdout: " + errno_text(errno));
  }
}

void print(const Options& options, const Json& json, const std::string& text) {
  print(options.json ? json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                     : printable(text));
}

// One file of a bundle with what is wrong with it, "" for nothing.
struct VerifiedModule {
  std::string file;
  std::string problem;
};

std::string row_text(const BundleEntry& entry) {
  return fmt::format("{:<24} {:<18} {:<10} {:<10} {:<8} {:>10}  {}\n", entry.release, entry.name,
                     entry.version.empty() ? "-" : entry.version, entry.license, entry.architecture,
                     human_bytes(entry.size), entry.sha256);
}

void print_list(const Options& options) {
  Json bundles = Json::array();
  std::string text;
  for (const std::string& directory : options.driver_bundles) {
    const BundleManifest manifest = read_bundle_manifest(directory);
    text += directory + ":\n";
    for (const BundleEntry& entry : manifest.modules) {
      text += row_text(entry);
    }
    bundles.push_back({{"directory", directory},
                       {"modules", Json::parse(bundle_manifest_json(manifest))["modules"]}});
  }
  print(options, Json{{"version", 1}, {"bundles", std::move(bundles)}}, text);
}

std::vector<VerifiedModule> verify(const std::string& directory) {
  const BundleManifest manifest = read_bundle_manifest(directory);
  std::vector<VerifiedModule> modules;
  for (const BundleEntry& entry : manifest.modules) {
    std::string content;
    modules.push_back({directory + "/" + entry.file, read_entry(directory, entry, content)});
  }
  for (const std::string& file : unlisted_modules(directory, manifest)) {
    modules.push_back({fmt::format("{}/{}", directory, file),
                       "the manifest does not list it; rehost drivers add puts a module into it"});
  }
  return modules;
}

int print_verified(const Options& options) {
  Json modules = Json::array();
  std::string text;
  size_t problems = 0;
  for (const std::string& directory : options.driver_bundles) {
    for (const VerifiedModule& module : verify(directory)) {
      const bool fine = module.problem.empty();
      problems += fine ? 0 : 1;
      text += fine ? fmt::format("ok   {}\n", module.file)
                   : fmt::format("NO   {}: {}\n", module.file, module.problem);
      modules.push_back({{"file", module.file}, {"ok", fine}, {"problem", module.problem}});
    }
  }
  print(options, Json{{"version", 1}, {"ok", problems == 0}, {"modules", std::move(modules)}},
        text);
  return problems == 0 ? 0 : describe(ErrorKind::verification).exit_code;
}

void print_added(const Options& options) {
  const std::string& directory = options.driver_bundles.front();
  Json modules = Json::array();
  std::string text;
  for (const BundleEntry& entry : add_to_bundle(directory, options.modules)) {
    text += fmt::format("added {}/{}\n", directory, entry.file);
    modules.push_back(entry.file);
  }
  print(options, Json{{"version", 1}, {"added", std::move(modules)}},
        text.empty() ? std::string("nothing to add: all of it is there already\n") : text);
}

}  // namespace

int run_drivers(const Options& options) {
  switch (options.drivers_action) {
    case DriversAction::list:
      print_list(options);
      return 0;
    case DriversAction::verify:
      return print_verified(options);
    case DriversAction::add:
      print_added(options);
      return 0;
  }
  return 0;
}

}  // namespace rehost
