// The contract of Guest on the real appliance, and what only the appliance can do. One launch for
// all.
#include "converter/guestfs_guest.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/support/guest_contract.h"

namespace rehost {
namespace {

class IgnoredEvents : public EventSink {
 public:
  void on(const Event&) override {}
};

// An ext4 disk in a directory of its own.
struct Appliance {
  Appliance() {
    char name[] = "/var/tmp/rehost-test-XXXXXX";
    directory = mkdtemp(name);
    disk = directory + "/disk.raw";
    std::filesystem::create_directories(directory + "/tree/prepared");
    std::ofstream(directory + "/tree/prepared/first") << "linked";
    std::filesystem::create_hard_link(directory + "/tree/prepared/first",
                                      directory + "/tree/prepared/second");
    const std::string make =
        "truncate -s 64M " + disk + " && mke2fs -q -t ext4 -F -d " + directory + "/tree " + disk;
    if (std::system(make.c_str()) != 0) {  // NOLINT: a test makes its own disk
      throw std::runtime_error("cannot make a disk: " + make);
    }
    ApplianceOptions options;
    options.work_directory = directory;
    // A directory or "stock", as rehost has it; ctest runs both.
    const char* named = getenv("REHOST_APPLIANCE");  // NOLINT: no thread is there yet
    options.search.named = named == nullptr ? "" : named;
    guest = std::make_unique<GuestfsGuest>(std::vector<Drive>{{disk, "raw"}}, options, events);
    guest->mount(DeviceName("/dev/sda"), GuestPath("/"), "rw");
  }
  ~Appliance() {
    guest.reset();
    std::filesystem::remove_all(directory);
  }
  Appliance(const Appliance&) = delete;
  Appliance& operator=(const Appliance&) = delete;

  static Appliance& shared() {
    static Appliance appliance;
    return appliance;
  }

  IgnoredEvents events;
  std::string directory;
  std::string disk;
  std::unique_ptr<GuestfsGuest> guest;
};

struct InAppliance {
  static Guest& guest() { return *Appliance::shared().guest; }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Appliance, GuestContract, InAppliance);

TEST(GuestfsGuest, ProbesADiskWithoutPartitions) {
  const ProbedDevices found = Appliance::shared().guest->probe();
  ASSERT_EQ(found.disks.size(), 1U);
  EXPECT_EQ(found.disks[0].filesystem.type, "ext4");
  EXPECT_EQ(found.disks[0].filesystem.uuid.size(), 36U);
  EXPECT_TRUE(found.contents.empty());
}

TEST(GuestfsGuest, SaysThatTheGuestIsFull) {
  Guest& guest = *Appliance::shared().guest;
  try {
    guest.write(GuestPath("/too-large"), std::string(80U << 20, 'x'), 0644);
    FAIL() << "80 MiB fit into 64";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported_guest) << error.what();
    EXPECT_NE(std::string(error.what()).find("/too-large"), std::string::npos) << error.what();
  }
  guest.remove(GuestPath("/too-large"));
}

}  // namespace
}  // namespace rehost
