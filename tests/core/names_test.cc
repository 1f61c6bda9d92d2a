#include "converter/core/names.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(GuestPath, NormalisesSlashesAndDots) {
  EXPECT_EQ(GuestPath("/etc//./default/").str(), "/etc/default");
  EXPECT_EQ(GuestPath("etc/fstab").str(), "/etc/fstab");
  EXPECT_EQ(GuestPath("").str(), "/");
}

TEST(GuestPath, DotsNeverClimbAboveTheRoot) {
  EXPECT_EQ(GuestPath("/../../etc/../../shadow").str(), "/shadow");
  EXPECT_EQ((GuestPath("/boot") / "../../../etc").str(), "/etc");
}

TEST(GuestPath, IsWithinComparesWholeComponents) {
  EXPECT_TRUE(GuestPath("/boot/grub").is_within(GuestPath("/boot")));
  EXPECT_TRUE(GuestPath("/boot").is_within(GuestPath("/")));
  EXPECT_FALSE(GuestPath("/boot2").is_within(GuestPath("/boot")));
}

TEST(GuestPath, KnowsNameAndParent) {
  EXPECT_EQ(GuestPath("/boot/grub/grub.cfg").name(), "grub.cfg");
  EXPECT_EQ(GuestPath("/boot").parent(), GuestPath("/"));
  EXPECT_EQ(GuestPath("/").parent(), GuestPath("/"));
}

}  // namespace
}  // namespace rehost
