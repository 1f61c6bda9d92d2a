#include "images/image_sink.h"

#include <gtest/gtest.h>

#include <cstddef>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

using Names = std::vector<std::string>;

class FileGroupTest : public testing::Test {
 protected:
  // A finished file of the group.
  void make(const std::string& name, const std::string& text, Existing existing) {
    PartialFile file(directory / name, existing, &group);
    write_fully(file.fd(), file.name(), 0, std::as_bytes(std::span(text)));
    file.finish();
  }

  const TemporaryDirectory directory;
  FileGroup group;
};

TEST_F(FileGroupTest, NamesAppearTogether) {
  make("a", "first", Existing::refuse);
  make("b", "second", Existing::refuse);
  EXPECT_EQ(directory.names(), (Names{"a.partial", "b.partial"}));
  group.publish();
  EXPECT_EQ(directory.names(), (Names{"a", "b"}));
  EXPECT_EQ(content_of(directory / "b"), "second");
}

TEST_F(FileGroupTest, NothingIsLeftOfOneThatIsNotPublished) {
  {
    FileGroup given_up;
    PartialFile file(directory / "a", Existing::refuse, &given_up);
    file.finish();
  }
  EXPECT_TRUE(directory.names().empty());
}

TEST_F(FileGroupTest, ANameThatIsTakenInTheMiddleTakesTheOthersBack) {
  make("a", "first", Existing::refuse);
  make("b", "second", Existing::refuse);
  make("c", "third", Existing::refuse);
  directory.write("b", "precious");
  EXPECT_ERROR(ErrorKind::usage, "exists already", group.publish());
  EXPECT_EQ(directory.names(), Names{"b"});
  EXPECT_EQ(content_of(directory / "b"), "precious");
}

TEST_F(FileGroupTest, WhatWasReplacedComesBack) {
  directory.write("a", "old");
  make("a", "new", Existing::replace);
  make("b", "second", Existing::refuse);
  directory.write("b", "precious");
  EXPECT_ERROR(ErrorKind::usage, "exists already", group.publish());
  EXPECT_EQ(directory.names(), (Names{"a", "b"}));
  EXPECT_EQ(content_of(directory / "a"), "old");
}

TEST_F(FileGroupTest, WhatIsReplacedGoesWhenAllHaveTheirNames) {
  directory.write("a", "old");
  make("a", "new", Existing::replace);
  make("b", "second", Existing::replace);
  group.publish();
  EXPECT_EQ(directory.names(), (Names{"a", "b"}));
  EXPECT_EQ(content_of(directory / "a"), "new");
}

}  // namespace
}  // namespace rehost
