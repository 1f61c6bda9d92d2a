#include "converter/instance_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace rehost {
namespace {

// The families by what they run on, in lower case, a blank before and after each.
struct FamilyRow {
  int nitro_generation;  // 0: Xen
  std::string_view architecture;
  std::string_view families;
};

// Column "Hypervisor" and "Processor type (architecture)" of the tables "Instance family summary"
// in AWS's "Amazon EC2 Instance Types" guide, pages gp, co, mo, so, ac, hpc and pg, as they were in
// the summer of 2026. A name alone does not tell: m8g is Nitro v5 and m8gn is v6.
constexpr std::array<FamilyRow, 12> kFamilies{{
    {0, "x86_64", " c1 c3 c4 d2 g3 h1 i2 i3 m1 m2 m3 m4 p3 r3 r4 t1 t2 x1 x1e "},
    {2, "x86_64", " c5 c5a c5ad c5d m5 m5a m5ad m5d r5 r5a r5ad r5b r5d t3 t3a z1d "},
    {2, "arm64", " a1 c6g c6gd g5g m6g m6gd r6g r6gd t4g x2gd "},
    {3, "x86_64",
     " c5n d3 d3en dl1 dl2q g4ad g4dn g5 i3en inf1 m5dn m5n m5zn p3dn p4d p4de r5dn r5n u-12tb1 "
     "u-18tb1 u-24tb1 u-3tb1 u-6tb1 u-9tb1 vt1 x2iezn "},
    {4, "x86_64",
     " c6a c6i c6id c6in c7a c7i c7i-flex f2 g6 g6e g6f gr6 gr6f hpc6a hpc6id hpc7a i4i i7i inf2 "
     "m6a m6i m6id m6idn m6in m7a m7i m7i-flex p5 p5e r6a r6i r6id r6idn r6in r7a r7i r7iz trn1 "
     "trn1n u7i-12tb u7i-6tb u7i-8tb u7in-16tb u7in-24tb u7in-32tb u7inh-32tb x2idn x2iedn "},
    {4, "arm64", " c6gn c7g c7gd i4g im4gn is4gen m7g m7gd r7g r7gd "},
    {5, "x86_64", " i7ie p5en trn2 trn2u "},
    {5, "arm64", " c7gn c8g c8gd hpc7g i8g m8g m8gd p6e-gb200 r8g r8gd x8g "},
    {6, "x86_64",
     " c8a c8i c8i-flex c8ib c8id c8in c8ine g7e hpc8a m8a m8azn m8i m8i-flex m8ib m8id m8idb "
     "m8idn m8in m8ine p6-b200 p6-b300 r8a r8i r8i-flex r8ib r8id r8idb r8idn r8in x8aedz x8i "},
    {6, "arm64", " c8gb c8gn i8ge m8gb m8gn m9g m9gd r8gb r8gn "},
    {2, "mac", " mac1 mac2 mac2-m1ultra mac2-m2 mac2-m2pro mac-m4max "},
    {5, "mac", " mac-m4 mac-m4pro "},
}};

// "Requirements to launch an EC2 instance in UEFI boot mode" in the EC2 user guide: every Nitro
// instance boots both ways, "except the following: bare metal instances, DL1, G4ad, P4, u-3tb1,
// u-6tb1, u-9tb1, u-12tb1, u-18tb1, u-24tb1, and VT1". DescribeInstanceTypes has legacy-bios alone
// for those (c6i.metal, for one) and for every Xen type.
constexpr std::string_view kBiosAlone =
    " dl1 g4ad p4d p4de u-12tb1 u-18tb1 u-24tb1 u-3tb1 u-6tb1 u-9tb1 vt1 ";

bool is_one_of(std::string_view families, std::string_view family) {
  return families.find(fmt::format(" {} ", family)) != std::string_view::npos;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

void add_boot_modes(InstanceType& type, std::string_view family) {
  if (type.architecture == "arm64") {
    type.boots_uefi = true;  // "Graviton instance types: UEFI", and nothing else
  } else if (type.architecture == "x86_64") {
    type.boots_bios = true;
    type.boots_uefi =
        type.hypervisor == Hypervisor::nitro && !type.metal && !is_one_of(kBiosAlone, family);
  }
}

}  // namespace

std::string_view to_string(Hypervisor hypervisor) {
  return hypervisor == Hypervisor::xen ? "xen" : "nitro";
}

bool is_instance_type_name(std::string_view name) {
  constexpr size_t kLongest = 64;
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || name.size() > kLongest) {
    return false;
  }
  const std::string_view family = name.substr(0, dot);
  const std::string_view size = name.substr(dot + 1);
  return !family.empty() && !size.empty() &&
         std::all_of(family.begin(), family.end(), is_name_character) &&
         std::all_of(size.begin(), size.end(), is_name_character);
}

std::optional<InstanceType> find_instance_type(std::string_view name) {
  if (!is_instance_type_name(name)) {
    return std::nullopt;
  }
  const std::string_view family = name.substr(0, name.find('.'));
  const auto row = std::find_if(kFamilies.begin(), kFamilies.end(), [&](const FamilyRow& known) {
    return is_one_of(known.families, family);
  });
  if (row == kFamilies.end()) {
    return std::nullopt;
  }
  InstanceType type{.name = std::string(name),
                    .architecture = std::string(row->architecture),
                    .nitro_generation = row->nitro_generation};
  type.metal = name.substr(family.size() + 1).starts_with("metal");
  if (type.metal && type.nitro_generation == 0) {
    type.nitro_generation = 2;  // "i3.metal instances are built on the AWS Nitro System"
  }
  type.hypervisor = type.nitro_generation == 0 ? Hypervisor::xen : Hypervisor::nitro;
  add_boot_modes(type, family);
  return type;
}

std::string describe(const InstanceType& type) {
  const std::string_view boots = type.boots_bios && type.boots_uefi ? "BIOS or UEFI"
                                 : type.boots_uefi                  ? "UEFI"
                                 : type.boots_bios                  ? "BIOS"
                                                                    : "macOS only";
  const std::string kind =
      type.hypervisor == Hypervisor::xen
          ? "a Xen"
          : fmt::format("a{} Nitro v{}", type.metal ? " bare metal" : "", type.nitro_generation);
  return fmt::format("{} instance ({}, {})", kind, type.architecture, boots);
}

}  // namespace rehost
