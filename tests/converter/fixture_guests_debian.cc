#include "tests/bootfix/guests.h"
#include "tests/converter/fixture_guests.h"

namespace rehost {
namespace {

using testing::partition_of;

FixtureGuest debian12() {
  return {
      .name = "debian12",
      .distro = "debian",
      // sda1 /, sda2 swap, sdb1 /data
      .filesystems = {partition_of(0, 1, "ext4", std::string(testing::kRootUuid)),
                      partition_of(0, 2, "swap", std::string(testing::kSwapUuid)),
                      partition_of(1, 1, "ext4", std::string(testing::kDataUuid))},
      .kernels = {{.release = "6.1.0-56-amd64",
                   .initramfs_file = "/boot/initrd.img-{}",
                   .initramfs = {.kind = InitramfsKind::initramfs_tools, .codec = Codec::zstd}}},
      .programs = {"/usr/bin/dash", "/usr/sbin/update-initramfs"},
  };
}

}  // namespace

std::vector<FixtureGuest> debian_fixtures() {
  return {debian12()};
}

}  // namespace rehost
