// Strict reading of JSON that somebody else has written: job files and what is inside them. Every
// complaint is an Error(usage) that names its place, as in `volumes[1].role`; what nobody asked for
// is one too.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/error.h"

namespace rehost {

using Json = nlohmann::ordered_json;

constexpr size_t kMostJsonBytes = size_t{4} << 20;
constexpr size_t kDeepestJson = 32;

// Refuses what is no JSON or no UTF-8, too large, nested too deep, has a field twice or a NUL in a
// text.
Json parse_strict_json(std::string_view text);

// One object. Its functions take one field each, and finish() refuses those that none has taken.
// The document must outlive it.
class JsonObject {
 public:
  // `path` is the object's own place; empty for the whole document.
  JsonObject(const Json& value, std::string path);

  bool has(std::string_view name) const;
  bool is_null(std::string_view name) const;  // there, and null

  // A field that must be there.
  std::string text(std::string_view name);
  int64_t number(std::string_view name, int64_t least, int64_t most);
  std::string choice(std::string_view name, std::span<const std::string_view> names);
  JsonObject object(std::string_view name);
  std::vector<JsonObject> objects(std::string_view name);  // a list of them
  std::vector<std::string> texts(std::string_view name);   // a list of texts

  // A field that may be absent.
  std::optional<std::string> optional_text(std::string_view name);
  std::optional<int64_t> optional_number(std::string_view name, int64_t least, int64_t most);
  std::optional<std::string> optional_choice(std::string_view name,
                                             std::span<const std::string_view> names);
  std::optional<JsonObject> optional_object(std::string_view name);
  std::vector<JsonObject> optional_objects(std::string_view name);
  std::vector<std::string> optional_texts(std::string_view name);
  bool flag(std::string_view name, bool otherwise);

  // An object whose every field is a text, or a number, under a name that the document chooses.
  std::map<std::string, std::string> optional_text_map(std::string_view name);
  std::map<std::string, int64_t> optional_number_map(std::string_view name, int64_t least,
                                                     int64_t most);

  void finish() const;

  // `volumes[1].role`, for a sentence about a field.
  std::string place(std::string_view name) const;
  const std::string& path() const { return path_; }
  // "volumes[1].role: SENTENCE"
  Error wrong(std::string_view name, const std::string& sentence) const;

 private:
  const Json* find(std::string_view name);
  const Json& require(std::string_view name);

  const Json* value_;
  std::string path_;
  std::set<std::string, std::less<>> taken_;
};

}  // namespace rehost
