#include "drivers/nitro_reach.h"

#include <gtest/gtest.h>

#include <string>

namespace rehost {
namespace {

constexpr std::string_view kRhel7 = "3.10.0-1160.el7.x86_64";

TEST(NitroReach, ComparesAwssOwnReleasesByVersion) {
  EXPECT_EQ(nitro_reach("ena", "2.2.8g", kRhel7).newest_generation, 4);
  EXPECT_TRUE(nitro_reach("ena", "2.2.9g", kRhel7).serves(5));
  EXPECT_TRUE(nitro_reach("ena", "2.13.0g", kRhel7).serves(6));
  EXPECT_EQ(nitro_reach("ena", "1.1.3g", "5.15.0-76-generic").newest_generation, 0);
}

// In the kernel's own driver 2.1.0K stood for years, before and behind what Nitro v5 wants.
TEST(NitroReach, KnowsTheKernelsOwnDriverByTheKernel) {
  struct Row {
    std::string_view version;
    std::string_view release;
    bool serves_v5;
  };
  const Row rows[] = {
      {"", "6.1.0-56-amd64", true},
      {"2.1.0K", "5.10.0-30-amd64", true},
      {"2.1.0K", "5.4.0-150-generic", false},
      {"2.1.0K", "5.4.0-1025-aws", true},
      {"2.1.0K", "5.4.0-1024-aws", false},
      {"2.0.2K", "4.19.0-26-amd64", false},
      {"", kRhel7, false},
      {"4.18.0-305.el8.x86_64", "4.18.0-305.el8.x86_64", true},
      {"", "4.18.0-240.22.1.el8_3.x86_64", false},
      {"", "5.4.17-2136.300.7.el8uek.x86_64", false},
      {"", "5.15.0-100.96.32.el8uek.x86_64", true},
      {"", "4.14.186-146.268.amzn2.x86_64", true},
      {"", "4.14.181-142.260.amzn2.x86_64", false},
      {"", "4.12.14-122.116-default", true},
      {"", "4.12.14-122.113-default", false},
      {"", "4.12.14-150100.197.114-default", true},
      {"", "5.3.18-22-default", false},
      {"", "5.3.18-59.37-default", true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(nitro_reach("ena", row.version, row.release).serves(5), row.serves_v5)
        << row.version << " of " << row.release;
    EXPECT_TRUE(nitro_reach("ena", row.version, row.release).serves(4)) << row.release;
  }
}

TEST(NitroReach, SaysWhyUnlessEverythingIsServed) {
  const NitroReach old = nitro_reach("ena", "1.0.2", "4.9.0-19-amd64");
  EXPECT_EQ(old.newest_generation, 4);
  EXPECT_NE(old.why.find("4.9.0-19-amd64"), std::string::npos) << old.why;
  EXPECT_NE(nitro_reach("ena", "2.2.8g", kRhel7).why.find("2.2.9"), std::string::npos);
  EXPECT_EQ(nitro_reach("ena", "1.0.2K", "4.9.0-19-amd64").newest_generation, 0);
  EXPECT_EQ(nitro_reach("nvme", "0.1", kRhel7), NitroReach{});
  EXPECT_FALSE(has_nitro_limits("nvme"));
}

}  // namespace
}  // namespace rehost
