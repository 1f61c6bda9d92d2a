#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "converter/core/error.h"
#include "converter/json_events.h"
#include "converter/terminal_events.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

TEST(JsonEvents, AreOneObjectALineWithNumbers) {
  const TemporaryDirectory directory;
  const std::string path = directory / "events.jsonl";
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

std::vector<nlohmann::json> written(const std::vector<Event>& all, bool of_a_job) {
  const TemporaryDirectory directory;
  const std::string path = directory / "events.jsonl";
  {
    JsonEvents events(path);
    if (of_a_job) {
      events.set_subject({"web01", {{"project", "blue"}}});
    }
    for (const Event& event : all) {
      events.on(event);
    }
  }
  std::ifstream in(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(nlohmann::json::parse(line));
  }
  return lines;
}

TEST(JsonEvents, NameTheJobAndWhatMgnCallsItsEnds) {
  auto lines = written({Started{"test"}, Finished{"done", 0, "converted"}}, true);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["job"], "web01");
  EXPECT_EQ(lines[0]["labels"]["project"], "blue");
  EXPECT_EQ(lines[0]["mgn_event"], "CONVERSION_START");
  EXPECT_EQ(lines[1]["mgn_event"], "CONVERSION_END");
  lines = written({Finished{"image-io", 7, "gone", true}}, true);
  EXPECT_EQ(lines[0]["mgn_event"], "CONVERSION_FAIL");
  EXPECT_EQ(lines[0]["retryable"], true);
  EXPECT_FALSE(written({Finished{"done", 0, "converted"}}, false)[0].contains("mgn_event"));
}

TEST(JsonEvents, ProgressNeverGoesBackWithinAPhase) {
  const auto lines =
      written({PhaseStarted{"image"}, Progress{"image", 10, 10}, Progress{"image", 5, 5},
               PhaseStarted{"verify"}, Progress{"verify", 5, 5}, Progress{"verify", 0, 0}},
              false);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[1]["done"], 10);
  EXPECT_EQ(lines[1]["fraction"], 1.0);
  EXPECT_EQ(lines[3]["done"], 5);
}

TEST(JsonEvents, AFractionNeverGoesBackEither) {
  const auto lines = written({PhaseStarted{"recover"}, Progress{"recover", 10, 10},
                              Progress{"recover", 11, 100}, Progress{"recover", 100, 100}},
                             false);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[2]["done"], 100);
}

TEST(JsonEvents, NothingFollowsTheLast) {
  const auto lines = written({Finished{"done", 0, ""}, PhaseStarted{"late"}, Finished{}}, false);
  EXPECT_EQ(lines.size(), 1U);
}

TEST(JsonEvents, AReaderWithoutRoomSeesAGapAndNoHalfLines) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  ASSERT_GE(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
  const std::string filler(4096, 'x');
  ASSERT_EQ(write(ends[1], filler.data(), filler.size()), 4096);
  {
    JsonEvents events("fd:" + std::to_string(ends[1]));
    events.on(PhaseStarted{"open"});  // no room, after some patience
    std::string drained(4096, ' ');
    ASSERT_EQ(read(ends[0], drained.data(), drained.size()), 4096);
    events.on(PhaseStarted{"launch"});
  }
  close(ends[1]);
  std::string line(4096, ' ');
  const ssize_t size = read(ends[0], line.data(), line.size());
  close(ends[0]);
  ASSERT_GT(size, 0);
  const auto json = nlohmann::json::parse(line.substr(0, static_cast<size_t>(size)));
  EXPECT_EQ(json["phase"], "launch");
  EXPECT_EQ(json["sequence"], 1);
}

TEST(JsonEvents, OfOneRunAreNotEmptiedByAnother) {
  const TemporaryDirectory directory;
  const std::string path = directory / "events.jsonl";
  {
    JsonEvents first(path);
    first.on(PhaseStarted{"launch"});
    EXPECT_THROW(JsonEvents{path}, Error);
    std::ifstream in(path);
    std::string line;
    EXPECT_TRUE(std::getline(in, line));
  }
  EXPECT_NO_THROW(JsonEvents{path});
  const JsonEvents nowhere("/dev/null");
  EXPECT_NO_THROW(JsonEvents{"/dev/null"}) << "only files are anybody's own";
}

TEST(JsonEvents, DoNotWaitForAReaderWhoDoesNotCome) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THROW(JsonEvents{path}, Error);
  const FileDescriptor reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  JsonEvents(path).on(PhaseStarted{"launch"});
  char first = 0;
  EXPECT_EQ(read(reader.get(), &first, 1), 1);
  EXPECT_EQ(first, '{');
}

TEST(JsonEvents, RefuseADescriptorThatIsNotOpen) {
  for (const char* destination :
       {"fd:", "fd:x", "fd:-1", "fd:987", "fd:1x", "/nonexistent/events"}) {
    EXPECT_THROW(JsonEvents{destination}, Error) << destination;
  }
}

std::string drawn(TerminalStyle style, const std::vector<Event>& all) {
  std::string result;
  TerminalEvents events([&result](std::string_view text) { result += text; }, style);
  for (const Event& event : all) {
    events.on(event);
  }
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
