#include "converter/instance_types.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

InstanceType known(std::string_view name) {
  const std::optional<InstanceType> type = find_instance_type(name);
  EXPECT_TRUE(type) << name;
  return type.value_or(InstanceType{});
}

TEST(InstanceTypes, TellsXenFromNitro) {
  for (const char* name :
       {"t2.micro", "m4.large", "c4.8xlarge", "r4.large", "i3.large", "x1e.xlarge"}) {
    EXPECT_EQ(known(name).hypervisor, Hypervisor::xen) << name;
    EXPECT_EQ(known(name).nitro_generation, 0) << name;
  }
  for (const char* name :
       {"t3.micro", "m5.large", "p3dn.24xlarge", "i3en.large", "u-6tb1.56xlarge"}) {
    EXPECT_EQ(known(name).hypervisor, Hypervisor::nitro) << name;
  }
}

TEST(InstanceTypes, KnowsTheNitroGenerationByFamilyAndNotByNumber) {
  EXPECT_EQ(known("m5.large").nitro_generation, 2);
  EXPECT_EQ(known("m5n.large").nitro_generation, 3);
  EXPECT_EQ(known("m7i-flex.large").nitro_generation, 4);
  EXPECT_EQ(known("c7g.large").nitro_generation, 4);
  EXPECT_EQ(known("c7gn.large").nitro_generation, 5);
  EXPECT_EQ(known("c8g.large").nitro_generation, 5);
  EXPECT_EQ(known("c8gn.large").nitro_generation, 6);
  EXPECT_EQ(known("c8i.large").nitro_generation, 6);
  EXPECT_EQ(known("i7i.large").nitro_generation, 4);
  EXPECT_EQ(known("i7ie.large").nitro_generation, 5);
}

TEST(InstanceTypes, KnowsTheArchitecture) {
  EXPECT_EQ(known("t4g.micro").architecture, "arm64");
  EXPECT_EQ(known("g5g.xlarge").architecture, "arm64");
  EXPECT_EQ(known("g5.xlarge").architecture, "x86_64");
  EXPECT_EQ(known("m8azn.large").architecture, "x86_64");
  EXPECT_EQ(known("mac2.metal").architecture, "mac");
}

TEST(InstanceTypes, KnowsHowTheyBoot) {
  const InstanceType both = known("m5.large");
  EXPECT_TRUE(both.boots_bios);
  EXPECT_TRUE(both.boots_uefi);
  for (const char* name : {"t2.micro", "m5.metal", "c7i.metal-24xl", "i3.metal", "g4ad.xlarge",
                           "p4d.24xlarge", "u-12tb1.112xlarge", "vt1.3xlarge", "dl1.24xlarge"}) {
    EXPECT_TRUE(known(name).boots_bios) << name;
    EXPECT_FALSE(known(name).boots_uefi) << name;
  }
  for (const char* name : {"m7g.large", "m7g.metal", "a1.medium"}) {
    EXPECT_FALSE(known(name).boots_bios) << name;
    EXPECT_TRUE(known(name).boots_uefi) << name;
  }
}

TEST(InstanceTypes, BareMetalOfAXenFamilyIsNitro) {
  const InstanceType type = known("i3.metal");
  EXPECT_TRUE(type.metal);
  EXPECT_EQ(type.hypervisor, Hypervisor::nitro);
  EXPECT_EQ(describe(type), "a bare metal Nitro v2 instance (x86_64, BIOS)");
}

TEST(InstanceTypes, SaysNothingOfWhatItDoesNotKnow) {
  for (const char* name : {"m99x.large", "m5", "", ".", "m5.", ".large", "M5.large", "m5 large",
                           "m5.large m4.large", " m5.large", "m5 m5a.large"}) {
    EXPECT_FALSE(find_instance_type(name)) << name;
  }
}

TEST(InstanceTypes, NamesHaveAForm) {
  EXPECT_TRUE(is_instance_type_name("u7in-16tb.224xlarge"));
  EXPECT_TRUE(is_instance_type_name("m99x.metal-48xl"));
  EXPECT_FALSE(is_instance_type_name("m5.large.extra"));
  EXPECT_FALSE(is_instance_type_name(std::string(70, 'm') + ".large"));
}

}  // namespace
}  // namespace rehost
