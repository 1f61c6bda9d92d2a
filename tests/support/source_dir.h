// Where this checkout is: fixtures, goldens and documents are read from there.
#pragma once

#include <string>

namespace rehost {

// "/path/of/the/checkout/" + path.
std::string in_source_dir(const std::string& path);

}  // namespace rehost
