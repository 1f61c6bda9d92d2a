#include "converter/appliance_versions.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(ApplianceVersions, IsWhatQemuSaysOfItself) {
  const std::string version = version_of_program("qemu-img");
  ASSERT_FALSE(version.empty());
  EXPECT_NE(version.find_first_of("0123456789"), std::string::npos) << version;
  EXPECT_EQ(version.find('\n'), std::string::npos);
}

TEST(ApplianceVersions, IsEmptyForAProgramThatSaysNoneOrIsNotThere) {
  EXPECT_EQ(version_of_program("true"), "");
  EXPECT_EQ(version_of_program("/nonexistent/qemu"), "");
}

}  // namespace
}  // namespace rehost
