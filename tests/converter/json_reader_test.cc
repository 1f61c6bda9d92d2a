#include "converter/json_reader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rehost {
namespace {

template <typename Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "nothing was refused";
}

std::string refusal_of(std::string_view text) {
  return refusal([&] { parse_strict_json(text); });
}

std::string nested(size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

TEST(JsonReader, TakesEveryKindOfField) {
  const Json json = parse_strict_json(
      R"({"id":"web01","n":7,"whole":5.0,"on":true,"o":{"x":"y"},"list":["a","b"],"rows":[{"r":1}],
          "tags":{"a.b":"c"},"times":{"launch":3}})");
  JsonObject object(json, "");
  EXPECT_EQ(object.text("id"), "web01");
  EXPECT_EQ(object.number("n", 0, 10), 7);
  EXPECT_EQ(object.number("whole", 0, 10), 5);
  EXPECT_TRUE(object.flag("on", false));
  JsonObject inner = object.object("o");
  EXPECT_EQ(inner.text("x"), "y");
  inner.finish();
  EXPECT_EQ(object.texts("list"), (std::vector<std::string>{"a", "b"}));
  std::vector<JsonObject> rows = object.objects("rows");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].number("r", 1, 1), 1);
  EXPECT_EQ(object.optional_text_map("tags"), (std::map<std::string, std::string>{{"a.b", "c"}}));
  EXPECT_EQ(object.optional_number_map("times", 1, 9),
            (std::map<std::string, int64_t>{{"launch", 3}}));
  object.finish();
}

TEST(JsonReader, AbsentFieldsHaveTheirDefaults) {
  const Json json = parse_strict_json("{}");
  JsonObject object(json, "");
  EXPECT_EQ(object.optional_text("a"), std::nullopt);
  EXPECT_EQ(object.optional_number("b", 0, 1), std::nullopt);
  EXPECT_FALSE(object.optional_object("c"));
  EXPECT_TRUE(object.optional_objects("d").empty());
  EXPECT_TRUE(object.optional_texts("e").empty());
  EXPECT_TRUE(object.flag("f", true));
  EXPECT_FALSE(object.has("a"));
  object.finish();
}

TEST(JsonReader, SaysWhereAFieldIsMissingOrWrong) {
  const Json json = parse_strict_json(R"({"volumes":[{"role":"boot"},{"role":7,"size":1.5}]})");
  JsonObject object(json, "");
  std::vector<JsonObject> volumes = object.objects("volumes");
  EXPECT_EQ(refusal([&] { volumes[0].text("path"); }), "volumes[0].path: is missing");
  EXPECT_EQ(refusal([&] { volumes[1].text("role"); }),
            "volumes[1].role: must be a text, and is a number");
  EXPECT_EQ(refusal([&] { volumes[1].number("size", 0, 9); }),
            "volumes[1].size: must be a whole number, and is 1.5");
  constexpr std::string_view kRoles[] = {"root", "data"};
  EXPECT_EQ(refusal([&] { volumes[0].choice("role", kRoles); }),
            "volumes[0].role: cannot be 'boot': it is one of root, data");
}

TEST(JsonReader, RefusesWhatNobodyAskedFor) {
  const Json json = parse_strict_json(R"({"a":{"colour":"red","odd name":1,"size":1}})");
  JsonObject object(json, "");
  JsonObject inner = object.object("a");
  inner.number("size", 0, 9);
  EXPECT_EQ(refusal([&] { inner.finish(); }), "a.colour: there is no such field; known here: size");
  inner.text("colour");
  EXPECT_EQ(refusal([&] { inner.finish(); }),
            "a[\"odd name\"]: there is no such field; known here: colour, size");
}

TEST(JsonReader, NullIsNotAbsence) {
  const Json json = parse_strict_json(R"({"a":null})");
  JsonObject object(json, "");
  EXPECT_EQ(refusal([&] { object.optional_text("a"); }), "a: must be a text, and is null");
}

TEST(JsonReader, NumbersOutsideTheirRangeAreRefused) {
  const Json json = parse_strict_json(R"({"a":18446744073709551615,"b":-1,"c":1e300,"d":true})");
  JsonObject object(json, "");
  EXPECT_EQ(refusal([&] { object.number("a", 0, INT64_MAX); }),
            "a: must be from 0 to 9223372036854775807, and is 18446744073709551615");
  EXPECT_EQ(refusal([&] { object.number("b", 0, 9); }), "b: must be from 0 to 9, and is -1");
  EXPECT_EQ(refusal([&] { object.number("c", 0, 9); }), "c: must be from 0 to 9, and is 1e+300");
  EXPECT_EQ(refusal([&] { object.number("d", 0, 9); }),
            "d: must be a whole number, and is true or false");
}

TEST(JsonReader, TheDocumentItselfIsAnObject) {
  const Json json = parse_strict_json("[]");
  EXPECT_EQ(refusal([&] { JsonObject(json, ""); }),
            "the document: must be an object, and is a list");
}

TEST(JsonReader, RefusesFieldsThatAreThereTwice) {
  EXPECT_EQ(refusal_of(R"({"volumes":[{"a":1},{"role":1,"role":2}]})"),
            "volumes[1].role: this field is there twice");
  EXPECT_NO_THROW(parse_strict_json(R"([{"a":1},{"a":1},{"b":{"a":1},"a":2}])"));
}

TEST(JsonReader, DepthHasALimit) {
  EXPECT_NO_THROW(parse_strict_json(nested(kDeepestJson)));
  EXPECT_EQ(refusal_of(nested(kDeepestJson + 1)), "nested deeper than 32 levels");
  EXPECT_EQ(refusal_of(std::string(2 << 20, '[')), "nested deeper than 32 levels");
}

TEST(JsonReader, SizeHasALimit) {
  EXPECT_EQ(refusal_of(std::string(kMostJsonBytes + 1, ' ')), "larger than 4 MiB");
}

TEST(JsonReader, RefusesWhatIsNoJson) {
  for (const char* text : {"", "{", "{}x", "{\"a\":01}", "{'a':1}", "{\"a\":1,}", "// x\n{}", "NaN",
                           "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}", "\"\\ud800\""}) {
    EXPECT_TRUE(refusal_of(text).starts_with("not valid JSON at byte ")) << refusal_of(text);
  }
}

TEST(JsonReader, RefusesNulInTexts) {
  EXPECT_EQ(refusal_of(R"({"a":["b\u0000c"]})"),
            "a[0]: has a NUL in it, which no name and no text of a job may have");
}

TEST(JsonReader, ALongNameIsShortened) {
  const Json json = parse_strict_json("{\"" + std::string(1 << 20, 'x') + "\":1}");
  JsonObject object(json, "");
  EXPECT_LT(refusal([&] { object.finish(); }).size(), 200U);
}

}  // namespace
}  // namespace rehost
