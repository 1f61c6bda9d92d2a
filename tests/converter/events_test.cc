#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "converter/core/error.h"
#include "converter/json_events.h"
#include "converter/terminal_events.h"

namespace rehost {
namespace {

TEST(JsonEvents, AreOneObjectALineWithNumbers) {
  const std::string path = testing::TempDir() + "/events.jsonl";
  {
    JsonEvents events(path);
    events.on(PhaseStarted{"launch"});
    events.on(WarningRaised{{"code", "subject", "a \"sentence\"\nof two lines"}});
    events.on(Finished{"done", 0, "converted"});
  }
  std::ifstream in(path);
  std::string line;
  std::vector<nlohmann::json> all;
  while (std::getline(in, line)) {
    all.push_back(nlohmann::json::parse(line));
  }
  ASSERT_EQ(all.size(), 3U);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i]["version"], 1);
    EXPECT_EQ(all[i]["sequence"], i);
  }
  EXPECT_EQ(all[1]["sentence"], "a \"sentence\"\nof two lines");
  EXPECT_EQ(all[2]["event"], "finished");
}

TEST(JsonEvents, BytesThatAreNoUtf8DoNotStopIt) {
  EXPECT_TRUE(nlohmann::json::accept(event_json(PhaseStarted{"\xff\xfe"}, 0, "now")));
}

TEST(JsonEvents, RefuseADescriptorThatIsNotOpen) {
  for (const char* destination :
       {"fd:", "fd:x", "fd:-1", "fd:987", "fd:1x", "/nonexistent/events"}) {
    EXPECT_THROW(JsonEvents{destination}, Error) << destination;
  }
}

std::string drawn(TerminalStyle style, const std::vector<Event>& all) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  TerminalEvents events(out, style);
  for (const Event& event : all) {
    events.on(event);
  }
  std::fclose(out);
  std::string result(text, size);
  free(text);  // NOLINT: open_memstream's
  return result;
}

TEST(TerminalEvents, PlainLinesHaveNoControlCharacters) {
  const std::string text =
      drawn(TerminalStyle::lines, {PhaseStarted{"image"}, Progress{"image", 5, 10},
                                   PhaseFinished{"image", 1.5}, Finished{"done", 0, "converted"}});
  EXPECT_EQ(text, "  image       1.5 s\nrehost: converted\n");
}

TEST(TerminalEvents, TheBarIsClearedBeforeALine) {
  const std::string text =
      drawn(TerminalStyle::bar, {Progress{"image", 5, 10}, WarningRaised{{"c", "s", "t"}}});
  EXPECT_NE(text.find("50 %\r\033[K  warning: s: t [c]\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace rehost
