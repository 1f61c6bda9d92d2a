#include "converter/appliance.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "converter/core/error.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

const ApplianceHost kHost = {"1.48.6", "x86_64"};

constexpr char kLabelText[] =
    "A fixed libguestfs appliance, built by scripts/make-appliance of rehost.\n"
    "libguestfs: 1.48.6\narchitecture: x86_64\nkernel release: 6.1.0-56-amd64\n"
    "kernel: 6 bytes\ninitrd: 6 bytes\nroot: 4 bytes\nbuilt from: 42f2\n";

struct WarningsHeard : EventSink {
  std::vector<Warning> warnings;
  void on(const Event& event) override {
    warnings.push_back(std::get<WarningRaised>(event).warning);
  }
};

struct Appliances : testing::Test {
  Appliances() {
    std::string name = testing::TempDir() + "rehost-appliances-XXXXXX";
    top = mkdtemp(name.data());
  }
  ~Appliances() override { fs::remove_all(top); }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  // A directory as scripts/make-appliance leaves it.
  std::string make(const std::string& name, const std::string& label = kLabelText) const {
    const fs::path directory = top / name;
    fs::create_directories(directory);
    write(directory / "kernel", "kernel");
    write(directory / "initrd", "initrd");
    write(directory / "root", "root");
    write(directory / "README.fixed", label);
    return directory;
  }
  std::string complaint_about(const std::string& named) {
    try {
      choose_appliance({named, {}}, kHost, events);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::environment);
      return error.what();
    }
    return "accepted";
  }

  fs::path top;
  WarningsHeard events;
};

std::string with(std::string text, const std::string& old_words, const std::string& new_words) {
  return text.replace(text.find(old_words), old_words.size(), new_words);
}

TEST(ApplianceLabel, SaysWhatItWasBuiltFor) {
  const std::optional<ApplianceLabel> label = parse_appliance_label(kLabelText);
  ASSERT_TRUE(label);
  EXPECT_EQ(label->libguestfs, "1.48.6");
  EXPECT_EQ(label->architecture, "x86_64");
  EXPECT_EQ(label->bytes.at("kernel"), 6U);
  EXPECT_EQ(label->bytes.at("root"), 4U);
}

TEST(ApplianceLabel, AnotherTextIsNone) {
  EXPECT_FALSE(parse_appliance_label(""));
  EXPECT_FALSE(
      parse_appliance_label("This is the \"fixed appliance\" of libguestfs-make-fixed-appliance."));
  EXPECT_FALSE(parse_appliance_label(with(kLabelText, "root: 4 bytes\n", "")));
  EXPECT_FALSE(parse_appliance_label(with(kLabelText, "root: 4 bytes", "root: -4 bytes")));
  EXPECT_FALSE(parse_appliance_label(with(kLabelText, "libguestfs: 1.48.6\n", "")));
  EXPECT_FALSE(parse_appliance_label(std::string(1000, ':')));
}

TEST(AppliancePlaces, BesideTheInstalledProgramThenInTheUsersCache) {
  EXPECT_EQ(appliance_places("/usr/local/bin/rehost", "", "/home/ann"),
            (std::vector<std::string>{"/usr/local/lib/rehost/appliance",
                                      "/home/ann/.cache/rehost/appliance"}));
  EXPECT_EQ(appliance_places("", "/var/cache", "/home/ann"),
            std::vector<std::string>{"/var/cache/rehost/appliance"});
  EXPECT_TRUE(appliance_places("", "", "").empty());
}

TEST_F(Appliances, WithoutAnyTheStockOneIsTakenAndNobodyWarned) {
  const Appliance chosen = choose_appliance({"", {top / "nowhere"}}, kHost, events);
  EXPECT_EQ(chosen.directory, "");
  EXPECT_FALSE(chosen.named);
  EXPECT_TRUE(events.warnings.empty());
}

TEST_F(Appliances, TheFirstPlaceThatHasOneWins) {
  const std::string first = make("first");
  const std::string second = make("second");
  const Appliance chosen = choose_appliance({"", {top / "nowhere", first, second}}, kHost, events);
  EXPECT_EQ(chosen.directory, first);
  EXPECT_FALSE(chosen.named);
}

TEST_F(Appliances, OneForAnotherLibguestfsGivesWayToTheStockOneWithAWarning) {
  const std::string old = make("old", with(kLabelText, "1.48.6", "1.48.4"));
  EXPECT_EQ(choose_appliance({"", {old}}, kHost, events).directory, "");
  ASSERT_EQ(events.warnings.size(), 1U);
  EXPECT_EQ(events.warnings[0].code, kApplianceMismatch);
  EXPECT_EQ(events.warnings[0].subject, old);
  EXPECT_NE(events.warnings[0].sentence.find("libguestfs 1.48.4 and this is 1.48.6"),
            std::string::npos)
      << events.warnings[0].sentence;
}

TEST_F(Appliances, OneThatFitsInALaterPlaceNeedsNoWarning) {
  const std::string old = make("old", with(kLabelText, "x86_64", "aarch64"));
  const std::string good = make("good");
  EXPECT_EQ(choose_appliance({"", {old, good}}, kHost, events).directory, good);
  EXPECT_TRUE(events.warnings.empty());
}

TEST_F(Appliances, StockIsNamedAndNothingIsLookedFor) {
  const Appliance chosen = choose_appliance({"stock", {make("good")}}, kHost, events);
  EXPECT_EQ(chosen.directory, "");
  EXPECT_TRUE(chosen.named);
}

TEST_F(Appliances, TheNamedOneIsTaken) {
  const std::string good = make("good");
  const Appliance chosen = choose_appliance({good, {}}, kHost, events);
  EXPECT_EQ(chosen.directory, good);
  EXPECT_TRUE(chosen.named);
}

TEST_F(Appliances, ANamedOneThatIsBrokenIsAnErrorThatSaysWhatIsMissing) {
  EXPECT_NE(complaint_about(top / "nowhere")
                .find("there is no " + (top / "nowhere/README.fixed").string()),
            std::string::npos);
  EXPECT_NE(complaint_about(make("with:colon")).find("colon"), std::string::npos);
  const std::string without_root = make("without-root");
  fs::remove(fs::path(without_root) / "root");
  EXPECT_NE(complaint_about(without_root).find("root: No such file"), std::string::npos)
      << complaint_about(without_root);
  const std::string cut = make("cut");
  write(fs::path(cut) / "initrd", "init");
  EXPECT_NE(complaint_about(cut).find("initrd has 4 bytes instead of 6"), std::string::npos)
      << complaint_about(cut);
  const std::string other = make("other", with(kLabelText, "x86_64", "aarch64"));
  EXPECT_NE(complaint_about(other).find("built for aarch64 and this is x86_64"), std::string::npos)
      << complaint_about(other);
  const std::string foreign = make("foreign", "This is the \"fixed appliance\".\n");
  EXPECT_NE(complaint_about(foreign).find("does not say what it was built for"), std::string::npos)
      << complaint_about(foreign);
}

}  // namespace
}  // namespace rehost
