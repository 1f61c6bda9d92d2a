#include "converter/guest_cache.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

const GuestPath kFstab("/etc/fstab");
const GuestPath kHosts("/etc/hosts");

FileStat file_of(uint64_t size) {
  FileStat stat;
  stat.size = size;
  return stat;
}

TEST(GuestCache, HasNothingAtFirst) {
  const GuestCache cache;
  EXPECT_EQ(cache.stat(kFstab), nullptr);
  EXPECT_EQ(cache.listing(GuestPath("/etc")), nullptr);
  EXPECT_EQ(cache.link(kFstab), nullptr);
  EXPECT_EQ(cache.content(kFstab), nullptr);
}

TEST(GuestCache, RemembersThatAFileIsNotThere) {
  GuestCache cache;
  cache.keep_stat(kFstab, std::nullopt);
  ASSERT_NE(cache.stat(kFstab), nullptr);
  EXPECT_FALSE(cache.stat(kFstab)->has_value());
}

TEST(GuestCache, AListingAnswersForItsEntriesToo) {
  GuestCache cache;
  cache.keep_listing(GuestPath("/etc"), {{"fstab", file_of(7)}});
  ASSERT_NE(cache.listing(GuestPath("/etc")), nullptr);
  ASSERT_NE(cache.stat(kFstab), nullptr);
  EXPECT_EQ((*cache.stat(kFstab))->size, 7U);
}

TEST(GuestCache, ForgetsEverythingAtOnce) {
  GuestCache cache;
  cache.keep_listing(GuestPath("/etc"), {{"fstab", file_of(7)}});
  cache.keep_link(GuestPath("/bin"), "usr/bin");
  cache.keep_content(kFstab, "proc");
  cache.forget();
  EXPECT_EQ(cache.stat(kFstab), nullptr);
  EXPECT_EQ(cache.listing(GuestPath("/etc")), nullptr);
  EXPECT_EQ(cache.link(GuestPath("/bin")), nullptr);
  EXPECT_EQ(cache.content(kFstab), nullptr);
}

TEST(GuestCache, DropsOldContentBeforeItHasTooMuch) {
  GuestCache cache(10);
  cache.keep_content(kFstab, "123456");
  cache.keep_content(kHosts, "12345");
  EXPECT_EQ(cache.content(kFstab), nullptr);
  ASSERT_NE(cache.content(kHosts), nullptr);
  EXPECT_EQ(*cache.content(kHosts), "12345");
}

TEST(GuestCache, OneFileThatIsTooLargeDropsNothing) {
  GuestCache cache(10);
  cache.keep_content(kFstab, "123456");
  cache.keep_content(kHosts, "12345678901");
  EXPECT_NE(cache.content(kFstab), nullptr);
  EXPECT_EQ(cache.content(kHosts), nullptr);
}

TEST(GuestCache, CountsAFileThatIsKeptAgainOnce) {
  GuestCache cache(10);
  for (int i = 0; i < 5; ++i) {
    cache.keep_content(kFstab, "123456");
  }
  cache.keep_content(kHosts, "1234");
  EXPECT_NE(cache.content(kFstab), nullptr);
  EXPECT_NE(cache.content(kHosts), nullptr);
}

}  // namespace
}  // namespace rehost
