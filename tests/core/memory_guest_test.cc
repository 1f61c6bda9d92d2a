#include "tests/support/memory_guest.h"
#include "tests/support/guest_contract.h"

namespace rehost {
namespace {

struct InMemory {
  static Guest& guest() {
    static MemoryGuest guest = [] {
      MemoryGuest made;
      made.add_file("/prepared/first", "linked");
      made.add_hard_link("/prepared/second", "/prepared/first");
      return made;
    }();
    return guest;
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, GuestContract, InMemory);

TEST(MemoryGuest, FifosAndDevicesAreNeverRead) {
  MemoryGuest guest;
  guest.add_device("/dev/pipe", FileType::fifo);
  guest.add_symlink("/etc/fstab", "/dev/pipe");
  EXPECT_FALSE(guest.read(GuestPath("/etc/fstab"), 100));
}

}  // namespace
}  // namespace rehost
