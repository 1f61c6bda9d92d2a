#include "converter/string_lists.h"

namespace rehost {

std::vector<std::string> strings_of(char* const* list) {
  std::vector<std::string> out;
  for (; list != nullptr && *list != nullptr; ++list) {
    out.emplace_back(*list);
  }
  return out;
}

std::map<std::string, std::string> pairs_of(char* const* list) {
  std::map<std::string, std::string> out;
  for (; list != nullptr && list[0] != nullptr && list[1] != nullptr; list += 2) {
    out[list[0]] = list[1];
  }
  return out;
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& s : strings) {
    out.push_back(const_cast<char*>(s.c_str()));  // NOLINT: the C API is not const correct
  }
  out.push_back(nullptr);
  return out;
}

}  // namespace rehost
