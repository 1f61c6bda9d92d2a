#include "converter/appliance.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>

#include "converter/core/error.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLabel = "README.fixed";  // libguestfs wants a file of this name
constexpr std::string_view kParts[] = {"kernel", "initrd", "root"};
constexpr std::streamsize kMostLabel = 64u << 10;
constexpr std::string_view kAdvice = "scripts/make-appliance builds it";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first);
}

std::optional<uint64_t> number_of_bytes(std::string_view text) {
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  return error == std::errc() && rest == " bytes" ? std::optional(bytes) : std::nullopt;
}

std::string first_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMostLabel, '\0');
  in.read(text.data(), kMostLabel);
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

}  // namespace

std::optional<ApplianceLabel> parse_appliance_label(std::string_view text) {
  ApplianceLabel label;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      continue;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "libguestfs") {
      label.libguestfs = value;
    } else if (name == "architecture") {
      label.architecture = value;
    } else if (const std::optional<uint64_t> bytes = number_of_bytes(value)) {
      label.bytes[std::string(name)] = *bytes;
    }
  }
  for (const std::string_view part : kParts) {
    if (!label.bytes.contains(std::string(part))) {
      return std::nullopt;
    }
  }
  if (label.libguestfs.empty() || label.architecture.empty()) {
    return std::nullopt;
  }
  return label;
}

std::vector<std::string> appliance_places(const std::string& program, const std::string& cache_home,
                                          const std::string& home) {
  std::vector<std::string> places;
  if (!program.empty()) {
    const fs::path prefix = fs::path(program).parent_path().parent_path();
    places.push_back((prefix / "lib/rehost/appliance").string());
  }
  if (!cache_home.empty() || !home.empty()) {
    const fs::path cache = cache_home.empty() ? fs::path(home) / ".cache" : fs::path(cache_home);
    places.push_back((cache / "rehost/appliance").string());
  }
  return places;
}

std::string objection_to(const std::string& directory, const ApplianceHost& host) {
  const fs::path path(directory);
  std::error_code error;
  if (directory.find(':') != std::string::npos) {
    return "libguestfs takes a colon for the end of a path";
  }
  if (!fs::exists(path / kLabel, error)) {
    return fmt::format("there is no {}", (path / kLabel).string());
  }
  const std::optional<ApplianceLabel> label = parse_appliance_label(first_bytes(path / kLabel));
  if (!label) {
    return fmt::format("{} does not say what it was built for", (path / kLabel).string());
  }
  if (label->libguestfs != host.libguestfs) {
    return fmt::format("it was built for libguestfs {} and this is {}", label->libguestfs,
                       host.libguestfs);
  }
  if (label->architecture != host.architecture) {
    return fmt::format("it was built for {} and this is {}", label->architecture,
                       host.architecture);
  }
  for (const std::string_view part : kParts) {
    const fs::path file = path / part;
    const uint64_t wanted = label->bytes.at(std::string(part));
    const uintmax_t bytes = fs::file_size(file, error);
    if (error) {
      return fmt::format("{}: {}", file.string(), error.message());
    }
    if (bytes != wanted) {
      return fmt::format("{} has {} bytes instead of {}", file.string(), bytes, wanted);
    }
    if (!std::ifstream(file).is_open()) {
      return fmt::format("{} cannot be read", file.string());
    }
  }
  return "";
}

Appliance choose_appliance(const ApplianceSearch& search, const ApplianceHost& host,
                           EventSink& events) {
  if (search.named == kStockAppliance) {
    return {.directory = "", .named = true};
  }
  if (!search.named.empty()) {
    const std::string objection = objection_to(search.named, host);
    if (!objection.empty()) {
      throw Error(ErrorKind::environment, fmt::format("cannot use the appliance {}: {}; {}",
                                                      search.named, objection, kAdvice));
    }
    return {.directory = search.named, .named = true};
  }
  std::optional<Warning> warning;
  for (const std::string& place : search.places) {
    std::error_code ignored;
    if (!fs::exists(place, ignored)) {
      continue;
    }
    const std::string objection = objection_to(place, host);
    if (objection.empty()) {
      return {.directory = place, .named = false};
    }
    if (!warning) {
      warning = Warning{std::string(kApplianceMismatch), place,
                        fmt::format("{}; the stock appliance is launched, which is slower ({})",
                                    objection, kAdvice)};
    }
  }
  if (warning) {
    events.on(WarningRaised{*warning});
  }
  return {};
}

}  // namespace rehost
