#include "converter/transfer_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "converter/core/error.h"

namespace rehost {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(TransferFile, HoldsTheContentWhileItIsNeeded) {
  const std::string content = std::string("a\0b\r\n", 5);
  std::string path;
  {
    const TransferFile file(testing::TempDir(), content);
    path = file.path();
    EXPECT_EQ(content_of(path), content);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TransferFile, SaysThatTheWorkDirectoryIsTheTrouble) {
  try {
    const TransferFile file("/nonexistent", "content");
    FAIL() << "there is no such directory";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::environment);
    EXPECT_NE(std::string(error.what()).find("/nonexistent/transfer"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("--work-dir"), std::string::npos);
  }
}

}  // namespace
}  // namespace rehost
