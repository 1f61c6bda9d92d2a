#include "converter/job.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <span>

#include "converter/choices.h"
#include "images/nbd.h"
#include "images/posix_file.h"
#include "images/sha256.h"

namespace rehost {
namespace {

constexpr int64_t kVersion = 1;
constexpr size_t kMostVolumes = 128;
constexpr size_t kMostRows = 64;  // of any other list
constexpr size_t kLongestPath = 4096;
constexpr int64_t kLongestSeconds = 31'536'000;  // a year

constexpr std::string_view kModes[] = {"test", "cutover"};
constexpr std::string_view kRoles[] = {"boot", "data"};
constexpr std::string_view kActions[] = {"in-place", "image", "delta"};
constexpr std::string_view kPhases[] = {"recover", "open",     "verify-source", "launch",
                                        "inspect", "check",    "plan",          "apply",
                                        "close",   "manifest", "image",         "verify"};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Code points, as JSON Schema counts; the reader has seen to it that this is UTF-8.
size_t length_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void require_length(const std::string& place, std::string_view text, size_t least, size_t most) {
  const size_t length = length_of(text);
  if (length < least || length > most) {
    throw Error(ErrorKind::usage, fmt::format("{}: must have {} to {} characters, and has {}",
                                              place, least, most, length));
  }
}

template <typename Rows>
void require_count(const std::string& place, const Rows& rows, size_t least, size_t most) {
  if (rows.size() < least || rows.size() > most) {
    throw Error(ErrorKind::usage, fmt::format("{}: must have {} to {} rows, and has {}", place,
                                              least, most, rows.size()));
  }
}

// SCHEME://, which may have a password behind it: the sentence does not repeat it.
void refuse_address(const std::string& place, std::string_view path) {
  const std::string_view scheme = path.substr(0, path.find("://"));
  const auto is_scheme = [](char c) {
    return is_letter_or_digit(c) || c == '+' || c == '.' || c == '-';
  };
  if (scheme.size() < path.size() && is_letter_or_digit(scheme.empty() ? ':' : scheme[0]) &&
      std::all_of(scheme.begin(), scheme.end(), is_scheme)) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: is an address and no path: a volume may have one of NBD (nbd:// "
                            "or nbd+unix://), and nothing else has any",
                            place));
  }
}

std::string path_or_nbd_field(JsonObject& object, std::string_view name) {
  std::string path = object.text(name);
  require_length(object.place(name), path, 1, kLongestPath);
  if (!is_nbd_uri(path)) {
    refuse_address(object.place(name), path);
  }
  return path;
}

std::string path_field(JsonObject& object, std::string_view name) {
  std::string path = path_or_nbd_field(object, name);
  refuse_address(object.place(name), path);
  return path;
}

std::vector<std::string> path_fields(JsonObject& object, std::string_view name, size_t least,
                                     size_t most) {
  std::vector<std::string> paths = object.optional_texts(name);
  require_count(object.place(name), paths, least, most);
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string place = fmt::format("{}[{}]", object.place(name), i);
    require_length(place, paths[i], 1, kLongestPath);
    refuse_address(place, paths[i]);
  }
  return paths;
}

std::string parse_id(JsonObject& job) {
  constexpr size_t kLongest = 64;
  std::string id = job.text("id");
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
  });
  if (id.empty() || id.size() > kLongest || !plain || id[0] == '.' || id[0] == '-') {
    throw job.wrong(
        "id", "must be 1 to 64 of the characters A-Z a-z 0-9 . _ - and not begin with . or -");
  }
  return id;
}

// A password in an address ends up in lists of processes, in logs and in reports. The sentence does
// not repeat it.
void refuse_password(const JsonObject& volume, const std::string& uri) {
  const std::string_view rest = std::string_view(uri).substr(uri.find("://") + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos && authority.substr(0, at).find(':') != std::string_view::npos) {
    throw volume.wrong("path", "has a password in its address: an NBD server knows none");
  }
}

void parse_volume(JsonObject volume, Job& job, std::optional<size_t>& boot) {
  Options& options = job.conversion;
  if (volume.has("path") == volume.has("device")) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: must have one of path and device", volume.path()));
  }
  const bool device = volume.has("device");
  std::string path = device ? path_field(volume, "device") : path_or_nbd_field(volume, "path");
  if (device && path[0] != '/') {
    throw volume.wrong("device", "must begin with /");
  }
  if (!device && is_nbd_uri(path)) {
    refuse_password(volume, path);
  }
  const std::string format = volume.optional_text("format").value_or("auto");
  require_source_format(volume.place("format") + ":", format);
  const size_t position = options.sources.size();
  if (volume.choice("role", kRoles) == "boot") {
    if (boot) {
      throw volume.wrong("role", fmt::format("volumes[{}] is the boot volume already, and a "
                                             "machine has one",
                                             *boot));
    }
    boot = position;
  }
  options.source_manifests.push_back(volume.has("manifest") ? path_field(volume, "manifest") : "");
  options.sources.push_back(std::move(path));
  options.source_formats.push_back(format);
  job.volume_places.push_back(volume.place(device ? "device" : "path"));
  volume.finish();
}

void parse_volumes(JsonObject& object, Job& job) {
  std::vector<JsonObject> volumes = object.objects("volumes");
  require_count("volumes", volumes, 1, kMostVolumes);
  std::optional<size_t> boot;
  for (JsonObject& volume : volumes) {
    parse_volume(std::move(volume), job, boot);
  }
  if (!boot) {
    throw object.wrong("volumes", "one of them must have the role boot");
  }
  job.boot_volume = *boot;
  std::vector<std::string>& manifests = job.conversion.source_manifests;
  if (std::all_of(manifests.begin(), manifests.end(),
                  [](const std::string& manifest) { return manifest.empty(); })) {
    manifests.clear();
  }
}

void parse_action(JsonObject action, Options& options) {
  const std::string type = action.choice("type", kActions);
  if (type == "in-place") {
    options.in_place = true;
  } else if (type == "delta") {
    options.output = path_field(action, "directory");
    options.format = kDelta;
  } else if (action.has("directory") == action.has("disks")) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: must have one of directory and disks", action.path()));
  } else if (action.has("directory")) {
    options.output = path_field(action, "directory");
    options.format = action.optional_text("format").value_or("raw");
    require_output_format(action.place("format") + ":", options.format);
  } else {
    options.output_disks = path_fields(action, "disks", 1, kMostVolumes);
    if (options.output_disks.size() != options.sources.size()) {
      throw action.wrong("disks",
                         fmt::format("names {} disks for {} volumes: one for each, in their order",
                                     options.output_disks.size(), options.sources.size()));
    }
  }
  action.finish();
}

// What the result is to be launched as. The drivers have to serve the instance type's generation.
void parse_launch(JsonObject& object, Job& job) {
  LaunchRequest launch{.boot_volume = job.boot_volume};
  if (const auto target = object.optional_object("target")) {
    launch.target = parse_launch_target(*target);
  }
  if (const auto blueprint = object.optional_object("launch")) {
    launch.blueprint = parse_blueprint(*blueprint, job.conversion.sources.size(), job.boot_volume);
  }
  check_request(launch);
  job.conversion.target.nitro_generation = nitro_generation_of(launch);
  job.conversion.launch = std::move(launch);
}

void parse_options_object(JsonObject object, Options& options) {
  options.target.initramfs = initramfs_choice(object.place("initramfs") + ":",
                                              object.optional_text("initramfs").value_or("auto"));
  options.target.network = network_choice(object.place("network") + ":",
                                          object.optional_text("network").value_or("dhcp"));
  options.target.keep = object.optional_texts("keep");
  require_count(object.place("keep"), options.target.keep, 0, kMostRows);
  for (size_t i = 0; i < options.target.keep.size(); ++i) {
    require_kept_row(fmt::format("{}[{}]:", object.place("keep"), i), options.target.keep[i]);
  }
  options.driver_bundles = path_fields(object, "driver_bundles", 0, kMostRows);
  if (object.has("default_kernel")) {
    options.target.default_kernel = path_field(object, "default_kernel");
  }
  options.allow_backing = object.flag("allow_backing", false);
  options.overwrite = object.flag("overwrite", false);
  options.strict = object.flag("strict", false);
  options.verify = object.flag("verify", false);
  options.write_manifest = !object.flag("no_manifest", false);
  if (options.verify && !options.write_manifest) {
    throw object.wrong("verify", "needs the manifest that no_manifest forbids");
  }
  object.finish();
}

void parse_timeouts(JsonObject object, JobTimeouts& timeouts) {
  if (const auto total = object.optional_number("total", 1, kLongestSeconds)) {
    timeouts.total = std::chrono::seconds(*total);
  }
  for (const auto& [phase, seconds] : object.optional_number_map("phases", 1, kLongestSeconds)) {
    require_one_of(kPhases, object.place("phases") + ": a phase", phase);
    timeouts.phases.emplace(phase, seconds);
  }
  object.finish();
}

std::map<std::string, std::string> parse_labels(JsonObject& job) {
  constexpr size_t kLongestName = 128;
  constexpr size_t kLongestValue = 256;
  std::map<std::string, std::string> labels = job.optional_text_map("labels");
  require_count("labels", labels, 0, kMostRows);
  for (const auto& [name, value] : labels) {
    require_length("labels: a name", name, 1, kLongestName);
    require_length("labels." + name, value, 0, kLongestValue);
  }
  return labels;
}

std::string digest_of(const Json& document) {
  const std::string sorted = nlohmann::json::parse(document.dump()).dump();
  return to_hex(sha256(std::as_bytes(std::span(sorted))));
}

}  // namespace

Job parse_job(std::string_view text) {
  const Json document = parse_strict_json(text);
  JsonObject object(document, "");
  const int64_t version = object.number("version", INT32_MIN, INT32_MAX);
  if (version != kVersion) {
    throw object.wrong("version",
                       fmt::format("is {}, and this rehost knows {}", version, kVersion));
  }
  Job job;
  job.digest = digest_of(document);
  job.conversion.command = Command::convert;
  job.id = parse_id(object);
  job.mode = object.choice("mode", kModes);
  parse_volumes(object, job);
  parse_action(object.object("action"), job.conversion);
  parse_launch(object, job);
  if (const auto options = object.optional_object("options")) {
    parse_options_object(*options, job.conversion);
  }
  if (const auto timeouts = object.optional_object("timeouts")) {
    parse_timeouts(*timeouts, job.timeouts);
  }
  job.labels = parse_labels(object);
  object.finish();
  return job;
}

std::string read_job_file(const std::string& name) {
  FileDescriptor file;
  int fd = STDIN_FILENO;
  if (name != "-") {
    // A FIFO must not hold the worker up: neither its opening without a writer, nor its reading.
    file = FileDescriptor(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    fd = file.get();
    struct stat status = {};
    if (fd < 0 || fstat(fd, &status) != 0) {
      throw Error(ErrorKind::usage,
                  fmt::format("cannot read the job {}: {}", name, errno_text(errno)));
    }
    if (!S_ISREG(status.st_mode)) {
      throw Error(ErrorKind::usage,
                  fmt::format("cannot read the job {}: it is no file (a pipe is --job -)", name));
    }
  }
  std::string text(kMostJsonBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      throw Error(ErrorKind::usage,
                  fmt::format("cannot read the job {}: {}", name, errno_text(errno)));
    }
    if (n == 0) {
      break;
    }
    size += static_cast<size_t>(n);
  }
  text.resize(size);  // one byte too many is for the parser to refuse
  return text;
}

}  // namespace rehost
