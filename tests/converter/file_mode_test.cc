#include "converter/file_mode.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

// The numbers of inode(7): they are the guest's, whatever the host's headers say.
TEST(FileMode, KnowsEveryKindByTheNumbersOfLinux) {
  EXPECT_EQ(file_type(0100644), FileType::regular);
  EXPECT_EQ(file_type(0040755), FileType::directory);
  EXPECT_EQ(file_type(0120777), FileType::symlink);
  EXPECT_EQ(file_type(0060660), FileType::block_device);
  EXPECT_EQ(file_type(0020620), FileType::char_device);
  EXPECT_EQ(file_type(0010600), FileType::fifo);
  EXPECT_EQ(file_type(0140777), FileType::socket);
}

TEST(FileMode, PermissionsAreWithoutTheKind) {
  EXPECT_EQ(permissions(0104755), 04755U);
  EXPECT_EQ(permissions(0041777), 01777U);
}

}  // namespace
}  // namespace rehost
