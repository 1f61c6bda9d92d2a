// SHA-256 (FIPS 180-4), for the checksums that EBS wants with every block, and of driver modules.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>

namespace rehost {

using Sha256 = std::array<std::byte, 32>;
Sha256 sha256(std::span<const std::byte> bytes);
std::string to_hex(const Sha256& digest);  // as sha256sum(1) prints it

}  // namespace rehost
