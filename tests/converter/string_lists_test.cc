#include "converter/string_lists.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(StringLists, ComeBackAsTheyWere) {
  const std::vector<std::string> strings = {"a", "", "b c"};
  const std::vector<char*> pointers = pointers_to(strings);
  ASSERT_EQ(pointers.size(), 4U);
  EXPECT_EQ(pointers.back(), nullptr);
  EXPECT_EQ(strings_of(pointers.data()), strings);
}

TEST(StringLists, ANullListIsEmpty) {
  EXPECT_TRUE(strings_of(nullptr).empty());
  EXPECT_TRUE(pairs_of(nullptr).empty());
}

TEST(StringLists, AKeyWithoutAValueIsDropped) {
  const std::vector<std::string> strings = {"TYPE", "ext4", "UUID"};
  const std::map<std::string, std::string> wanted = {{"TYPE", "ext4"}};
  EXPECT_EQ(pairs_of(pointers_to(strings).data()), wanted);
}

}  // namespace
}  // namespace rehost
