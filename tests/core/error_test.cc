#include "converter/core/error.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "tests/support/source_dir.h"

namespace rehost {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

TEST(ErrorKinds, NamesAndCodesAreUniqueAndInOrder) {
  std::set<std::string_view> names;
  int code = 0;
  for (const ErrorKindRow& row : error_kinds()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.exit_code, ++code) << row.name;
    EXPECT_EQ(describe(row.kind).name, row.name);
  }
}

TEST(ErrorKinds, TheReadmeSaysTheSame) {
  const std::string readme = text_of(in_source_dir("README.md"));
  for (const ErrorKindRow& row : error_kinds()) {
    const std::string line = fmt::format("| {} | {} | {} | {} |\n", row.exit_code, row.name,
                                         row.retryable ? "yes" : "no", row.meaning);
    EXPECT_NE(readme.find(line), std::string::npos) << line;
  }
}

TEST(ErrorKinds, TheManualSaysTheSame) {
  const std::string manual = text_of(in_source_dir("docs/rehost.1"));
  for (const ErrorKindRow& row : error_kinds()) {
    const std::string line = fmt::format(".TP\n{}\n{}: {}", row.exit_code, row.name, row.meaning);
    EXPECT_NE(manual.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace rehost
