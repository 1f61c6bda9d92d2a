// What a conversion needs of the machine that it runs on, and whether that is there. Said at the
// start, where the answer is cheap: an appliance that runs out of memory dies in the middle.
#pragma once

#include <cstdint>
#include <filesystem>

namespace rehost {

// An appliance with its emulator, and rehost beside it.
constexpr uint64_t kConversionMemory = uint64_t{1} << 30;

// Without swapping: what the kernel says, or what the control groups of this process leave, which
// is what a container has.
uint64_t available_memory();

// The same, read below another root; for tests.
uint64_t available_memory(const std::filesystem::path& root);

// Throws Error(environment) naming what is needed and what is there.
void require_memory(uint64_t needed, uint64_t available);

}  // namespace rehost
