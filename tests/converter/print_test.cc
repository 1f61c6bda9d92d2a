#include "converter/print.h"

#include <gtest/gtest.h>

#include "bootfix/left_behind.h"
#include "converter/fixes.h"

namespace rehost {
namespace {

TEST(Print, TheTableOfLeftBehindNamesEveryRowWithItsUnitsAndFiles) {
  const std::string text = table_text("left-behind");
  for (const LeftBehind& row : left_behind()) {
    EXPECT_NE(text.find(std::string(row.name) + ": " + std::string(row.heading)), std::string::npos)
        << row.name;
    for (const std::string_view unit : row.services) {
      EXPECT_NE(text.find(unit), std::string::npos) << unit;
    }
    for (const TextRule& rule : row.rewritten) {
      EXPECT_NE(text.find(rule.path), std::string::npos) << rule.path;
    }
  }
}

TEST(Print, TheTableOfFixesNamesTheSameRows) {
  const std::string text = table_text("fixes");
  for (const LeftBehind& row : left_behind()) {
    EXPECT_NE(text.find(std::string(row.fix) + ": "), std::string::npos) << row.fix;
  }
}

}  // namespace
}  // namespace rehost
