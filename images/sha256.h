// SHA-256 (FIPS 180-4), for the checksums that EBS wants with every block.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace rehost {

using Sha256 = std::array<std::byte, 32>;
Sha256 sha256(std::span<const std::byte> bytes);

}  // namespace rehost
