// What a conversion needs of the machine that it runs on, and whether that is there. Said at the
// start, where the answer is cheap: an appliance that runs out of memory dies in the middle.
#pragma once

#include <cstdint>
#include <filesystem>

namespace rehost {

// An appliance with its emulator, and rehost beside it: seen are 0.3 to 0.7 GiB, so that less than
// this is asking for trouble,
constexpr uint64_t kConversionMemory = uint64_t{1} << 30;
// and when the guest's own tools run in it, it fills its 1.25 GiB and the emulator's code comes on
// top: whoever runs several at a time reckons with this.
constexpr uint64_t kLargestConversion = uint64_t{2} << 30;

// Without swapping: what the kernel says, or what the control groups of this process leave, which
// is what a container has.
uint64_t available_memory();

// The same, read below another root; for tests.
uint64_t available_memory(const std::filesystem::path& root);

// Throws Error(environment) naming what is needed and what is there.
void require_memory(uint64_t needed, uint64_t available);

}  // namespace rehost
