#include "converter/choices.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/left_behind.h"
#include "converter/core/error.h"
#include "drivers/nitro_reach.h"
#include "images/formats.h"

namespace rehost {
namespace {

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};

constexpr Choice<std::optional<InitramfsStrategy>> kStrategies[] = {
    {"auto", std::nullopt},
    {"repack", InitramfsStrategy::repack},
    {"append", InitramfsStrategy::append},
    {"rebuild", InitramfsStrategy::rebuild},
};
constexpr Choice<NetworkMode> kNetworkModes[] = {{"dhcp", NetworkMode::dhcp},
                                                 {"keep", NetworkMode::keep}};
constexpr std::string_view kSourceFormats[] = {"auto", "raw",  "qcow2", "vmdk",
                                               "vhd",  "vhdx", "vdi"};

template <typename T, size_t n>
T choose(const Choice<T> (&choices)[n], std::string_view what, const std::string& text) {
  std::vector<std::string_view> names;
  for (const Choice<T>& choice : choices) {
    if (choice.name == text) {
      return choice.value;
    }
    names.push_back(choice.name);
  }
  require_one_of(names, what, text);
  return choices[0].value;  // not reached
}

}  // namespace

void require_one_of(std::span<const std::string_view> names, std::string_view what,
                    const std::string& text) {
  if (std::find(names.begin(), names.end(), text) == names.end()) {
    throw Error(ErrorKind::usage, fmt::format("{} cannot be '{}': it is one of {}", what, text,
                                              fmt::join(names, ", ")));
  }
}

std::optional<InitramfsStrategy> initramfs_choice(std::string_view what, const std::string& text) {
  return choose(kStrategies, what, text);
}

NetworkMode network_choice(std::string_view what, const std::string& text) {
  return choose(kNetworkModes, what, text);
}

void require_source_format(std::string_view what, const std::string& text) {
  require_one_of(kSourceFormats, what, text);
}

void require_output_format(std::string_view what, const std::string& text) {
  const ImageFormat* format = find_image_format(text);
  if (format == nullptr || format->open_sink == nullptr) {
    throw Error(ErrorKind::usage,
                fmt::format("{} cannot be '{}': see rehost list formats", what, text));
  }
}

void require_kept_row(std::string_view what, const std::string& name) {
  std::vector<std::string_view> names = {"all"};
  for (const LeftBehind& row : left_behind()) {
    names.push_back(row.name);
  }
  require_one_of(names, what, name);
}

void require_nitro_generation(std::string_view what, int64_t generation) {
  if (generation < kOldestNitroGeneration || generation > kNewestNitroGeneration) {
    throw Error(ErrorKind::usage,
                fmt::format("{} cannot be {}: it is a number from {} on, 5 for Nitro v5", what,
                            generation, kOldestNitroGeneration));
  }
}

}  // namespace rehost
