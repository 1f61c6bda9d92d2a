#include <fmt/format.h>

#include <algorithm>

#include "converter/job.h"
#include "images/nbd.h"
#include "images/same_disk.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& place, const std::string& sentence) {
  throw Error(ErrorKind::usage, fmt::format("{}: {}", place, sentence));
}

bool is_within(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

// The target of a link that leads nowhere cannot be resolved, and may be made any time; one in the
// middle of a path is taken for a directory that is not there yet.
bool has_dangling_link(const fs::path& path) {
  fs::path prefix;
  return std::any_of(path.begin(), path.end(), [&prefix](const fs::path& part) {
    prefix /= part;
    std::error_code ignored;
    return fs::is_symlink(fs::symlink_status(prefix, ignored)) && !fs::exists(prefix, ignored);
  });
}

class Resolver {
 public:
  Resolver(fs::path base, const fs::path& root) : base_(std::move(base)) {
    if (!root.empty()) {
      std::error_code error;
      root_ = fs::canonical(root, error);
      if (error || !fs::is_directory(root_, error)) {
        refuse("--job-root " + root.string(), "there is no such directory");
      }
    }
  }

  bool has_root() const { return !root_.empty(); }

  void resolve(const std::string& place, std::string& text) const {
    const fs::path path = (base_ / text).lexically_normal();
    text = path.string();
    if (!has_root()) {
      return;
    }
    std::error_code error;
    const fs::path real = fs::weakly_canonical(path, error);
    if (real.empty() || has_dangling_link(path) || !is_within(real, root_)) {
      refuse(place,
             fmt::format("{} leads out of {}, which --job-root forbids", text, root_.string()));
    }
    text = real.string();  // what was looked at is what will be opened
  }

  void resolve_all(const std::string& place, std::vector<std::string>& texts) const {
    for (size_t i = 0; i < texts.size(); ++i) {
      resolve(fmt::format("{}[{}]", place, i), texts[i]);
    }
  }

 private:
  fs::path base_;
  fs::path root_;
};

// Two names of one file or device: links, hard links, a path written in two ways.
void refuse_twice(const std::vector<std::string>& places, const std::vector<std::string>& paths) {
  for (size_t i = 0; i < paths.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (paths[i] == paths[k] || same_disk(paths[i], paths[k])) {
        refuse(places[i], fmt::format("is the same disk as {}: {}", places[k], paths[i]));
      }
    }
  }
}

void resolve_volumes(Job& job, const Resolver& resolver) {
  Options& options = job.conversion;
  for (size_t i = 0; i < options.sources.size(); ++i) {
    if (!is_nbd_uri(options.sources[i])) {
      resolver.resolve(job.volume_places[i], options.sources[i]);
    } else if (resolver.has_root()) {
      refuse(job.volume_places[i], "is an NBD server's disk, which --job-root forbids");
    }
    if (i < options.source_manifests.size() && !options.source_manifests[i].empty()) {
      resolver.resolve(fmt::format("volumes[{}].manifest", i), options.source_manifests[i]);
    }
  }
  refuse_twice(job.volume_places, options.sources);
}

}  // namespace

void resolve_paths(Job& job, const fs::path& base, const fs::path& root) {
  Options& options = job.conversion;
  const Resolver resolver(base, root);
  resolve_volumes(job, resolver);
  if (!options.output.empty()) {
    resolver.resolve("action.directory", options.output);
  }
  resolver.resolve_all("action.disks", options.output_disks);
  std::vector<std::string> places;
  for (size_t i = 0; i < options.output_disks.size(); ++i) {
    places.push_back(fmt::format("action.disks[{}]", i));
  }
  refuse_twice(places, options.output_disks);
  resolver.resolve_all("options.driver_bundles", options.driver_bundles);
  if (resolver.has_root() && options.allow_backing) {
    refuse("options.allow_backing", "lets an image name any file, which --job-root forbids");
  }
}

}  // namespace rehost
