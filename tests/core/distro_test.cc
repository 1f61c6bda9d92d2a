#include "converter/core/distro.h"

#include <gtest/gtest.h>

#include <set>

namespace rehost {
namespace {

TEST(Version, ComparesNumberByNumber) {
  EXPECT_LT(Version::parse("7.9"), Version::parse("7.10"));
  EXPECT_LT(Version::parse("12"), Version::parse("12.1"));
  EXPECT_EQ(Version::parse("22.04"), Version::parse("22.4"));
  EXPECT_LT(Version::parse("9"), Version::parse("10"));
}

TEST(Version, StopsAtWhatIsNoNumber) {
  EXPECT_EQ(Version::parse("11-SP4"), Version::parse("11"));
  EXPECT_TRUE(Version::parse("rolling").parts.empty());
  EXPECT_TRUE(Version::parse("99999999999999999999").parts.empty());
  EXPECT_EQ(Version::parse("12."), Version::parse("12"));
}

TEST(Distros, IdsAreUniqueAndRowsComplete) {
  std::set<std::string_view> ids;
  for (const Distro& distro : distros()) {
    EXPECT_TRUE(ids.insert(distro.id).second) << distro.id;
    EXPECT_FALSE(distro.name.empty());
    EXPECT_FALSE(distro.efi_vendor.empty());
    EXPECT_TRUE(distro.tested == "boot" || distro.tested == "fixture") << distro.id;
  }
}

TEST(Distros, FallBackToEachWordOfIdLike) {
  ASSERT_NE(find_distro("raspbian", "foo debian"), nullptr);
  EXPECT_EQ(find_distro("raspbian", "foo debian")->id, "debian");
  EXPECT_EQ(find_distro("plan9", "unix"), nullptr);
  EXPECT_EQ(find_distro("", ""), nullptr);
}

}  // namespace
}  // namespace rehost
