// Are two paths one disk?
#pragma once

#include <filesystem>

namespace rehost {

// One file under whatever names, or one device under whatever nodes and links. False when either
// cannot be looked at. (std::filesystem::equivalent knows no devices: libstdc++ says of a block
// device that it is not even the same as itself.)
bool same_disk(const std::filesystem::path& one, const std::filesystem::path& other);

}  // namespace rehost
