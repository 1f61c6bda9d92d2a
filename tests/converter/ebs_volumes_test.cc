#include "converter/ebs_volumes.h"

#include <gtest/gtest.h>

#include <set>

namespace rehost {
namespace {

TEST(EbsVolumes, SizesAreWholeGibAndNoLessThanTheTypeHas) {
  const VolumeTypeRow& gp3 = *find_volume_type("gp3");
  EXPECT_EQ(volume_gib(20 * kGib, gp3), 20);
  EXPECT_EQ(volume_gib(20 * kGib + 1, gp3), 21);
  EXPECT_EQ(volume_gib(1, gp3), 1);
  EXPECT_EQ(volume_gib(UINT64_MAX, gp3), 1LL << 34);
  EXPECT_EQ(volume_gib(20 * kGib, *find_volume_type("st1")), 125);
  EXPECT_EQ(volume_gib(kGib, *find_volume_type("io2")), 4);
}

TEST(EbsVolumes, NamesAreThereOnceAndInOrder) {
  EXPECT_EQ(data_device_name(0), "/dev/sdf");
  EXPECT_EQ(data_device_name(kRecommendedDataVolumes - 1), "/dev/sdp");
  EXPECT_EQ(data_device_name(20), "/dev/sdz");
  EXPECT_EQ(data_device_name(21), "/dev/xvdba");
  std::set<std::string> seen;
  size_t number = 0;
  for (; data_device_name(number); ++number) {
    EXPECT_TRUE(seen.insert(*data_device_name(number)).second);
  }
  EXPECT_EQ(number, 99U);
}

TEST(EbsVolumes, KnowsNoOtherTypes) {
  EXPECT_EQ(find_volume_type("gp4"), nullptr);
  EXPECT_EQ(find_volume_type(""), nullptr);
  for (const VolumeTypeRow& row : volume_types()) {
    EXPECT_EQ(find_volume_type(row.name), &row);
    EXPECT_LT(row.gib.least, row.gib.most);
  }
}

}  // namespace
}  // namespace rehost
