#include "images/image_sink.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <memory>

#include "tests/support/expect_error.h"
#include "tests/support/kernel_calls.h"
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

  // The calls of publish() for "a": its renames, the open of what was there before, the exchange.
  static std::unique_ptr<FailingCall> fail_after_the_exchange() {
    constexpr int kCallsForOne = 3;
    return std::make_unique<FailingCall>(kCallsForOne + 1, EIO, Fault::onwards);
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

// Between the exchange and its end what was there before has the partial name: to another run it
// must not look like a leftover.
TEST_F(FileGroupTest, WhatIsReplacedIsNoLeftoverForAnotherRun) {
  directory.write("a", "old");
  make("a", "new", Existing::replace);
  directory.write("b", "precious");
  make("b", "second", Existing::replace);
  int looks = 0;
  {
    const WhenCalled look("renameat2", 2, [&] {  // the first finds "a" there
      ++looks;
      EXPECT_EQ(content_of(directory / "a.partial"), "old");
      EXPECT_ERROR(ErrorKind::environment, "in use",
                   PartialFile(directory / "a", Existing::replace));
      EXPECT_EQ(content_of(directory / "a.partial"), "old");
    });
    group.publish();
  }
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(directory.names(), (Names{"a", "b"}));
}

TEST_F(FileGroupTest, WhatCannotBeBroughtBackIsKeptAndNamed) {
  directory.write("a", "old");
  make("a", "new", Existing::replace);
  make("b", "second", Existing::refuse);
  {
    // Names can be exchanged once, and then the disk is gone.
    const std::unique_ptr<FailingCall> gone = fail_after_the_exchange();
    EXPECT_ERROR(ErrorKind::image_io, "what was " + directory / "a" + " before is",
                 group.publish());
  }
  EXPECT_EQ(content_of(directory / "a.partial"), "old");
  EXPECT_EQ(content_of(directory / "a"), "new");
}

}  // namespace
}  // namespace rehost
