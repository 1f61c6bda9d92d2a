#include "converter/logging.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

std::string logged(const std::string& format, const std::string& message) {
  const TemporaryDirectory directory;
  Options options;
  options.log_file = directory / "log";
  options.log_format = format;
  options.log_level = "info";
  set_up_logging(options);
  spdlog::info(message);
  spdlog::debug("too quiet");
  std::ifstream in(options.log_file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Logging, TakesPasswordsOutOfAddresses) {
  EXPECT_EQ(without_passwords("open nbd://user:secret@host/x, then nbd://a:b@c"),
            "open nbd://***@host/x, then nbd://***@c");
  EXPECT_EQ(without_passwords("nbd://user:se@cret@host"), "nbd://***@host");
  EXPECT_EQ(without_passwords("nbd://user@host:10809/a:b@c"), "nbd://user@host:10809/a:b@c");
  EXPECT_EQ(without_passwords("no address, a: b@c"), "no address, a: b@c");
  EXPECT_EQ(without_passwords("://"), "://");
}

TEST(Logging, AsTextIsOneLine) {
  const std::string text = logged("text", "reading nbd://u:secret@host");
  EXPECT_NE(text.find("Z info reading nbd://***@host\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("too quiet"), std::string::npos);
}

TEST(Logging, AsTextForgesNoLineAndNoEscape) {
  const std::string text = logged("text", "job a\n2026-11-27T12:00:00.000Z info done\x1b[2J\xff");
  EXPECT_NE(text.find(R"(job a\n2026-11-27T12:00:00.000Z info done?[2J?)"), std::string::npos)
      << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(Logging, AsJsonSurvivesAnyMessage) {
  const auto json = nlohmann::json::parse(logged("json", "two\nlines, \"quotes\" and \xff"));
  EXPECT_EQ(json["level"], "info");
  EXPECT_EQ(json["message"], "two\nlines, \"quotes\" and \xEF\xBF\xBD");
}

}  // namespace
}  // namespace rehost
