// YAML as people and installers write it for netplan: block mappings and lists, one `key: value` on
// a line, with flow values at their ends. Not all of YAML, and it says when it meets the rest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rehost {

struct YamlValue {
  std::vector<std::string> path;  // "network", "ethernets", "ens160", "dhcp4"
  std::string value;              // without its quotes; "" for a key with something below it
};

struct YamlReading {
  // Every key in order; an item of a list is a value with the path of its key.
  std::vector<YamlValue> values;
  bool understood = true;
};

YamlReading read_yaml_lines(std::string_view text);

}  // namespace rehost
