// The null-terminated lists of C strings that libguestfs takes and gives.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace rehost {

// A null list is an empty one.
std::vector<std::string> strings_of(char* const* list);

// Of a list that holds keys and values in turn; a last key without a value is dropped.
std::map<std::string, std::string> pairs_of(char* const* list);

// Valid while `strings` lives and is not changed.
std::vector<char*> pointers_to(const std::vector<std::string>& strings);

}  // namespace rehost
