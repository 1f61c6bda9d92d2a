#include "converter/result_paths.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <set>

#include "converter/core/error.h"
#include "images/formats.h"
#include "images/marks.h"
#include "images/nbd.h"
#include "images/posix_file.h"
#include "images/same_disk.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

// What the results of a source are named after.
std::string stem_of(const std::string& source, size_t position) {
  const std::string name = is_nbd_uri(source) ? nbd_export_name(source) : source;
  const std::string stem = fs::path(name).stem().string();
  return stem.empty() ? fmt::format("disk{}", position) : stem;
}

// By trying: access(2) says yes to root for places where nobody can write.
void require_writable(const std::string& directory) {
  const int fd = open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    return;
  }
  const int error = errno;
  std::string name = directory + "/.rehost-XXXXXX";
  const int probe = error == EOPNOTSUPP || error == EISDIR ? mkstemp(name.data()) : -1;
  if (probe < 0) {
    throw Error(ErrorKind::environment,
                fmt::format("--output {}: cannot write there: {}", directory, errno_text(error)));
  }
  close(probe);
  unlink(name.c_str());
}

void refuse_source(const fs::path& path, const Options& options) {
  for (const std::string& source : options.sources) {
    if (same_disk(path, source)) {
      throw Error(ErrorKind::usage,
                  fmt::format("{} is a source: the result must go somewhere else", path.string()));
    }
  }
  for (const std::string& manifest : options.source_manifests) {
    if (!manifest.empty() && same_disk(path, manifest)) {
      throw Error(
          ErrorKind::usage,
          fmt::format("{} is what a source must hold: the manifest of the result would take "
                      "its place",
                      path.string()));
    }
  }
}

// A disk that a conversion in place was cut off on: written over, it could never be finished nor
// undone.
void refuse_half_written(const std::string& disk) {
  const std::optional<Mark> mark = mark_of({"target", disk, "raw", 0});
  if (mark) {
    throw Error(ErrorKind::plan_conflict,
                fmt::format("{0} is to be written over, but a conversion in place of it was "
                            "interrupted: finish it with rehost commit {0} or undo it with rehost "
                            "rollback {0}, or remove {1} if the disk is not needed any more",
                            disk, mark->place.string()));
  }
}

void check_directory(const Options& options) {
  std::error_code ignored;
  if (!fs::is_directory(options.output, ignored)) {
    throw Error(
        ErrorKind::usage,
        fmt::format("--output {}: there is no such directory: make it first", options.output));
  }
  require_writable(options.output);
  for (const ResultPaths& paths : result_paths(options)) {
    for (const fs::path& path : {paths.image, paths.manifest}) {
      refuse_source(path.native() + ".partial", options);
      if (path.empty() || !fs::exists(path, ignored)) {
        continue;
      }
      refuse_source(path, options);
      if (!options.overwrite) {
        throw Error(ErrorKind::usage, fmt::format("{} exists: remove it, name another directory, "
                                                  "or give --overwrite",
                                                  path.string()));
      }
      refuse_half_written(path.string());
    }
  }
}

void check_disks(const Options& options) {
  std::error_code ignored;
  for (const std::string& disk : options.output_disks) {
    if (!fs::is_block_file(disk, ignored) && !fs::is_regular_file(disk, ignored)) {
      throw Error(ErrorKind::usage,
                  fmt::format("--output-disk {}: there is no such block device or file", disk));
    }
    refuse_source(disk, options);
    refuse_half_written(disk);
  }
}

}  // namespace

fs::path report_path(const Options& options) {
  if (!options.report.empty() || options.command != Command::convert) {
    return options.report;
  }
  return options.output.empty() ? "rehost-report.json" : fs::path(options.output) / "report.json";
}

std::vector<ResultPaths> result_paths(const Options& options) {
  std::vector<ResultPaths> results;
  std::set<fs::path> seen;
  const ImageFormat* format = find_image_format(options.format);
  const std::string extension(format == nullptr ? "." + options.format : format->extension);
  for (size_t i = 0; i < options.sources.size(); ++i) {
    const std::string stem = stem_of(options.sources[i], i);
    ResultPaths paths;
    if (!options.output.empty()) {
      paths.image = fs::path(options.output) / (stem + extension);
      paths.manifest = fs::path(options.output) / (stem + ".manifest");
    } else {
      paths.image = options.in_place ? options.sources[i] : options.output_disks.at(i);
      paths.manifest =
          report_path(options).parent_path() / (options.manifest_prefix + stem + ".manifest");
    }
    for (const fs::path& path : {paths.image, paths.manifest}) {
      if (!seen.insert(path).second) {
        throw Error(ErrorKind::usage,
                    fmt::format("two sources would be written to {}: give them different names",
                                path.string()));
      }
    }
    if (!options.write_manifest) {
      paths.manifest.clear();
    }
    results.push_back(std::move(paths));
  }
  return results;
}

void check_results(const Options& options) {
  if (!options.output.empty()) {
    check_directory(options);
  } else if (!options.in_place) {
    check_disks(options);
  }
  for (const ResultPaths& paths : result_paths(options)) {
    if (!paths.manifest.empty()) {
      refuse_source(paths.manifest, options);
    }
  }
}

}  // namespace rehost
