#include "converter/core/edit.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace rehost {

ContentHash hash_content(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return ContentHash{.high = hash.high64, .low = hash.low64};
}

std::string to_hex(const ContentHash& hash) {
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

std::string_view to_string(InitramfsStrategy strategy) {
  switch (strategy) {
    case InitramfsStrategy::repack:
      return "repack";
    case InitramfsStrategy::append:
      return "append";
    case InitramfsStrategy::rebuild:
      return "rebuild";
  }
  return "";
}

std::optional<GuestPath> edited_path(const Edit& edit) {
  return std::visit(
      [](const auto& action) -> std::optional<GuestPath> {
        if constexpr (requires { action.path; }) {
          return action.path;
        } else {
          return std::nullopt;
        }
      },
      edit.action);
}

namespace {

struct Summarise {
  std::string operator()(const WriteFile& a) const {
    return fmt::format("{} {}", a.expects ? "write" : "create", a.path.str());
  }
  std::string operator()(const AppendFile& a) const {
    return fmt::format("append {} bytes to {}", a.content.size(), a.path.str());
  }
  std::string operator()(const RemoveFile& a) const {
    return fmt::format("remove {}", a.path.str());
  }
  std::string operator()(const RemoveTree& a) const {
    return fmt::format("remove {} and the {} entries below it", a.path.str(), a.entries);
  }
  std::string operator()(const MakeSymlink& a) const {
    return fmt::format("link {} -> {}", a.path.str(), a.target);
  }
  std::string operator()(const AddToInitramfs& a) const {
    return fmt::format(
        "add to {} ({}): {}", a.path.str(), to_string(a.strategy),
        a.modules.empty() ? "settings" : fmt::format("{}", fmt::join(a.modules, ", ")));
  }
  std::string operator()(const RunInGuest& a) const {
    return fmt::format("run in the guest: {}", fmt::join(a.argv, " "));
  }
};

}  // namespace

std::string summary(const Edit& edit) {
  return std::visit(Summarise{}, edit.action);
}

}  // namespace rehost
