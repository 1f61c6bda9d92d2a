// The words that options and job files share, and the values behind them: one table each, so that
// --initramfs and options.initramfs know the same. `what` begins the sentence of the
// Error(usage) for any other word: "--initramfs", or a place in a job.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/target.h"

namespace rehost {

constexpr std::string_view kDelta = "delta";
constexpr int kNewestNitroGeneration = 99;  // of those that AWS has not built yet, too

std::optional<InitramfsStrategy> initramfs_choice(std::string_view what, const std::string& text);
NetworkMode network_choice(std::string_view what, const std::string& text);
void require_source_format(std::string_view what, const std::string& text);
// Of the copies in a directory; not a delta.
void require_output_format(std::string_view what, const std::string& text);
// "all", or a row of bootfix/left_behind.h.
void require_kept_row(std::string_view what, const std::string& name);
void require_nitro_generation(std::string_view what, int64_t generation);

void require_one_of(std::span<const std::string_view> names, std::string_view what,
                    const std::string& text);

}  // namespace rehost
