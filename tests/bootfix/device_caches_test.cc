#include "bootfix/device_caches.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

MemoryGuest fixed(const MemoryGuest& guest) {
  testing::expect_plan_laws(guest, testing::two_disks(), Target{}, std::span(&kDeviceCachesFix, 1));
  return testing::converted(guest, testing::two_disks(), Target{}, std::span(&kDeviceCachesFix, 1));
}

TEST(DeviceCaches, AreRemoved) {
  MemoryGuest guest;
  for (const std::string_view path : device_cache_files()) {
    guest.add_file(path, "<device DEVNO=\"0x0801\">/dev/sda1</device>\n");
  }
  const MemoryGuest after = fixed(guest);
  for (const std::string_view path : device_cache_files()) {
    EXPECT_FALSE(after.stat(GuestPath(path))) << path;
  }
}

TEST(DeviceCaches, LinksIntoRunStay) {
  MemoryGuest guest;
  guest.add_symlink("/etc/blkid.tab", "/dev/.blkid.tab");
  EXPECT_EQ(fixed(guest).nodes(), guest.nodes());
}

}  // namespace
}  // namespace rehost
