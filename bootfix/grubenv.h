// The GRUB environment block: 1024 bytes of NAME=value lines, filled up with "#".
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace rehost {

// Empty when it is no environment block.
std::map<std::string, std::string> parse_grubenv(std::string_view block);

}  // namespace rehost
