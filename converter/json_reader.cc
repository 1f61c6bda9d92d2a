#include "converter/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace rehost {
namespace {

[[noreturn]] void refuse(const std::string& place, const std::string& sentence) {
  throw Error(ErrorKind::usage, place.empty() ? sentence : fmt::format("{}: {}", place, sentence));
}

// A name may be megabytes long, or anything but a name.
std::string shortened(std::string_view name) {
  constexpr size_t kMost = 64;
  return name.size() <= kMost ? std::string(name) : std::string(name.substr(0, kMost)) + "...";
}

std::string field_of(const std::string& path, std::string_view name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (!plain) {
    return fmt::format("{}[\"{}\"]", path, shortened(name));
  }
  return path.empty() ? shortened(name) : path + "." + shortened(name);
}

std::string element_of(const std::string& path, size_t index) {
  return fmt::format("{}[{}]", path, index);
}

std::string_view describe_type(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a text";
    case Json::value_t::boolean:
      return "true or false";
    default:
      return "a number";
  }
}

[[noreturn]] void refuse_type(const std::string& place, std::string_view wanted,
                              const Json& value) {
  refuse(place, fmt::format("must be {}, and is {}", wanted, describe_type(value)));
}

// Looks at a document without building anything: nlohmann's parser does not recurse, but what it
// builds is as deep as its input.
class Inspector : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return value(); }
  bool boolean(bool /*value*/) override { return value(); }
  bool number_integer(number_integer_t /*value*/) override { return value(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return value(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return value(); }
  bool binary(binary_t& /*value*/) override { return value(); }
  bool string(string_t& text) override {
    value();
    refuse_nul(text);
    return true;
  }
  bool start_object(std::size_t /*elements*/) override { return open(true); }
  bool start_array(std::size_t /*elements*/) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    level.field = name;
    refuse_nul(name);
    if (!level.fields.insert(name).second) {
      refuse(place(), "this field is there twice");
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    // nlohmann's own sentence, without its prefix "[json.exception.parse_error.101] ".
    // Without "; last read: ..." too: that might be a password.
    std::string text = error.what();
    text = text.substr(0, text.find("; last read"));
    const size_t prefix = text.find("] ");
    refuse("", fmt::format("not valid JSON at byte {}: {}", position,
                           prefix == std::string::npos ? text : text.substr(prefix + 2)));
  }

 private:
  struct Level {
    bool is_object = false;
    size_t elements = 0;
    std::string field;
    std::set<std::string> fields;
  };

  bool value() {
    if (!levels_.empty()) {
      ++levels_.back().elements;
    }
    return true;
  }
  bool open(bool is_object) {
    value();
    if (levels_.size() == kDeepestJson) {
      refuse("", fmt::format("nested deeper than {} levels", kDeepestJson));
    }
    levels_.push_back(Level{is_object, 0, {}, {}});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }
  void refuse_nul(const std::string& text) const {
    if (text.find('\0') != std::string::npos) {
      refuse(place(), "has a NUL in it, which no name and no text of a job may have");
    }
  }
  std::string place() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.is_object) {
        path = field_of(path, level.field);
      } else if (level.elements > 0) {
        path = element_of(path, level.elements - 1);
      }
    }
    return path;
  }

  std::vector<Level> levels_;
};

std::string to_text(const Json& value, const std::string& place) {
  if (!value.is_string()) {
    refuse_type(place, "a text", value);
  }
  return value.get<std::string>();
}

// 5.0 is a whole number too, as JSON Schema has it.
int64_t to_number(const Json& value, const std::string& place, int64_t least, int64_t most) {
  if (!value.is_number()) {
    refuse_type(place, "a whole number", value);
  }
  const double real = value.get<double>();
  if (std::floor(real) != real) {
    refuse(place, fmt::format("must be a whole number, and is {}", real));
  }
  const bool fits = real >= static_cast<double>(least) && real <= static_cast<double>(most);
  const int64_t number = !fits                     ? 0
                         : value.is_number_float() ? static_cast<int64_t>(real)
                                                   : value.get<int64_t>();
  if (!fits || number < least || number > most) {
    refuse(place, fmt::format("must be from {} to {}, and is {}", least, most, value.dump()));
  }
  return number;
}

std::string to_choice(const Json& value, const std::string& place,
                      std::span<const std::string_view> names) {
  std::string text = to_text(value, place);
  if (std::find(names.begin(), names.end(), text) == names.end()) {
    refuse(place,
           fmt::format("cannot be '{}': it is one of {}", shortened(text), fmt::join(names, ", ")));
  }
  return text;
}

const Json& require_list(const Json& value, const std::string& place) {
  if (!value.is_array()) {
    refuse_type(place, "a list", value);
  }
  return value;
}

std::vector<JsonObject> to_objects(const Json& value, const std::string& place) {
  std::vector<JsonObject> objects;
  for (const Json& element : require_list(value, place)) {
    objects.emplace_back(element, element_of(place, objects.size()));
  }
  return objects;
}

std::vector<std::string> to_texts(const Json& value, const std::string& place) {
  std::vector<std::string> texts;
  for (const Json& element : require_list(value, place)) {
    texts.push_back(to_text(element, element_of(place, texts.size())));
  }
  return texts;
}

}  // namespace

Json parse_strict_json(std::string_view text) {
  if (text.size() > kMostJsonBytes) {
    refuse("", fmt::format("larger than {} MiB", kMostJsonBytes >> 20));
  }
  Inspector inspector;
  Json::sax_parse(text.begin(), text.end(), &inspector);
  return Json::parse(text.begin(), text.end());
}

JsonObject::JsonObject(const Json& value, std::string path)
    : value_(&value), path_(std::move(path)) {
  if (!value.is_object()) {
    refuse_type(path_.empty() ? "the document" : path_, "an object", value);
  }
}

bool JsonObject::has(std::string_view name) const {
  return value_->find(std::string(name)) != value_->end();
}

bool JsonObject::is_null(std::string_view name) const {
  const auto at = value_->find(std::string(name));
  return at != value_->end() && at->is_null();
}

const Json* JsonObject::find(std::string_view name) {
  taken_.emplace(name);
  const auto at = value_->find(std::string(name));
  return at == value_->end() ? nullptr : &*at;
}

const Json& JsonObject::require(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) {
    refuse(place(name), "is missing");
  }
  return *value;
}

std::string JsonObject::place(std::string_view name) const {
  return field_of(path_, name);
}

Error JsonObject::wrong(std::string_view name, const std::string& sentence) const {
  return {ErrorKind::usage, fmt::format("{}: {}", place(name), sentence)};
}

std::string JsonObject::text(std::string_view name) {
  return to_text(require(name), place(name));
}

int64_t JsonObject::number(std::string_view name, int64_t least, int64_t most) {
  return to_number(require(name), place(name), least, most);
}

std::string JsonObject::choice(std::string_view name, std::span<const std::string_view> names) {
  return to_choice(require(name), place(name), names);
}

JsonObject JsonObject::object(std::string_view name) {
  return {require(name), place(name)};
}

std::vector<JsonObject> JsonObject::objects(std::string_view name) {
  return to_objects(require(name), place(name));
}

std::vector<std::string> JsonObject::texts(std::string_view name) {
  return to_texts(require(name), place(name));
}

std::optional<std::string> JsonObject::optional_text(std::string_view name) {
  const Json* value = find(name);
  return value == nullptr ? std::nullopt : std::optional(to_text(*value, place(name)));
}

std::optional<int64_t> JsonObject::optional_number(std::string_view name, int64_t least,
                                                   int64_t most) {
  const Json* value = find(name);
  return value == nullptr ? std::nullopt
                          : std::optional(to_number(*value, place(name), least, most));
}

std::optional<std::string> JsonObject::optional_choice(std::string_view name,
                                                       std::span<const std::string_view> names) {
  const Json* value = find(name);
  return value == nullptr ? std::nullopt : std::optional(to_choice(*value, place(name), names));
}

std::optional<JsonObject> JsonObject::optional_object(std::string_view name) {
  const Json* value = find(name);
  return value == nullptr ? std::nullopt : std::optional(JsonObject(*value, place(name)));
}

std::vector<JsonObject> JsonObject::optional_objects(std::string_view name) {
  const Json* value = find(name);
  return value == nullptr ? std::vector<JsonObject>() : to_objects(*value, place(name));
}

std::vector<std::string> JsonObject::optional_texts(std::string_view name) {
  const Json* value = find(name);
  return value == nullptr ? std::vector<std::string>() : to_texts(*value, place(name));
}

bool JsonObject::flag(std::string_view name, bool otherwise) {
  const Json* value = find(name);
  if (value != nullptr && !value->is_boolean()) {
    refuse_type(place(name), "true or false", *value);
  }
  return value == nullptr ? otherwise : value->get<bool>();
}

std::map<std::string, std::string> JsonObject::optional_text_map(std::string_view name) {
  std::map<std::string, std::string> texts;
  if (const std::optional<JsonObject> object = optional_object(name)) {
    for (const auto& [key, value] : object->value_->items()) {
      texts.emplace(key, to_text(value, object->place(key)));
    }
  }
  return texts;
}

std::map<std::string, int64_t> JsonObject::optional_number_map(std::string_view name, int64_t least,
                                                               int64_t most) {
  std::map<std::string, int64_t> numbers;
  if (const std::optional<JsonObject> object = optional_object(name)) {
    for (const auto& [key, value] : object->value_->items()) {
      numbers.emplace(key, to_number(value, object->place(key), least, most));
    }
  }
  return numbers;
}

void JsonObject::finish() const {
  for (const auto& [key, value] : value_->items()) {
    if (!taken_.contains(key)) {
      refuse(place(key),
             fmt::format("there is no such field; known here: {}", fmt::join(taken_, ", ")));
    }
  }
}

}  // namespace rehost
